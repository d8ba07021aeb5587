use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", none_ttl = "5s")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
