use cache_runtime::cached;

#[cached(tll = "list", ttl = "lisst")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
