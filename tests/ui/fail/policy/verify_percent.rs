use cache_runtime::cached;

#[cached(ttl = "list", verify = "1%")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
