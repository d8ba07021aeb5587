use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", soft_timeout = "100ms")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
