use cache_runtime::cached;

use std::rc::Rc;

#[cached(ttl = "list")]
async fn load(id: u64) -> u64 {
    let shared = Rc::new(id);
    tokio::task::yield_now().await;
    *shared
}

#[cached(invalidates = "load:")]
async fn change(id: u64) {
    let shared = Rc::new(id);
    tokio::task::yield_now().await;
    drop(shared);
}

fn main() {}
