use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", stale = "1m", timeout = "1s", soft_timeout = "1s")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
