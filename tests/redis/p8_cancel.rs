//! P8: a caller that goes away at any moment leaves no lock behind, and takes no removal with it.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use cache_runtime::cached;
use cache_tests::{Fault, FaultProxy, RedisServer, eventually};

use crate::app::{App, Db, SOON, exact, item, item_in_task, timed};

/// A dead holder may cost two seconds; one that was dropped must cost less.
const PROMPT: Duration = Duration::from_secs(1);

/// Polls so many times, each but the first when it was woken, and drops the future. True when it had ended by then.
async fn dropped_after(polls: u32, work: impl Future) -> bool {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending => {
            left -= 1;
            if left == 0 {
                Poll::Ready(false)
            } else {
                Poll::Pending
            }
        }
    })
    .await
}

/// Drops `work` after one poll, after two, … until it ends by itself; `check` runs after each.
async fn dropped_everywhere<F: Future>(
    mut work: impl FnMut(u32) -> F,
    mut check: impl AsyncFnMut(u32),
) {
    for polls in 1..100 {
        let ended = dropped_after(polls, work(polls)).await;
        check(polls).await;
        if ended {
            assert!(polls > 3, "there were awaits to be dropped at");
            return;
        }
    }
    panic!("it never ended");
}

#[cached(ttl = "5m", key = "slow:<id>", cache = app.cache, skip(app))]
async fn slow_read(app: &App, id: u32) -> u64 {
    tokio::task::yield_now().await;
    let value = app.db.read().await;
    tokio::task::yield_now().await;
    value
}

#[cached(invalidates = ["item:", "exact:"], cache = app.cache)]
async fn slow_write(app: &App, value: u64) {
    app.db.commit(value);
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
}

#[cached(put, ttl = "5m", key = "item:<id>", invalidates = "exact:", cache = app.cache, skip(app, value))]
async fn slow_put(app: &App, id: u32, value: u64) -> u64 {
    app.db.commit(value);
    tokio::task::yield_now().await;
    value
}

#[tokio::test]
async fn a_read_dropped_anywhere_leaves_no_lock_behind() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    dropped_everywhere(
        |polls| slow_read(&app, polls),
        async |polls| {
            for reader in [&other, &app] {
                let (value, took) = timed(slow_read(reader, polls)).await;
                assert_eq!(value, 7);
                assert!(
                    took < PROMPT,
                    "dropped after {polls} polls; the next reader took {took:?}"
                );
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_leader_dropped_while_its_lease_is_being_planted_leaves_no_lease() {
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    let db = Db::new(7);
    let config = cache_runtime::CacheConfig::default()
        .redis_url(proxy.url())
        .budget(SOON);
    let (app, other) = (
        App::connected(config, &db).await,
        App::on(&server, &db).await,
    );
    let planted = || server.keys().contains(&"item:1".to_owned());
    // The lease stands for so long before its leader hears of it.
    proxy.set(Fault::Delay(Duration::from_millis(200)));
    let leader = item_in_task(&app, 1);
    eventually(SOON, "the lease", async || planted().then_some(())).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    assert_eq!(db.reads(), 0, "the load had not begun");
    proxy.up();
    let (_, took) = timed(async {
        eventually(SOON, "its end", async || (!planted()).then_some(())).await;
    })
    .await;
    // One that ends by itself lives 1.5 s.
    assert!(took < PROMPT, "it stood for another {took:?}");
    let (value, took) = timed(item(&other, 1)).await;
    assert_eq!(value, 7);
    assert!(took < PROMPT / 2, "the next reader took {took:?}");
}

#[tokio::test]
async fn a_lease_whose_planting_outlasts_the_budget_is_given_up() {
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    let db = Db::new(7);
    let config = cache_runtime::CacheConfig::default()
        .redis_url(proxy.url())
        .budget(Duration::from_secs(1))
        .breaker_failures(100);
    let (app, other) = (
        App::connected(config, &db).await,
        App::on(&server, &db).await,
    );
    for id in 0..20 {
        let key = format!("item:{id}");
        let planted = || server.keys().contains(&key);
        proxy.set(Fault::Delay(Duration::from_millis(200)));
        let before = app.cache.stats().timeouts;
        let call = item_in_task(&app, id);
        let seen = async || (planted() || call.is_finished()).then_some(planted());
        let seen = eventually(SOON, "the lease, or the end of the call", seen).await;
        // The answer is on its way, and stays there.
        proxy.set(Fault::Stall);
        assert_eq!(call.await.unwrap(), 7);
        let timed_out = app.cache.stats().timeouts > before;
        proxy.up();
        if !(seen && timed_out) {
            // Too busy a machine for these times: the next key may have more luck.
            app.reaches_redis().await;
            continue;
        }
        let (_, took) = timed(async {
            eventually(SOON, "its end", async || (!planted()).then_some(())).await;
        })
        .await;
        // One that ends by itself lives 1.5 s, of which less than half a second has gone.
        assert!(took < PROMPT / 2, "it stood for another {took:?}");
        assert_eq!(item(&other, id).await, 7);
        assert_eq!(
            db.reads(),
            id + 2,
            "loaded by both: without a lease, no store"
        );
        return;
    }
    panic!("no planting was overtaken by the end of its budget");
}

#[tokio::test]
async fn a_refresh_dropped_anywhere_leaves_no_lock_behind() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    dropped_everywhere(
        |polls| slow_read::refresh(&app, polls % 3),
        async |polls| {
            let (_, took) = timed(slow_read(&other, polls % 3)).await;
            assert!(
                took < PROMPT,
                "dropped after {polls} polls; the next reader took {took:?}"
            );
        },
    )
    .await;
}

/// What must hold after a write was dropped: everybody reads what is in the database.
async fn nobody_is_behind(app: &App, other: &App, value: u64, polls: u32) {
    for id in 0..3 {
        let (read, took) = timed(item(app, id)).await;
        assert_eq!(
            read, value,
            "this process is bound at once, after {polls} polls"
        );
        assert!(took < PROMPT, "after {polls} polls: {took:?}");
    }
    let bound = async || {
        let at = [
            exact(other, 0).await,
            exact(other, 1).await,
            item(other, 2).await,
        ];
        (at == [value; 3] && app.cache.journal_len() == 0).then_some(())
    };
    eventually(SOON, "the other process to be bound", bound).await;
    app.reaches_redis().await;
}

async fn warm(app: &App, other: &App) {
    for id in 0..3 {
        item(app, id).await;
        item(other, id).await;
        exact(other, id).await;
    }
}

#[tokio::test]
async fn a_write_dropped_anywhere_after_it_committed_still_removes() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    warm(&app, &other).await;
    dropped_everywhere(
        |polls| slow_write(&app, 1 + u64::from(polls)),
        async |polls| {
            nobody_is_behind(&app, &other, 1 + u64::from(polls), polls).await;
            warm(&app, &other).await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_put_dropped_anywhere_leaves_the_new_value_or_none() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    warm(&app, &other).await;
    let mut committed = 1;
    dropped_everywhere(
        |polls| slow_put(&app, 0, 1 + u64::from(polls)),
        async |polls| {
            let value = item::uncached(&app, 0).await;
            assert!(value == committed || value == 1 + u64::from(polls));
            committed = value;
            let (read, took) = timed(item(&app, 0)).await;
            assert_eq!(read, value, "after {polls} polls");
            assert!(took < PROMPT, "after {polls} polls: {took:?}");
            let bound = async || {
                ((item(&other, 0).await, exact(&other, 0).await) == (value, value)).then_some(())
            };
            eventually(SOON, "the other process to be bound", bound).await;
            app.reaches_redis().await;
            warm(&app, &other).await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_removal_dropped_anywhere_is_not_lost() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    warm(&app, &other).await;
    let mut value = 1;
    for polls in 1.. {
        value += 1;
        db.commit(value);
        let ended = dropped_after(polls, app.cache.invalidate_pattern("*")).await;
        nobody_is_behind(&app, &other, value, polls).await;
        warm(&app, &other).await;
        if ended {
            assert!(polls > 1);
            return;
        }
    }
}

#[tokio::test]
async fn a_write_dropped_while_redis_hangs_binds_this_process_at_once() {
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    let db = Db::new(1);
    let config = cache_runtime::CacheConfig::default().redis_url(proxy.url());
    let (app, other) = (
        App::connected(config, &db).await,
        App::on(&server, &db).await,
    );
    warm(&app, &other).await;
    proxy.set(Fault::BlackHole);
    assert!(
        !dropped_after(3, slow_write(&app, 2)).await,
        "it waits for Redis"
    );
    assert_eq!(item(&app, 0).await, 2);
    proxy.up();
    nobody_is_behind(&app, &other, 2, 3).await;
}

#[cached(invalidates = ["item:", "exact:"], cache = app.cache)]
async fn panics_after_its_commit(app: &App, value: u64) {
    app.db.commit(value);
    tokio::task::yield_now().await;
    panic!("on purpose, {value}");
}

#[cached(ttl = "5m", key = "panics:<id>", cache = app.cache, skip(app, panics))]
async fn panics_once(app: &App, id: u32, panics: &AtomicBool) -> u64 {
    let value = app.db.read().await;
    assert!(!panics.swap(false, SeqCst), "on purpose");
    value
}

#[tokio::test]
async fn a_write_that_panics_after_it_began_still_removes() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    warm(&app, &other).await;
    let write = tokio::spawn({
        let app = app.clone();
        async move { panics_after_its_commit(&app, 2).await }
    });
    assert!(write.await.unwrap_err().is_panic());
    nobody_is_behind(&app, &other, 2, 0).await;
}

#[tokio::test]
async fn a_load_that_panics_hands_its_key_to_the_next() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    let panics: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(true)));
    db.gate.close();
    let call = |app: &App| {
        let app = app.clone();
        tokio::spawn(AssertUnwindSafe(async move { panics_once(&app, 1, panics).await }).0)
    };
    let first = call(&app);
    db.gate.reached_by(1).await;
    let rest = [call(&app), call(&app), call(&other), call(&other)];
    eventually(SOON, "a wait", async || {
        (other.cache.stats().waits == 1).then_some(())
    })
    .await;
    db.gate.open();
    assert!(first.await.unwrap_err().is_panic());
    let (_, took) = timed(async {
        for call in rest {
            assert_eq!(call.await.unwrap(), 7);
        }
    })
    .await;
    assert!(took < PROMPT, "{took:?}");
    assert_eq!(db.reads(), 2);
}
