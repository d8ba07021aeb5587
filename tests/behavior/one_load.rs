//! P3 without Redis: who waits for whose load, and what ends the waiting. Time is turned by hand.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Poll;
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

/// No clone of it can be given to those who wait.
#[derive(Debug, PartialEq)]
struct Refused;

/// Its first body fails.
#[cached(ttl = "5m", key = "refused:<id>", cache = source.cache, skip(source, takes))]
async fn refused_at_first(source: &Source, id: u32, takes: Duration) -> Result<u32, Refused> {
    let is_first = source.bodies.fetch_add(1, SeqCst) == 0;
    sleep(takes).await;
    if is_first { Err(Refused) } else { Ok(id) }
}

#[tokio::test(start_paused = true)]
async fn calls_that_live_on_unpolled_after_a_failed_load_hold_up_no_other() {
    let source = Source::new();
    let moment = Duration::from_millis(10);
    let mut first = pin!(refused_at_first(&source, 1, moment));
    let mut stuck: Vec<_> = (0..16)
        .map(|_| Box::pin(refused_at_first(&source, 1, LONG)))
        .collect();
    let mut last = pin!(refused_at_first(&source, 1, Duration::ZERO));
    let all = poll_fn(|context| {
        let failed = first.as_mut().poll(context);
        for call in &mut stuck {
            assert!(call.as_mut().poll(context).is_pending());
        }
        assert!(last.as_mut().poll(context).is_pending());
        failed
    });
    assert_eq!(all.await, Err(Refused));
    // The turns of those who waited first are taken, and nobody polls these calls any more.
    poll_fn(|context| {
        for call in &mut stuck {
            assert!(call.as_mut().poll(context).is_pending());
        }
        Poll::Ready(())
    })
    .await;
    assert_eq!(source.bodies(), 1 + 16);
    let began = tokio::time::Instant::now();
    assert_eq!(timeout(LONG, last).await, Ok(Ok(1)));
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
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

#[cached(ttl = "5m", key = "owned:<id>", stale = "1m", cache = source.cache, skip(source))]
async fn owned(source: Arc<Source>, id: u32) -> u32 {
    source.bodies.fetch_add(1, SeqCst);
    sleep(Duration::from_secs(10)).await;
    id
}

/// Polls what is ready, without turning time.
async fn others_run() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_that_others_wait_for_survives_the_caller_that_began_it() {
    let source = Source::new();
    let mut calls: Vec<_> = (0..10)
        .map(|_| tokio::spawn(owned(source.clone(), 1)))
        .collect();
    let last = calls.pop().unwrap();
    others_run().await;
    for call in calls {
        call.abort();
        sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(last.await.unwrap(), 1);
    assert_eq!(source.bodies(), 1);
}

#[cached(ttl = "5m", key = "borrows:<id>", cache = source.cache, skip(source, running))]
async fn borrows(source: &Source, id: u32, running: &Arc<()>) -> u32 {
    source.bodies.fetch_add(1, SeqCst);
    let _running = running.clone();
    assert_eq!(Arc::strong_count(running), 2, "another body runs");
    sleep(Duration::from_secs(10)).await;
    id
}

/// A load that borrows cannot continue without its caller: see "A load whose caller goes away" in `docs/cached.md`.
#[tokio::test(start_paused = true)]
async fn loads_that_borrow_begin_anew_as_often_as_callers_go_away_and_never_two_at_once() {
    let (source, running) = (Source::new(), Arc::new(()));
    let mut calls: Vec<_> = (0..10)
        .map(|_| Box::pin(borrows(&source, 1, &running)))
        .collect();
    while calls.len() > 1 {
        let all = poll_fn(|context| {
            for call in &mut calls {
                assert!(call.as_mut().poll(context).is_pending());
            }
            Poll::<()>::Pending
        });
        assert!(timeout(Duration::from_millis(10), all).await.is_err());
        drop(calls.remove(0));
    }
    for call in calls {
        assert_eq!(call.await, 1);
    }
    assert_eq!(source.bodies(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_nobody_waits_for_ends_with_its_caller() {
    let source = Source::new();
    let call = tokio::spawn(owned(source.clone(), 1));
    others_run().await;
    call.abort();
    others_run().await;
    assert_eq!(source.cache.stats().loads, 1, "it has ended");
    assert_eq!(owned(source.clone(), 1).await, 1);
    assert_eq!(source.bodies(), 2);
}
