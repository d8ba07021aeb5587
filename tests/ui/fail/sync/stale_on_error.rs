use cache_runtime::cached;

#[cached(ttl = "1h", key = "rate:<id>", stale_on_error = "1d", retry = "1m")]
fn rate(id: u64) -> u64 {
    id
}

fn main() {}
