use cache_runtime::cached;

#[cached(ttl = "list", shadow = true)]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
