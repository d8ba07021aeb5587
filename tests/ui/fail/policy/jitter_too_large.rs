use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", jitter = "95%")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
