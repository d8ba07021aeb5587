//! One function, one miss, one hit.
//!
//! `cargo run -p quickstart` needs nothing else: without Redis the cache is this process's memory.
//! Give it one (`REDIS_URL=redis://127.0.0.1 cargo run -p quickstart`) and run it twice within a
//! minute: the second process finds what the first has left, and both its calls are hits.

use std::time::{Duration, Instant};

use cache_runtime::cached;

/// The distance between two towns, from a source that takes its time.
///
/// `ttl` says how long an answer stays fresh, `key` what makes two calls the same. Forget `<to>` in
/// the key and this does not compile.
#[cached(ttl = "60s", key = "distance:<from>:<to>")]
async fn distance(from: &str, to: &str) -> usize {
    println!("  (asking the slow source)");
    tokio::time::sleep(Duration::from_millis(300)).await;
    100 * from.len().abs_diff(to.len())
}

#[tokio::main]
async fn main() {
    for call in ["first", "second"] {
        let start = Instant::now();
        let kilometres = distance("Aarhus", "København").await;
        println!("{call} call: {kilometres} km after {:?}", start.elapsed());
    }
    // Lets what was stored reach Redis before the process ends.
    cache_runtime::shutdown().await;
}
