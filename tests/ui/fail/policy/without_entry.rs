use cache_runtime::cached;

#[cached(invalidates = "load:", stale = "1m", jitter = "10%", codec = "json")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
