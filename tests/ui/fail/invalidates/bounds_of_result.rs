use cache_runtime::{CacheKey, cached};

#[cached(invalidates = CacheKey::of("job").segment(result), invalidates_within = "job:<result>")]
async fn change(id: u64) -> u64 {
    id
}

fn main() {}
