use cache_runtime::cached;

#[cached(ttl = "5 parsecs", key = "load:<id>")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
