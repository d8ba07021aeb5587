//! `ttl = |value| …`: how long a value lives is known only when it is there.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::testing::{self, Scope};
use cache_runtime::{CacheConfig, assert_hit, assert_miss, assert_stale, cached, observe};
use cache_tests::RedisServer;
use tokio::time::advance;

/// A token of an identity provider, and how long it is valid.
#[cached(ttl = |token| Duration::from_secs(token.1), key = "token:<client>")]
async fn token(client: u64) -> (u64, u64) {
    (client, client)
}

static SECONDS: AtomicU64 = AtomicU64::new(60);

#[cached(ttl = |value| *value, key = "maybe:<id>", none_ttl = "5s")]
async fn maybe(id: u64) -> Result<Option<u64>, String> {
    match id {
        0 => Ok(None),
        1 => Err("no".to_owned()),
        id => Ok(Some(id)),
    }
}

#[cached(put, ttl = |value| *value, key = "maybe:<id>", skip(seconds))]
async fn put_maybe(id: u64, seconds: u64) -> Option<u64> {
    let _ = id;
    Some(seconds)
}

#[cached(ttl = |value| *value, key = "stale", stale = "1h")]
async fn stale() -> u64 {
    SECONDS.load(SeqCst)
}

#[cached(ttl = |value| *value, key = "some:<value>", when = |value| *value != 40)]
async fn some(value: u64) -> u64 {
    value
}

#[tokio::test(start_paused = true)]
async fn each_value_lives_as_long_as_it_says() {
    testing::scope(async {
        assert_miss!(token(10));
        assert_miss!(token(100));
        advance(Duration::from_secs(9)).await;
        assert_hit!(token(10));
        advance(Duration::from_secs(2)).await;
        assert_miss!(token(10));
        advance(Duration::from_secs(80)).await;
        assert_hit!(token(100));
        advance(Duration::from_secs(10)).await;
        assert_miss!(token(100));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn zero_stores_nothing_and_so_does_what_when_refuses() {
    testing::scope(async {
        assert_miss!(token(0));
        assert_miss!(token(0));
        assert_miss!(some(40));
        assert_miss!(some(41));
        assert_hit!(some(41));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn none_has_its_own_ttl_and_errors_none() {
    testing::scope(async {
        assert_eq!(assert_miss!(maybe(0)), Ok(None));
        advance(Duration::from_secs(4)).await;
        assert_eq!(assert_hit!(maybe(0)), Ok(None));
        advance(Duration::from_secs(2)).await;
        assert_eq!(assert_miss!(maybe(0)), Ok(None));
        assert_eq!(assert_miss!(maybe(1)), Err("no".to_owned()));
        assert_miss!(maybe(1)).unwrap_err();
        assert_miss!(maybe(2)).unwrap();
        advance(Duration::from_secs(3)).await;
        assert_miss!(maybe(2)).unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_put_and_a_refresh_give_the_entry_the_ttl_of_the_new_value() {
    testing::scope(async {
        put_maybe(7, 100).await;
        advance(Duration::from_secs(90)).await;
        assert_eq!(assert_hit!(maybe(7)), Ok(Some(100)));
        assert_eq!(maybe::refresh(7).await, Ok(Some(7)));
        advance(Duration::from_secs(6)).await;
        assert_eq!(assert_hit!(maybe(7)), Ok(Some(7)));
        advance(Duration::from_secs(2)).await;
        assert_miss!(maybe(7)).unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_the_background_counts_from_the_ttl_of_the_value_that_is_there() {
    testing::scope(async {
        SECONDS.store(60, SeqCst);
        assert_miss!(stale());
        SECONDS.store(600, SeqCst);
        advance(Duration::from_secs(61)).await;
        assert_stale!(stale());
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(assert_hit!(stale()), 600);
        advance(Duration::from_secs(590)).await;
        assert_hit!(stale());
    })
    .await;
}

/// A call that shares the load of another does not know the TTL of the value, and reports none.
#[tokio::test]
async fn a_call_that_shares_the_load_tells_no_ttl() {
    let scope = Scope::new();
    let held = scope.hold("token:").unwrap();
    let leader = scope.spawn(observe(token(30)));
    held.reached().await;
    let waiter = scope.spawn(observe(token(30)));
    tokio::task::yield_now().await;
    held.release();
    let (_, led) = leader.await.unwrap();
    let (_, shared) = waiter.await.unwrap();
    assert_eq!(led.calls()[0].ttl, Duration::from_secs(30));
    assert_eq!(shared.calls()[0].status, cache_runtime::Status::Coalesced);
    assert_eq!(shared.calls()[0].ttl, Duration::ZERO);
}

#[tokio::test]
async fn another_process_reads_it_from_redis_with_the_same_ttl() {
    let server = RedisServer::start();
    let scope = || {
        let config = CacheConfig::default().redis_url(server.url());
        Scope::with(config.budget(Duration::from_secs(10))).unwrap()
    };
    let (writer, reader) = (scope(), scope());
    writer.run(async { assert_miss!(token(3_000)) }).await;
    writer.cache().close(Duration::from_secs(10)).await;
    let (_, observed) = reader.run(observe(token(3_000))).await;
    assert_eq!(observed.as_str(), Some("HIT"));
    assert_eq!(observed.calls()[0].ttl, Duration::from_secs(3_000));
}
