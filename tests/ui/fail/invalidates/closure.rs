use cache_runtime::{CacheKey, cached};

#[cached(invalidates = |job| CacheKey::of("job").segment(job), invalidates_within = "job:")]
async fn change(id: u64) -> u64 {
    id
}

fn main() {}
