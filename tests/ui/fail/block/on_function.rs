use cache_runtime::{cached, cached_defaults};

#[cached_defaults(ttl = "1m")]
#[cached(key = "job:<id>")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
