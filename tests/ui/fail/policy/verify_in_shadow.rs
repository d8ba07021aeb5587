use cache_runtime::cached;

#[cached(ttl = "list", shadow, verify = 100)]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
