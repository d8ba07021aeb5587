//! P2, whatever happens to the process: memory says nothing that is older than two seconds of not having heard from Redis.
//!
//! Another process removes a value that this one holds in memory, while nobody drives this one's connection. The tests
//! wait until the new value is read; without the bound it never is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;

use cache_runtime::{BreakerState, CacheConfig};
use cache_tests::{RedisServer, wait_until};
use tokio::runtime::{Builder, Runtime};

use crate::app::{App, Db, SOON, change_item, item};

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Another process of the fleet, which changes the value on a thread of its own.
struct Elsewhere {
    commands: mpsc::Sender<u64>,
    done: mpsc::Receiver<()>,
}

impl Elsewhere {
    fn on(server: &RedisServer, db: &Arc<Db>) -> Self {
        let (commands, to_do) = mpsc::channel();
        let (sender, done) = mpsc::channel();
        let (db, config) = (db.clone(), config(server));
        thread::spawn(move || {
            let runtime = Runtime::new().unwrap();
            let app = runtime.block_on(App::connected(config, &db));
            for value in to_do {
                db.commit(value);
                let removed = runtime.block_on(item::invalidate(&app, 1));
                assert!(removed.is_durable(), "{removed:?}");
                sender.send(()).unwrap();
            }
        });
        Self { commands, done }
    }

    /// The database holds this from now on, and Redis has acknowledged the removal.
    fn change(&self, value: u64) {
        self.commands.send(value).unwrap();
        self.done.recv_timeout(SOON).expect("an acknowledgement");
    }
}

fn config(server: &RedisServer) -> CacheConfig {
    CacheConfig::default().redis_url(server.url()).budget(SOON)
}

/// Reads until memory holds the value.
async fn warm(app: &App) {
    cache_tests::eventually(SOON, "a hit in memory", async || {
        let before = app.cache.stats().memory_hits;
        item(app, 1).await;
        (app.cache.stats().memory_hits > before).then_some(())
    })
    .await;
}

#[test]
fn a_runtime_that_is_driven_call_by_call_follows_removals() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let elsewhere = Elsewhere::on(&server, &db);
    let runtime = one_thread();
    let app = runtime.block_on(App::connected(config(&server), &db));
    runtime.block_on(warm(&app));
    elsewhere.change(2);
    wait_until(SOON, "the new value", || {
        (runtime.block_on(item(&app, 1)) == 2).then_some(())
    });
}

#[test]
fn after_the_end_of_a_runtime_another_one_follows_removals_and_uses_redis() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let elsewhere = Elsewhere::on(&server, &db);
    let first = one_thread();
    let app = first.block_on(App::connected(config(&server), &db));
    first.block_on(warm(&app));
    drop(first);
    elsewhere.change(2);
    let second = Runtime::new().unwrap();
    wait_until(SOON, "the new value", || {
        (second.block_on(item(&app, 1)) == 2).then_some(())
    });
    second.block_on(app.reaches_redis());
    second.block_on(warm(&app));
}

#[test]
fn beside_a_runtime_that_nobody_drives_another_one_follows_removals_and_uses_redis() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let elsewhere = Elsewhere::on(&server, &db);
    let first = one_thread();
    // A supervisor is replaced when it has been silent for longer than these.
    let config = CacheConfig::default()
        .redis_url(server.url())
        .connect_timeout(SOON / 10)
        .command_timeout(SOON / 10);
    let app = first.block_on(App::connected(config, &db));
    first.block_on(warm(&app));
    elsewhere.change(2);
    let second = Runtime::new().unwrap();
    wait_until(SOON, "the new value", || {
        (second.block_on(item(&app, 1)) == 2).then_some(())
    });
    wait_until(2 * SOON, "Redis to be used again", || {
        let used = second.block_on(async {
            assert_eq!(item(&app, 1).await, 2, "never back to the old value");
            app.cache.health().await.stats.redis_available
        });
        used.then_some(())
    });
    second.block_on(warm(&app));
    drop(first);
}

#[test]
fn a_loop_of_hits_lets_other_tasks_have_their_turn() {
    let server = RedisServer::start();
    let runtime = one_thread();
    runtime.block_on(async {
        let app = App::connected(config(&server), &Db::new(1)).await;
        warm(&app).await;
        let had_a_turn = Arc::new(AtomicBool::new(false));
        let turn = had_a_turn.clone();
        tokio::spawn(async move { turn.store(true, SeqCst) });
        let mut hits = 0;
        while !had_a_turn.load(SeqCst) {
            item(&app, 1).await;
            hits += 1;
            assert!(hits < 10_000, "no other task had a turn");
        }
    });
}

#[test]
fn a_loop_that_never_waits_follows_removals() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let elsewhere = Elsewhere::on(&server, &db);
    let runtime = one_thread();
    runtime.block_on(async {
        let app = App::connected(config(&server), &db).await;
        warm(&app).await;
        elsewhere.change(2);
        let until = std::time::Instant::now() + SOON;
        while item(&app, 1).await != 2 {
            assert!(std::time::Instant::now() < until, "stale all the time");
        }
    });
}

/// Hits alone: nothing but memory is asked, and nobody attends the connection.
#[test]
fn hits_alone_notice_that_nobody_attends_the_connection() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let elsewhere = Elsewhere::on(&server, &db);
    let first = one_thread();
    let config = CacheConfig::default().redis_url(server.url());
    let app = first.block_on(App::connected(config, &db));
    first.block_on(warm(&app));
    let second = Runtime::new().unwrap();
    // Time-outs over a connection that nobody drives: it counts as lost.
    wait_until(SOON, "the connection to be lost", || {
        let _ = second.block_on(app.cache.get::<u64>("another"));
        (app.cache.breaker_state() != Some(BreakerState::Closed)).then_some(())
    });
    elsewhere.change(2);
    wait_until(SOON, "the new value", || {
        (second.block_on(item(&app, 1)) == 2).then_some(())
    });
    drop(first);
}

#[test]
fn closing_on_another_runtime_tells_redis_what_waits() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let first = one_thread();
    let app = first.block_on(App::connected(config(&server), &db));
    first.block_on(warm(&app));
    db.gate.close();
    // A writer in its body; its runtime ends, and the removal is due.
    let write = first.spawn({
        let app = app.clone();
        async move { change_item(&app, 1, 2).await }
    });
    first.block_on(db.gate.reached_by(1));
    drop(first);
    drop(write);
    assert_eq!(app.cache.journal_len(), 1);
    let second = Runtime::new().unwrap();
    second.block_on(app.cache.close(SOON));
    assert_eq!(app.cache.journal_len(), 0);
}
