//! A load that does not wait for the system it loads: removals at a fixed rate over a way of some milliseconds, and one
//! pause of the server that none of them survives. Queued removals must not make the next ones wait as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cache_runtime::{CacheConfig, cached};
use cache_tests::{Fault, FaultProxy, RedisServer, eventually};

use crate::app::{App, Db, SOON};

/// Longer than a removal waits.
const PAUSE: &str = "80";

/// A second is what is promised; a machine that compiles beside this needs more.
const BACK: Duration = Duration::from_secs(20);

/// Removals in a row that say that all is well again.
const WELL: u64 = 100;

#[cached(ttl = "5m", key = "kept:<id>", near = false, cache = app.cache, skip(app))]
async fn kept(app: &App, id: u32) -> u64 {
    app.db.read().await
}

/// Deletes distinct keys at a fixed rate, however long each takes.
struct Deletes {
    durable: Arc<AtomicU64>,
    queued: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Deletes {
    fn start(app: &App, a_second: u64) -> Self {
        let deletes = Self {
            durable: Arc::default(),
            queued: Arc::default(),
            ended: Arc::default(),
        };
        let (durable, queued) = (deletes.durable.clone(), deletes.queued.clone());
        let (ended, cache) = (deletes.ended.clone(), app.cache.clone());
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            let (began, mut made) = (Instant::now(), 0);
            while !ended.load(SeqCst) {
                tick.tick().await;
                let due = (began.elapsed().as_secs_f64() * a_second as f64) as u64;
                for number in made..due {
                    let (durable, queued) = (durable.clone(), queued.clone());
                    let cache = cache.clone();
                    tokio::spawn(async move {
                        let removed = cache.delete(format!("row:{number}")).await;
                        let count = if removed.is_durable() {
                            durable
                        } else {
                            queued
                        };
                        count.fetch_add(1, SeqCst);
                    });
                }
                made = due;
            }
        });
        deletes
    }

    /// So many are durable, while hardly any is not.
    async fn go_well(&self) {
        let counts = || (self.durable.load(SeqCst), self.queued.load(SeqCst));
        let mut from = counts();
        eventually(BACK, "removals to be durable", async || {
            let (durable, queued) = counts();
            if queued > from.1 + WELL / 20 {
                from = (durable, queued);
            }
            (durable >= from.0 + WELL).then_some(())
        })
        .await;
    }
}

impl Drop for Deletes {
    fn drop(&mut self) {
        self.ended.store(true, SeqCst);
    }
}

/// Twenty reads in a row that Redis answers.
async fn reads_are_hits(app: &App) {
    eventually(BACK, "reads to be hits in Redis", async || {
        let before = app.cache.stats().redis_hits;
        for id in 0..20 {
            kept(app, id).await;
        }
        (app.cache.stats().redis_hits == before + 20).then_some(())
    })
    .await;
}

async fn recovers_under_load(a_second: u64) {
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    let db = Db::new(1);
    let filler = App::on(&server, &db).await;
    for id in 0..20 {
        kept(&filler, id).await;
    }
    filler.has_stored(20).await;
    proxy.set(Fault::Delay(Duration::from_millis(5)));
    // The budget that everybody has who sets none.
    let app = App::connected(CacheConfig::default().redis_url(proxy.url()), &db).await;
    let deletes = Deletes::start(&app, a_second);
    deletes.go_well().await;
    reads_are_hits(&app).await;

    server.cli(&["CLIENT", "PAUSE", PAUSE, "ALL"]);
    let queued = async || (app.cache.stats().queued > 0).then_some(());
    eventually(SOON, "a removal that is queued", queued).await;
    deletes.go_well().await;
    reads_are_hits(&app).await;
    // Nothing waits for long while the load goes on, and none of it is lost when it ends.
    let few = async || (app.cache.journal_len() < 100).then_some(());
    eventually(BACK, "the journal to be short", few).await;
    drop(deletes);
    let empty = async || (app.cache.journal_len() == 0).then_some(());
    eventually(BACK, "the journal to be empty", empty).await;
    reads_are_hits(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_pause_under_300_removals_a_second_all_is_as_before() {
    recovers_under_load(300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_pause_under_1500_removals_a_second_all_is_as_before() {
    recovers_under_load(1_500).await;
}
