use cache_runtime::cached;

#[cached(ttl = "list", early)]
async fn load(names: &[&str]) -> usize {
    names.len()
}

fn main() {}
