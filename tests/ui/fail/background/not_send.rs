use cache_runtime::cached;

use std::rc::Rc;

#[cached(ttl = "list", stale = "1m")]
async fn load(id: u64) -> u64 {
    let shared = Rc::new(id);
    tokio::task::yield_now().await;
    *shared
}

fn main() {}
