use cache_runtime::cached;

#[cached(ttl = |value| *value as f64, key = "load:<id>")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
