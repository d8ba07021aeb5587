use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", stale = "1m", stale = "2m")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
