use cache_runtime::cached;

#[derive(Clone)]
struct Rate;

#[cached(ttl = "1h", key = "rate:<id>")]
fn rate(id: u64) -> Rate {
    let _ = id;
    Rate
}

fn main() {}
