use cache_runtime::cached;

#[cached(key = cache_runtime::CacheKey::of("first").segment(&id))]
async fn first<const N: usize>(id: u64) -> u64 {
    id + N as u64
}

fn main() {}
