use cache_runtime::cached;

#[cached(put, ttl = "list", key = "load:<id>", shadow)]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
