use cache_runtime::cached;

#[cached(ttl = "1h", key = "rate:<id>", verify = 100)]
fn rate(id: u64) -> u64 {
    id
}

fn main() {}
