use cache_runtime::cached;

#[cached(ttl = "list", timeout = "2s")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
