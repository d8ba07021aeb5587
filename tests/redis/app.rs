//! One process of a fleet, as these tests see it: a cache, a database that counts its reads and can be held up in the
//! middle of one, and the functions that stand between the two.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cache_runtime::{BreakerState, Cache, CacheConfig, cached};
use cache_tests::{FaultProxy, RedisServer, eventually};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is never reached on a healthy machine, however busy.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// What one call may take while Redis is sick. The library's own budget is 50 ms; the rest is for two loaded cores.
pub(crate) const CALL: Duration = Duration::from_millis(250);

/// A process: its own memory, flights and connection. Clones are the same process.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) cache: Cache,
    pub(crate) db: Arc<Db>,
}

impl App {
    /// A process that uses the server, and has reached it. Its calls wait for Redis as long as they must: how long that
    /// may be is P1's question, and no other may depend on how busy the machine is.
    pub(crate) async fn on(server: &RedisServer, db: &Arc<Db>) -> Self {
        Self::connected(
            CacheConfig::default().redis_url(server.url()).budget(SOON),
            db,
        )
        .await
    }

    pub(crate) async fn connected(config: CacheConfig, db: &Arc<Db>) -> Self {
        let app = Self::with(config, db);
        app.reaches_redis().await;
        app
    }

    /// A process that reaches the server through a proxy, which can disturb its connection.
    pub(crate) async fn behind_proxy(server: &RedisServer, db: &Arc<Db>) -> (Self, FaultProxy) {
        let proxy = FaultProxy::in_front_of(server);
        let config = CacheConfig::default().redis_url(proxy.url()).budget(SOON);
        (Self::connected(config, db).await, proxy)
    }

    pub(crate) fn with(config: CacheConfig, db: &Arc<Db>) -> Self {
        Self {
            cache: Cache::new(config).unwrap(),
            db: db.clone(),
        }
    }

    pub(crate) async fn reaches_redis(&self) {
        // The sixteen connections of a cluster with TLS take a busy machine long.
        eventually(3 * SOON, "a connection", async || {
            self.cache
                .health()
                .await
                .stats
                .redis_available
                .then_some(())
        })
        .await;
    }

    pub(crate) async fn has_lost_redis(&self) {
        let lost =
            async || (self.cache.breaker_state() != Some(BreakerState::Closed)).then_some(());
        eventually(SOON, "the breaker to open", lost).await;
    }

    /// Stores that were begun are done.
    pub(crate) async fn has_stored(&self, stores: u64) {
        eventually(SOON, "a store", async || {
            (self.cache.stats().stores >= stores).then_some(())
        })
        .await;
    }
}

/// A database with one value in it.
#[derive(Default)]
pub(crate) struct Db {
    value: AtomicU64,
    reads: AtomicU32,
    now: AtomicU32,
    most: AtomicU32,
    pub(crate) gate: Gate,
}

impl Db {
    pub(crate) fn new(value: u64) -> Arc<Self> {
        let db = Arc::new(Self::default());
        db.commit(value);
        db
    }

    pub(crate) fn commit(&self, value: u64) {
        self.value.store(value, SeqCst);
    }

    /// Sees the value of the moment it begins, and returns it when the gate is open.
    pub(crate) async fn read(&self) -> u64 {
        let value = self.value.load(SeqCst);
        self.reads.fetch_add(1, SeqCst);
        let now = self.now.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
        let _leaving = Leaving(&self.now);
        self.gate.pass().await;
        value
    }

    /// How often it was read.
    pub(crate) fn reads(&self) -> u32 {
        self.reads.load(SeqCst)
    }

    /// How many reads ran at the same time, at most.
    pub(crate) fn most_at_once(&self) -> u32 {
        self.most.load(SeqCst)
    }
}

struct Leaving<'a>(&'a AtomicU32);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Open at first. Closed, it holds whoever comes, and says how many have come.
pub(crate) struct Gate {
    open: watch::Sender<bool>,
    arrived: watch::Sender<u32>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            open: watch::Sender::new(true),
            arrived: watch::Sender::new(0),
        }
    }
}

impl Gate {
    /// From now on it holds, and counts from nought.
    pub(crate) fn close(&self) {
        self.arrived.send_replace(0);
        self.open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    pub(crate) async fn pass(&self) {
        self.arrived.send_modify(|arrived| *arrived += 1);
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open)
            .await
            .expect("the gate outlives who waits at it");
    }

    /// Waits until so many have come since it was closed.
    pub(crate) async fn reached_by(&self, many: u32) {
        let mut arrived = self.arrived.subscribe();
        let reached = arrived.wait_for(|arrived| *arrived >= many);
        tokio::time::timeout(SOON, reached)
            .await
            .expect("a body that begins")
            .expect("an open channel");
    }

    pub(crate) fn arrived(&self) -> u32 {
        *self.arrived.borrow()
    }
}

/// The usual read.
#[cached(ttl = "5m", key = "item:<id>", tags = ["items", "shelf:<id>"], cache = app.cache, skip(app))]
pub(crate) async fn item(app: &App, id: u32) -> u64 {
    app.db.read().await
}

/// The usual read, in a task of its own: it runs while the test goes on.
pub(crate) fn item_in_task(app: &App, id: u32) -> JoinHandle<u64> {
    let app = app.clone();
    tokio::spawn(async move { item(&app, id).await })
}

/// The same value, always asked of Redis.
#[cached(ttl = "5m", key = "exact:<id>", near = false, tags = ["items"], cache = app.cache, skip(app))]
pub(crate) async fn exact(app: &App, id: u32) -> u64 {
    app.db.read().await
}

/// A write of an item.
#[cached(invalidates = "item:<id>", cache = app.cache)]
pub(crate) async fn change_item(app: &App, id: u32, value: u64) {
    app.db.commit(value);
    app.db.gate.pass().await;
}

/// A write that stores what it wrote.
#[cached(put, ttl = "5m", key = "item:<id>", cache = app.cache, skip(app, value))]
pub(crate) async fn put_item(app: &App, id: u32, value: u64) -> u64 {
    app.db.commit(value);
    app.db.gate.pass().await;
    value
}

/// A row whose tag only the row tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Post {
    pub(crate) author: u64,
}

#[cached(ttl = "5m", key = "post:<id>", tags = ["author:<result.author>"], cache = app.cache, skip(app))]
pub(crate) async fn post(app: &App, id: u32) -> Post {
    Post {
        author: app.db.read().await,
    }
}

/// Awaits with a stopwatch.
pub(crate) async fn timed<F: Future>(work: F) -> (F::Output, Duration) {
    let began = Instant::now();
    let output = work.await;
    (output, began.elapsed())
}

/// Lets every task that is ready run: on one thread, what was spawned has then got to where it waits.
pub(crate) async fn others_run() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
