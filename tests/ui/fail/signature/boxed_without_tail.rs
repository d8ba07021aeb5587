use cache_runtime::cached;

use std::future::{Future, ready};
use std::pin::Pin;

#[cached(ttl = "list")]
fn load(id: u64) -> Pin<Box<dyn Future<Output = u64>>> {
    let future = ready(id);
    Box::pin(future)
}

fn main() {}
