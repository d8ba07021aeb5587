use cache_runtime::cached;

#[cached(ttl = "LIST", key = "load:<id>")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
