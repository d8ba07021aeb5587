//! The feature `testing`: what users' own tests are written with.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use cache_runtime::testing::{self, Scope};
use cache_runtime::{
    Cache, CacheConfig, assert_bypass, assert_hit, assert_miss, assert_stale, cached, observe,
};
use cache_tests::{Fault, FaultProxy, RedisServer, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

static RUNS: AtomicU32 = AtomicU32::new(0);

#[cached(ttl = "1m", key = "testing:double:<n>")]
async fn double(n: u32) -> u32 {
    RUNS.fetch_add(1, SeqCst);
    2 * n
}

#[cached(ttl = "1m", stale = "5m", key = "testing:stale")]
async fn stale() -> u32 {
    double(8).await
}

#[cached(ttl = "1m", key = "testing:outer")]
async fn outer() -> u32 {
    double(5).await
}

#[cached(ttl = "1m", key = "testing:named", cache = cache, skip(cache))]
async fn named(cache: &Cache) -> u32 {
    3
}

/// The text of the panic.
async fn refusal(work: impl Future<Output = ()>) -> String {
    let caught = futures_catch(work).await;
    let panic = caught.expect_err("it should have panicked");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (*other.downcast::<&str>().unwrap()).to_owned(),
    }
}

async fn futures_catch(
    work: impl Future<Output = ()>,
) -> Result<(), Box<dyn std::any::Any + Send>> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(move |context| {
        let poll = AssertUnwindSafe(|| work.as_mut().poll(context));
        match std::panic::catch_unwind(poll) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => std::task::Poll::Ready(Err(panic)),
        }
    })
    .await
}

#[tokio::test]
async fn scopes_at_the_same_time_share_neither_entries_nor_counters_nor_removals() {
    let (one, other) = (Scope::new(), Scope::new());
    one.run(async {
        assert_miss!(double(1));
        assert_hit!(double(1));
    })
    .await;
    other
        .run(async {
            assert_miss!(double(1));
            cache_runtime::cache()
                .invalidate_pattern("testing:")
                .await
                .unwrap();
            assert_miss!(double(1));
        })
        .await;
    one.run(async { assert_hit!(double(1)) }).await;
    let counted = |scope: Scope| {
        (
            scope.cache().stats().memory_hits,
            scope.cache().stats().misses,
        )
    };
    assert_eq!((counted(one), counted(other)), ((2, 1), (0, 2)));
    assert_miss!(double(1)); // outside, of the global one
}

#[tokio::test]
async fn nested_scopes_are_apart_and_the_outer_one_comes_back() {
    testing::scope(async {
        assert_miss!(double(2));
        testing::scope(async { assert_miss!(double(2)) }).await;
        assert_hit!(double(2));
    })
    .await;
}

#[tokio::test]
async fn tasks_are_inside_if_they_are_started_through_it() {
    let scope = Scope::new();
    scope
        .run(async {
            assert_miss!(double(3));
            testing::spawn(async { assert_hit!(double(3)) })
                .await
                .unwrap();
            tokio::spawn(async { assert_miss!(double(3)) })
                .await
                .unwrap();
        })
        .await;
    scope.spawn(async { assert_hit!(double(3)) }).await.unwrap();
    testing::spawn(async { assert_hit!(double(3)) })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_function_with_a_cache_of_its_own_uses_that() {
    let own = Cache::new(CacheConfig::default()).unwrap();
    testing::scope(async {
        assert_miss!(named(&own));
        assert_hit!(named(&own));
    })
    .await;
    assert_eq!(own.stats().misses, 1);
}

/// The body of a refresh runs in a task of the cache's own, and calls another cached function there.
#[tokio::test(start_paused = true)]
async fn refreshes_stay_inside() {
    let scope = Scope::new();
    scope
        .run(async {
            assert_miss!(stale());
            tokio::time::advance(Duration::from_secs(61)).await;
            assert_stale!(stale());
            for _ in 0..10_000 {
                tokio::task::yield_now().await;
            }
            assert_eq!(
                scope.cache().stats().loads,
                4,
                "two for each call of `stale`"
            );
        })
        .await;
    assert_miss!(stale()); // outside, nothing has been loaded
}

#[tokio::test]
async fn warming_stays_inside() {
    let scope = Scope::new();
    scope
        .run(async {
            let calls = (40..43).map(|n| (double::key(n), double(n)));
            let report = cache_runtime::cache().warm(calls).await;
            assert_eq!(report.loaded, 3);
            assert_hit!(double(42));
        })
        .await;
    assert_miss!(double(42)); // outside, nothing has been loaded
}

#[tokio::test]
async fn what_went_another_way_is_told_with_its_reasons() {
    testing::scope(async {
        let told = refusal(async {
            assert_hit!(outer());
        })
        .await;
        assert!(
            told.starts_with("`outer()` was expected to be a HIT, but was a MISS\n"),
            "{told}"
        );
        assert!(
            told.contains("testing::double: miss, because: absent")
                && told.contains("testing::outer: miss, because: absent"),
            "{told}"
        );
        let told = refusal(async {
            assert_miss!(std::future::ready(1));
        })
        .await;
        assert!(told.contains("called no cached function"), "{told}");
    })
    .await;
    let off = Scope::with(CacheConfig::default().enabled(false)).unwrap();
    off.run(async { assert_bypass!(double(4)) }).await;
}

#[tokio::test]
async fn requests_of_a_server_are_inside_with_the_layer() {
    let scope = Scope::new();
    let app: Router = Router::new()
        .route("/", get(async || double(6).await.to_string()))
        .layer(scope.layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(axum::serve(listener, app).into_future());
    for _ in 0..2 {
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("12"), "{answer}");
    }
    serving.abort();
    let stats = scope.cache().stats();
    assert_eq!((stats.misses, stats.memory_hits), (1, 1));
}

#[tokio::test]
async fn held_loads_wait_at_the_end_of_their_bodies_until_they_are_released() {
    let scope = Scope::new();
    let held = scope.hold("testing:double:").unwrap();
    let calls = [20, 21].map(|n| scope.spawn(double(n)));
    held.reached_by(2).await;
    assert_eq!((held.held(), scope.cache().stats().stores), (2, 0));
    // One whose caller goes away is no longer held.
    let [first, second] = calls;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(held.held(), 1);
    held.release();
    assert_eq!(second.await.unwrap(), 42);
    scope.run(async { assert_hit!(double(21)) }).await;
    let other = scope.hold("testing:other").unwrap();
    scope.run(async { assert_miss!(double(22)) }).await;
    assert_eq!(other.held(), 0);
    assert!(scope.hold("testing:<n>").is_err(), "not a pattern");
}

#[tokio::test]
async fn a_removal_during_a_held_load_wins_with_redis_too() {
    let server = RedisServer::start();
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(Duration::from_secs(10));
    let scope = Scope::with(config).unwrap();
    let held = scope.hold("testing:double:30").unwrap();
    let reader = scope.spawn(double(30));
    held.reached().await;
    scope.run(double::invalidate(30)).await;
    held.release();
    assert_eq!(reader.await.unwrap(), 60);
    scope.run(async { assert_miss!(double(30)) }).await;
}

#[test]
fn a_second_init_says_what_to_do_instead() {
    cache_runtime::init(CacheConfig::default()).unwrap();
    let error = cache_runtime::init(CacheConfig::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Cache::new") && error.contains("testing::scope"),
        "{error}"
    );
}

#[cached(ttl = "1m", key = "price:<item>")]
async fn price(item: u32) -> u32 {
    10 * item
}

/// The example of the README of `cache-testkit`.
#[tokio::test]
async fn prices_are_told_while_redis_is_away() {
    let redis = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&redis);
    proxy.set_round_trip(Duration::from_millis(5));
    let scope = Scope::with(CacheConfig::default().redis_url(proxy.url())).unwrap();
    scope
        .run(async {
            assert_eq!(price(7).await, 70);
            proxy.set(Fault::BlackHole);
            assert_eq!(price(7).await, 70);
            proxy.up();
            redis.kill9();
            assert_eq!(price(8).await, 80);
            eventually(Duration::from_secs(20), "a hit in memory", async || {
                (observe(price(8)).await.1.hits == 1).then_some(())
            })
            .await;
        })
        .await;
}
