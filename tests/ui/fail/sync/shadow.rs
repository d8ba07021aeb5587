use cache_runtime::cached;

#[cached(ttl = "1h", key = "rate:<id>", shadow)]
fn rate(id: u64) -> u64 {
    id
}

fn main() {}
