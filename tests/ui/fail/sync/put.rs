use cache_runtime::cached;

#[cached(put, ttl = "1h", key = "rate:<id>")]
fn rate(id: u64) -> u64 {
    id
}

fn main() {}
