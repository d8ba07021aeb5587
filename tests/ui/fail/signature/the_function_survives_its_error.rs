use cache_runtime::cached;

#[cached(ttl = "lisst")]
async fn load(id: u64) -> u64 {
    id
}

async fn caller() -> u64 {
    load(1).await
}

fn main() {}
