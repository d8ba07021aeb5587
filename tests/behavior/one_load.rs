//! P3 without Redis: who waits for whose load, and what ends the waiting. Time is turned by hand.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, cached};
use tokio::time::{sleep, timeout};

struct Source {
    cache: Cache,
    bodies: AtomicU32,
}

impl Source {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            cache: Cache::new(CacheConfig::default()).unwrap(),
            bodies: AtomicU32::new(0),
        })
    }

    fn bodies(&self) -> u32 {
        self.bodies.load(SeqCst)
    }
}

/// Longer than any waiting that is to end.
const LONG: Duration = Duration::from_secs(600);

#[cached(ttl = "5m", key = "slow:<id>", cache = source.cache, skip(source, takes))]
async fn slow(source: &Source, id: u32, takes: Duration) -> u32 {
    source.bodies.fetch_add(1, SeqCst);
    sleep(takes).await;
    id
}

#[tokio::test(start_paused = true)]
async fn a_call_that_lives_on_unpolled_holds_up_no_other() {
    let source = Source::new();
    let mut first = pin!(slow(&source, 1, LONG));
    tokio::select! {
        _ = &mut first => unreachable!("it takes long"),
        () = sleep(Duration::from_millis(10)) => {}
    }
    // The first call is alive, in this very task, and nobody polls it.
    let began = tokio::time::Instant::now();
    let second = slow(&source, 1, Duration::ZERO);
    assert_eq!(timeout(LONG, second).await, Ok(1));
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    // Whoever comes now is not held up again.
    let third = slow(&source, 1, Duration::ZERO);
    assert_eq!(timeout(Duration::from_millis(1), third).await, Ok(1));
    assert_eq!(source.bodies(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_takes_long_is_waited_for() {
    let source = Source::new();
    let calls = (0..10).map(|_| {
        let source = source.clone();
        tokio::spawn(async move { slow(&source, 1, LONG).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 1);
    }
    assert_eq!(source.bodies(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_calls_in_one_task_share_one_load() {
    let source = Source::new();
    let both = async { tokio::join!(slow(&source, 1, LONG), slow(&source, 1, LONG)) };
    assert_eq!(both.await, (1, 1));
    assert_eq!(source.bodies(), 1);
}

/// A walk that ends by an argument which the key does not hold.
#[cached(ttl = "5m", key = "reach:<node>", cache = source.cache, skip(source, seen))]
async fn reach(source: &Source, node: u32, mut seen: Vec<u32>) -> u32 {
    source.bodies.fetch_add(1, SeqCst);
    if seen.contains(&node) {
        return 0;
    }
    seen.push(node);
    1 + reach_boxed(source, 3 - node, seen).await
}

fn reach_boxed(
    source: &Source,
    node: u32,
    seen: Vec<u32>,
) -> Pin<Box<dyn Future<Output = u32> + Send + '_>> {
    Box::pin(reach(source, node, seen))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_calls_its_own_key_runs_again_at_once() {
    let source = Source::new();
    let walk = timeout(Duration::from_millis(1), reach_boxed(&source, 1, vec![]));
    assert_eq!(walk.await, Ok(2));
    assert_eq!(source.bodies(), 3, "1, 2, and 1 again, which ends it");
}
