//! `::refresh` and `Cache::set` where the new value cannot be stored: the older one must not be served in its place.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{assert_hit, assert_miss, assert_stale, cache, cached, deferred, testing};
use tokio::time::advance;

use crate::places::everywhere;

static VALUE: AtomicU64 = AtomicU64::new(1);

#[cached(ttl = "1h", key = "row:<id>")]
async fn row(id: u64) -> u64 {
    VALUE.load(SeqCst)
}

#[cached(ttl = |value| *value, key = "lives:<id>", stale = "1h")]
async fn lives(id: u64) -> u64 {
    VALUE.load(SeqCst)
}

#[cached(ttl = "1h", key = "odd:<id>", when = |value| value % 2 == 1)]
async fn odd(id: u64) -> u64 {
    VALUE.load(SeqCst)
}

#[cached(ttl = "1h", key = "found:<id>")]
async fn found(id: u64) -> Option<u64> {
    Some(VALUE.load(SeqCst)).filter(|value| *value != 0)
}

#[cached(ttl = "1h", key = "failing:<id>")]
async fn failing(id: u64) -> Result<u64, String> {
    match VALUE.load(SeqCst) {
        0 => Err("no value".to_owned()),
        value => Ok(value),
    }
}

async fn in_a_transaction() {
    for (value, commits) in [(2, false), (3, true)] {
        VALUE.store(1, SeqCst);
        row::refresh(1).await;
        assert_eq!(assert_hit!(row(1)), 1);
        let ended = deferred(async {
            VALUE.store(value, SeqCst);
            assert_eq!(row::refresh(1).await, value);
            if commits { Ok(()) } else { Err(()) }
        })
        .await;
        assert_eq!(ended.is_ok(), commits);
        if commits {
            assert_eq!(assert_miss!(row(1)), value);
        } else {
            VALUE.store(1, SeqCst);
            assert_eq!(
                assert_hit!(row(1)),
                1,
                "what was rolled back is not published"
            );
        }
    }
}

#[tokio::test]
async fn a_refresh_inside_a_transaction_publishes_nothing() {
    everywhere(in_a_transaction).await;
}

async fn nothing_to_store() {
    VALUE.store(61, SeqCst);
    // A refresh waits for its store.
    lives::refresh(1).await;
    odd::refresh(1).await;
    found::refresh(1).await;
    VALUE.store(0, SeqCst);
    assert_eq!(lives::refresh(1).await, 0);
    assert_eq!(odd::refresh(1).await, 0);
    assert_eq!(found::refresh(1).await, None);
    assert_eq!(assert_miss!(lives(1)), 0);
    assert_eq!(assert_miss!(odd(1)), 0);
    assert_eq!(assert_miss!(found(1)), None);
    // An error is no newer value.
    VALUE.store(7, SeqCst);
    failing::refresh(1).await.unwrap();
    VALUE.store(0, SeqCst);
    failing::refresh(1).await.unwrap_err();
    assert_eq!(assert_hit!(failing(1)), Ok(7));
}

#[tokio::test]
async fn a_refresh_whose_value_is_not_stored_removes_the_older_one() {
    everywhere(nothing_to_store).await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_the_background_does_so_too() {
    testing::scope(async {
        VALUE.store(60, SeqCst);
        assert_miss!(lives(2));
        VALUE.store(0, SeqCst);
        advance(Duration::from_secs(61)).await;
        assert_eq!(assert_stale!(lives(2)), 60);
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(assert_miss!(lives(2)), 0);
    })
    .await;
}

async fn set_for_no_time() {
    let hour = Duration::from_secs(3_600);
    cache().set("one", &1_u64, hour).await.unwrap();
    cache().set("one", &2_u64, Duration::ZERO).await.unwrap();
    assert_eq!(cache().get::<u64>("one").await, None);
    cache().set("one", &1_u64, hour).await.unwrap();
    let pairs = [("one".into(), 2_u64), ("two".into(), 2)];
    cache().set_many(&pairs, Duration::ZERO).await.unwrap();
    assert_eq!(cache().get::<u64>("one").await, None);
}

#[tokio::test]
async fn a_value_that_is_set_for_no_time_removes_the_older_one() {
    everywhere(set_for_no_time).await;
}
