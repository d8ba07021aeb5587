use cache_runtime::cached;

#[cached(ttl = "1h", key = "rate:<id>", ?Send)]
fn rate(id: u64) -> u64 {
    id
}

fn main() {}
