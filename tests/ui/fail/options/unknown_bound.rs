use cache_runtime::cached;

#[cached(ttl = "list", ?Sync)]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
