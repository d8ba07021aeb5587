use cache_runtime::{CacheKey, cached};

#[cached(invalidates = ["jobs:", CacheKey::of("job").segment(&id)], invalidates_within = "job:")]
async fn change(id: u64) {}

fn main() {}
