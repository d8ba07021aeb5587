use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", statuses = 404)]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
