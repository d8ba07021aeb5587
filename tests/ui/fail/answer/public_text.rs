use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", public = "yes")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
