use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", stale = "5m", retry = "1s")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
