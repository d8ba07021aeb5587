use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", jitter = "10")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
