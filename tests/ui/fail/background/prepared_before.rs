use cache_runtime::cached;

use std::future::Future;
use std::pin::Pin;

#[cached(ttl = "list", stale = "1m")]
fn load(id: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    let next = id + 1;
    Box::pin(async move { next })
}

fn main() {}
