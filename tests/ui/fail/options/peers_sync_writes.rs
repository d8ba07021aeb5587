use cache_runtime::cached;

#[cached(ttl = 60, sync_writes = "by_key")]
async fn job(id: u64) -> u64 {
    id
}

fn main() {}
