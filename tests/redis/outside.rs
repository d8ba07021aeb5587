//! P1 outside of a tokio runtime: a call that another executor polls, in a thread of its own, while a runtime drives the
//! cache's connection. Nobody can count the time there for which it may wait for Redis, so it goes without, and says so.

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, TimedOut, cached};
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, SOON, change_item, exact, item, put_item};
use crate::said::Said;

const LIFE: Duration = Duration::from_secs(600);

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A minimal executor.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// In a thread that no runtime knows; what the library has said there.
async fn outside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> (T, Said) {
    let (sender, ended) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        let (said, _guard) = Said::listen();
        let _ = sender.send((work(), said));
    });
    ended.await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_outside_of_a_runtime_run_their_bodies_and_their_removals_arrive() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(1)).await;
    let near = App::on(&server, &app.db).await;
    assert_eq!(exact(&near, 1).await, 1);
    near.has_stored(1).await;
    let caller = app.clone();
    let (_, said) = outside(move || {
        let app = &caller;
        assert_eq!(block_on(exact(app, 1)), 1, "its body runs");
        assert_eq!(block_on(item(app, 1)), 1);
        block_on(change_item(app, 1, 2));
        assert_eq!(block_on(item(app, 1)), 2);
        assert_eq!(block_on(put_item(app, 1, 3)), 3);
        assert_eq!(block_on(item::refresh(app, 1)), 3);
        app.db.commit(4);
        assert!(!block_on(exact::invalidate(app, 1)).is_durable());
    })
    .await;
    assert_eq!(app.db.reads(), 5);
    assert_eq!(said.mentions("outside of a tokio runtime"), 1, "once");
    // The connection and its supervisor are as they were, and tell Redis what waits.
    eventually(SOON, "the removals to arrive", async || {
        (app.cache.journal_len() == 0).then_some(())
    })
    .await;
    assert_eq!(exact(&near, 1).await, 4);
    assert_eq!(exact(&app, 1).await, 4);
    let stats = app.cache.stats();
    assert_eq!((stats.timeouts, stats.disconnects), (0, 0), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_by_hand_outside_of_a_runtime_do_without_redis() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(1)).await;
    app.cache.set("a", &1_u64, LIFE).await.unwrap();
    let cache = app.cache.clone();
    outside(move || {
        let get = || block_on(cache.get::<u64>("a"));
        assert_eq!(get(), None, "Redis is not asked");
        assert!(!block_on(cache.exists("a")));
        assert_eq!(block_on(cache.get_many::<u64>(&["a".into()])), [None]);
        let load = || async { Ok::<u64, ()>(2) };
        assert_eq!(block_on(cache.get_or_load("a", LIFE, load)), Ok(2));
        block_on(cache.set("a", &3_u64, LIFE)).unwrap();
        block_on(cache.set_many(&[("b".into(), 3_u64)], LIFE)).unwrap();
        assert!(!block_on(cache.delete("c")).is_durable());
        assert!(!block_on(cache.invalidate_prefix("d:")).is_durable());
        assert_eq!(block_on(cache.health()).status.as_str(), "degraded");
        assert!(block_on(cache.test_connection()).is_err());
        let calls = (0..20).map(|id| (format!("w:{id}").into(), async move { id }));
        assert_eq!(
            block_on(cache.warm(calls).into_future()).failed.len(),
            20,
            "none is cached"
        );
    })
    .await;
    eventually(SOON, "the removals to arrive", async || {
        (app.cache.journal_len() == 0).then_some(())
    })
    .await;
    assert_eq!(
        app.cache.get::<u64>("a").await,
        None,
        "removed, as it was set"
    );
    let cache = app.cache.clone();
    outside(move || block_on(cache.close(SOON))).await;
    assert_eq!(server.cli(&["PING"]).str(), "PONG");
}

#[cached(ttl = "5m", key = "patient:<id>", cache = cache, skip(cache), timeout = "1ms")]
async fn patient(cache: &Cache, id: u64) -> Result<u64, TimedOut> {
    Ok(id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_a_timeout_outside_of_a_runtime_waits_for_its_body() {
    let cache = Cache::new(CacheConfig::default()).unwrap();
    let (got, _) = outside(move || block_on(patient(&cache, 1))).await;
    assert_eq!(got.ok(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_no_runtime_has_ever_used_says_that_it_goes_without_redis() {
    let server = RedisServer::start();
    let config = CacheConfig::default().redis_url(server.url());
    let (_, said) = outside(move || {
        let cache = Cache::new(config).unwrap();
        for _ in 0..2 {
            let load = || async { Ok::<u64, ()>(1) };
            assert_eq!(block_on(cache.get_or_load("a", LIFE, load)), Ok(1));
        }
        block_on(cache.close(SOON));
    })
    .await;
    assert_eq!(said.mentions("outside of a tokio runtime"), 1, "once");
}
