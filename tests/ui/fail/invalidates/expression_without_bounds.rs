use cache_runtime::{CacheKey, cached};

#[cached(invalidates = ["jobs:", result.iter().map(|id| CacheKey::of("job").segment(id))])]
async fn change(id: u64) -> Vec<u64> {
    vec![id]
}

fn main() {}
