use cache_runtime::cached;

#[cached(ttl = "list")]
async fn length(name: &str) -> usize {
    name.len()
}

fn main() {}
