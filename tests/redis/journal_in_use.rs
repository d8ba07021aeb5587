//! A removal that waits for Redis shuts what it covers and nothing else: everything else goes on being read from memory
//! and from Redis, and the connection stays.

use std::pin::pin;
use std::time::Duration;

use cache_runtime::{CacheConfig, Durability, cached};
use cache_tests::{Fault, FaultProxy, RedisServer, eventually};

use crate::app::{App, Db, SOON, change_item, exact, item, item_in_task, post};

/// What a removal waits for: less than a heartbeat does, which is not answered in between either.
const BUDGET: Duration = Duration::from_millis(400);

#[cached(ttl = "5m", key = "calm:<id>", cache = app.cache, skip(app))]
async fn calm(app: &App, id: u32) -> u64 {
    app.db.read().await
}

#[cached(ttl = "5m", key = "calm-exact:<id>", near = false, cache = app.cache, skip(app))]
async fn calm_exact(app: &App, id: u32) -> u64 {
    app.db.read().await
}

struct Stage {
    proxy: FaultProxy,
    server: RedisServer,
    /// Its way to the server can be held up.
    app: App,
    /// Another process, whose way is clear.
    other: App,
}

impl Stage {
    async fn new() -> Self {
        Self::with(BUDGET).await
    }

    async fn with(budget: Duration) -> Self {
        let server = RedisServer::start();
        let proxy = FaultProxy::in_front_of(&server);
        let db = Db::new(1);
        // No number of time-outs alone ends this connection.
        let config = CacheConfig::default()
            .redis_url(proxy.url())
            .budget(budget)
            .breaker_failures(1_000_000)
            .journal_bound(1_000_000);
        let app = App::connected(config, &db).await;
        let other = App::on(&server, &db).await;
        for id in 0..10 {
            item(&app, id).await;
            exact(&app, id).await;
            post(&app, id).await;
            calm(&app, id).await;
            calm_exact(&app, id).await;
        }
        app.has_stored(50).await;
        let stage = Self {
            proxy,
            server,
            app,
            other,
        };
        stage.keep_in_memory(&stage.app).await;
        stage.keep_in_memory(&stage.other).await;
        stage
    }

    async fn keep_in_memory(&self, app: &App) {
        for id in 0..10 {
            calm(app, id).await;
            item(app, id).await;
            calm(app, id).await;
        }
        self.is_in_memory(app).await;
    }

    /// Keys that no removal names are hits in memory.
    async fn is_in_memory(&self, app: &App) {
        let (hits, reads) = (app.cache.stats().memory_hits, app.db.reads());
        for id in 0..10 {
            assert_eq!(calm(app, id).await, 1);
        }
        let now = (app.cache.stats().memory_hits, app.db.reads());
        assert_eq!(now, (hits + 10, reads));
    }

    /// Keys that no removal names are hits in Redis.
    async fn is_in_redis(&self, app: &App) {
        let (hits, reads) = (app.cache.stats().redis_hits, app.db.reads());
        for id in 0..10 {
            assert_eq!(calm_exact(app, id).await, 1);
        }
        let now = (app.cache.stats().redis_hits, app.db.reads());
        assert_eq!(now, (hits + 10, reads));
    }

    async fn journal_is_empty(&self) {
        eventually(SOON, "the replay", async || {
            (self.app.cache.journal_len() == 0).then_some(())
        })
        .await;
    }

    /// Nothing of this process gets through, from just after a heartbeat on: the next one is not missed for a while.
    async fn stall(&self) {
        let sent = self.proxy.bytes_to_server();
        eventually(SOON, "a heartbeat", async || {
            (self.proxy.bytes_to_server() > sent).then_some(())
        })
        .await;
        self.proxy.set(Fault::Stall);
    }

    /// The connection is the one from the beginning, and was never given up.
    fn kept_its_connection(&self) {
        assert_eq!(self.proxy.connections(), 1);
        assert_eq!(self.app.cache.stats().disconnects, 0);
    }
}

/// Who is removed while Redis does not answer, and how that is read.
#[derive(Clone, Copy, Debug)]
enum Covered {
    Prefix,
    Tag,
    TagOfTheResult,
    Key,
}

impl Covered {
    async fn remove(self, app: &App) -> Durability {
        let cache = &app.cache;
        match self {
            Self::Prefix => cache.invalidate_prefix("exact:").await,
            Self::Tag => cache.invalidate_tag("items").await,
            Self::TagOfTheResult => cache.invalidate_tag("author:1").await,
            Self::Key => cache.delete("exact:3").await,
        }
        .durability
    }

    async fn read(self, app: &App) -> u64 {
        match self {
            Self::TagOfTheResult => post(app, 3).await.author,
            _ => exact(app, 3).await,
        }
    }
}

#[tokio::test]
async fn what_a_waiting_removal_does_not_cover_is_read_on_and_what_it_covers_is_never_served_old() {
    for covered in [
        Covered::Prefix,
        Covered::Tag,
        Covered::TagOfTheResult,
        Covered::Key,
    ] {
        let stage = Stage::new().await;
        stage.stall().await;
        stage.app.db.commit(2);
        assert_eq!(covered.remove(&stage.app).await, Durability::Queued);
        stage.is_in_memory(&stage.app).await;
        assert_eq!(covered.read(&stage.app).await, 2, "{covered:?}");
        stage.proxy.up();
        // From now on Redis answers; whether the replay has run yet makes no difference.
        assert_eq!(covered.read(&stage.app).await, 2, "{covered:?}");
        stage.is_in_redis(&stage.app).await;
        stage.is_in_memory(&stage.app).await;
        stage.journal_is_empty().await;
        assert_eq!(covered.read(&stage.other).await, 2, "{covered:?}");
        assert_eq!(covered.read(&stage.app).await, 2, "{covered:?}");
        let newest = async || (covered.read(&stage.other).await == 2).then_some(());
        eventually(SOON, "a stored value", newest).await;
        stage.is_in_memory(&stage.app).await;
        stage.kept_its_connection();
        assert_eq!(stage.server.cli(&["EXISTS", "calm:3"]).int(), 1);
    }
}

/// So many that their replay takes a while.
const WAITING: u32 = 20_000;

#[tokio::test]
async fn redis_is_read_again_before_all_is_replayed_but_not_what_still_waits() {
    let stage = Stage::with(SOON).await;
    let app = &stage.app;
    stage.proxy.down();
    app.has_lost_redis().await;
    for id in 0..WAITING {
        assert!(!app.cache.delete(format!("row:{id}")).await.is_durable());
    }
    // The last to be replayed.
    app.db.commit(2);
    assert!(!app.cache.invalidate_prefix("exact:").await.is_durable());
    stage.proxy.up();
    app.reaches_redis().await;
    let mut hits = 0;
    for id in (0..10).cycle() {
        assert_eq!(exact(app, id).await, 2, "a removal that covers it waits");
        let before = app.cache.stats().redis_hits;
        assert_eq!(calm_exact(app, id).await, 1);
        if app.cache.journal_len() == 0 {
            break;
        }
        hits += app.cache.stats().redis_hits - before;
    }
    assert!(hits > 0, "hits in Redis while removals wait");
    for id in 0..10 {
        assert_eq!(exact(&stage.other, id).await, 2, "it binds the others now");
    }
}

#[tokio::test]
async fn a_load_that_a_waiting_removal_covers_is_neither_stored_nor_kept() {
    let stage = Stage::new().await;
    let (app, db) = (&stage.app, &stage.app.db);
    db.gate.close();
    let early = item_in_task(app, 77);
    db.gate.reached_by(1).await;
    stage.stall().await;
    db.commit(2);
    let removed = app.cache.invalidate_prefix("item:").await;
    assert_eq!(removed.durability, Durability::Queued);
    db.gate.open();
    assert_eq!(early.await.unwrap(), 1, "it had begun before");
    assert_eq!(item(app, 77).await, 2);
    stage.proxy.up();
    for _ in 0..3 {
        assert_eq!(item(app, 77).await, 2);
    }
    stage.journal_is_empty().await;
    assert_eq!((item(app, 77).await, item(&stage.other, 77).await), (2, 2));
    stage.kept_its_connection();
}

#[tokio::test]
async fn removals_that_are_made_while_others_wait_are_durable_at_once() {
    let stage = Stage::new().await;
    stage.stall().await;
    for id in 0..20 {
        let mut removal = pin!(stage.app.cache.invalidate_prefix(format!("gone:{id}:")));
        // The caller goes away: one poll, and it is owed.
        assert!(polled_once(&mut removal).await.is_pending());
    }
    assert_eq!(stage.app.cache.journal_len(), 20);
    stage.proxy.up();
    let removed = stage.app.cache.invalidate_prefix("fresh:").await;
    assert_eq!(removed.durability, Durability::Durable);
    stage.journal_is_empty().await;
    stage.is_in_memory(&stage.app).await;
    stage.kept_its_connection();
}

/// What a future says when it is polled for the first time.
async fn polled_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|context| std::task::Poll::Ready(pin!(&mut *future).poll(context))).await
}

#[tokio::test]
async fn a_writer_that_vanishes_empties_no_memory_but_of_what_it_removes() {
    let stage = Stage::new().await;
    let (app, db) = (&stage.app, &stage.app.db);
    // In the middle of its body: what it has written may be there.
    db.gate.close();
    let write = tokio::spawn({
        let app = app.clone();
        async move { change_item(&app, 3, 2).await }
    });
    db.gate.reached_by(1).await;
    write.abort();
    assert!(write.await.unwrap_err().is_cancelled());
    db.gate.open();
    stage.is_in_memory(app).await;
    assert_eq!(item(app, 3).await, 2);
    stage.journal_is_empty().await;
    assert!(app.cache.stats().queued >= 1);
    let follows = async || (item(&stage.other, 3).await == 2).then_some(());
    eventually(SOON, "the removal to reach the other process", follows).await;
    // And in the middle of its removal.
    stage.stall().await;
    {
        let mut removal = pin!(app.cache.invalidate_prefix("item:"));
        assert!(polled_once(&mut removal).await.is_pending());
    }
    stage.is_in_memory(app).await;
    stage.proxy.up();
    stage.is_in_redis(app).await;
    stage.journal_is_empty().await;
    stage.is_in_memory(app).await;
    stage.is_in_memory(&stage.other).await;
    stage.kept_its_connection();
}
