use cache_runtime::cached;

#[cached(ttl = "list", stale = "1m", ?Send)]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
