use cache_runtime::cached;

#[cached(ttl = |id, value| value, key = "load:<id>")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
