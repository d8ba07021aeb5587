use cache_runtime::cached;

#[cached(ttl = "list")]
#[cached(invalidates = "load:")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
