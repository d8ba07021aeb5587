use cache_runtime::cached;

struct Page {
    skip: u64,
    limit: u64,
}

#[cached(ttl = "list", stale = "1m")]
async fn load(Page { skip, limit }: &Page) -> u64 {
    skip + limit
}

fn main() {}
