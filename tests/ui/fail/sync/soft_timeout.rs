use cache_runtime::cached;

#[cached(ttl = "1h", key = "rate:<id>", stale = "5m", soft_timeout = "1s")]
fn rate(id: u64) -> u64 {
    id
}

fn main() {}
