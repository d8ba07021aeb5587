//! How much stack a call takes that is nested in the body of another: recursion over cached functions is ordinary, and a
//! worker of tokio has 2 MiB.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cache_runtime::{Cache, CacheConfig, cached};
use parking_lot::Mutex;

struct Tree {
    cache: Cache,
    /// Where the stack was when each body ran, the outermost first.
    marks: Mutex<Vec<usize>>,
}

#[cached(ttl = "5m", key = "node:<depth>", cache = tree.cache, skip(tree))]
async fn node(tree: Arc<Tree>, depth: u32) -> u32 {
    tree.marks.lock().push(top_of_stack());
    match depth {
        0 => 0,
        _ => 1 + below(tree, depth - 1).await,
    }
}

/// Not a local of the body: that lives in the body's future, on the heap.
#[inline(never)]
fn top_of_stack() -> usize {
    let mark = std::hint::black_box(0_u8);
    std::ptr::from_ref(&mark).addr()
}

#[cached(put, ttl = "5m", key = "put:<depth>", cache = tree.cache, skip(tree))]
async fn put_node(tree: Arc<Tree>, depth: u32) -> u32 {
    tree.marks.lock().push(top_of_stack());
    match depth {
        0 => 0,
        _ => 1 + below_put(tree, depth - 1).await,
    }
}

#[cached(invalidates = "node:<depth>", cache = tree.cache, skip(tree))]
async fn write_node(tree: Arc<Tree>, depth: u32) -> u32 {
    tree.marks.lock().push(top_of_stack());
    match depth {
        0 => 0,
        _ => 1 + below_write(tree, depth - 1).await,
    }
}

fn below_put(tree: Arc<Tree>, depth: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(put_node(tree, depth))
}

fn below_write(tree: Arc<Tree>, depth: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(write_node(tree, depth))
}

fn below(tree: Arc<Tree>, depth: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(node(tree, depth))
}

const DEPTH: u32 = 10;

/// Bytes of stack from one body to the one nested in it, and the depth that the calls have counted.
async fn per_level<Fut: Future<Output = u32>>(call: impl FnOnce(Arc<Tree>) -> Fut) -> usize {
    let tree = Arc::new(Tree {
        cache: Cache::new(CacheConfig::default()).unwrap(),
        marks: Mutex::default(),
    });
    assert_eq!(call(tree.clone()).await, DEPTH);
    let marks = tree.marks.lock();
    let steps = marks.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
    steps.max().unwrap_or_default()
}

#[tokio::test]
async fn a_nested_call_takes_little_stack() {
    let most = if cfg!(debug_assertions) { 16 } else { 4 } * 1024;
    for (kind, bytes) in [
        ("miss", per_level(|tree| below(tree, DEPTH)).await),
        ("put", per_level(|tree| put_node(tree, DEPTH)).await),
        ("write", per_level(|tree| write_node(tree, DEPTH)).await),
    ] {
        assert!(bytes <= most, "{bytes} bytes for each level of a {kind}");
    }
}
