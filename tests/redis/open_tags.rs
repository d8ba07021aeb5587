//! A tag that only the result tells: removals of other tags of its kind, however many, keep nothing from being cached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::CacheConfig;
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, SOON, post};

/// Thirty a second.
const EVERY: Duration = Duration::from_millis(33);

/// How many are made while one load is under way.
const DURING_A_LOAD: u32 = 5;

/// How many posts are loaded at the same time.
const POSTS: u32 = 25;

/// Removes authors that no post has, until it is dropped.
struct Remover {
    made: Arc<AtomicU32>,
    ended: Arc<AtomicBool>,
}

impl Remover {
    fn start(app: &App) -> Self {
        let (made, ended) = (
            Arc::new(AtomicU32::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (app, count, end) = (app.clone(), made.clone(), ended.clone());
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(EVERY);
            while !end.load(SeqCst) {
                tick.tick().await;
                let author = 1_000_000 + count.load(SeqCst);
                let removed = app.cache.invalidate_tag(format!("author:{author}")).await;
                assert!(removed.is_durable());
                count.fetch_add(1, SeqCst);
            }
        });
        Self { made, ended }
    }

    async fn makes(&self, more: u32) {
        let until = self.made.load(SeqCst) + more;
        eventually(SOON, "some removals", async || {
            (self.made.load(SeqCst) >= until).then_some(())
        })
        .await;
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        self.ended.store(true, SeqCst);
    }
}

/// Loads posts while `remover` works, and reads them again: their bodies have run once.
async fn loads_once(reader: &App, remover: &Remover, round: u32) {
    let db = &reader.db;
    let ids = round * POSTS..(round + 1) * POSTS;
    let (before, lost) = (db.reads(), reader.cache.stats().stores_lost);
    db.gate.close();
    let loads: Vec<_> = ids
        .clone()
        .map(|id| {
            let reader = reader.clone();
            tokio::spawn(async move { post(&reader, id).await })
        })
        .collect();
    db.gate.reached_by(POSTS).await;
    remover.makes(DURING_A_LOAD).await;
    // Who comes during a load shares it, for all those removals.
    let late: Vec<_> = ids
        .clone()
        .map(|id| {
            let reader = reader.clone();
            tokio::spawn(async move { post(&reader, id).await })
        })
        .collect();
    remover.makes(1).await;
    db.gate.open();
    for load in loads.into_iter().chain(late) {
        assert_eq!(load.await.unwrap().author, 7);
    }
    assert_eq!(reader.cache.stats().stores_lost, lost);
    for _ in 0..3 {
        remover.makes(1).await;
        for id in ids.clone() {
            assert_eq!(post(reader, id).await.author, 7);
        }
    }
    assert_eq!(db.reads(), before + POSTS, "one body for each post");
}

#[tokio::test]
async fn removals_of_authors_that_nobody_has_let_posts_be_cached() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let (reader, writer) = (App::on(&server, &db).await, App::on(&server, &db).await);
    // Made by another process, and by the reader's own.
    for (round, remover) in [&writer, &reader].into_iter().enumerate() {
        let remover = Remover::start(remover);
        loads_once(&reader, &remover, round as u32).await;
    }
    reader.has_stored(u64::from(2 * POSTS)).await;
    // What was loaded under fire is what others read, and its own author removes it.
    let third = App::on(&server, &Db::new(8)).await;
    assert_eq!(post(&third, 3).await.author, 7);
    assert_eq!(
        writer.cache.invalidate_tag("author:7").await.removed,
        u64::from(2 * POSTS)
    );
    assert_eq!(post(&third, 4).await.author, 8);
}

#[tokio::test]
async fn the_same_without_redis() {
    let app = App::with(CacheConfig::default().without_redis(), &Db::new(7));
    let remover = Remover::start(&app);
    for round in 0..2 {
        loads_once(&app, &remover, round).await;
    }
    drop(remover);
    assert_eq!(
        app.cache.invalidate_tag("author:7").await.removed,
        u64::from(2 * POSTS)
    );
}
