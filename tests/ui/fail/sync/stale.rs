use cache_runtime::cached;

#[cached(ttl = "1h", key = "rate:<id>", stale = "5m")]
fn rate(id: u64) -> u64 {
    id
}

fn main() {}
