//! The ledger stays short: above its bound removals are folded into fewer, and what nothing can be older than is dropped.
//! Both remove too much of what was stored before, never too little.

use std::time::Duration;

use cache_runtime::{CacheConfig, cached};
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, SOON};

const BOUND: usize = 50;

const USERS: u32 = 500;

#[cached(ttl = "5m", key = "user:<id>:name", near = false, cache = app.cache, skip(app))]
async fn name(app: &App, id: u32) -> u64 {
    app.db.read().await
}

#[cached(ttl = "5m", key = "user:<id>:near", cache = app.cache, skip(app))]
async fn near(app: &App, id: u32) -> u64 {
    app.db.read().await
}

#[cached(ttl = "5m", key = "place:<id>", near = false, cache = app.cache, skip(app))]
async fn place(app: &App, id: u32) -> u64 {
    app.db.read().await
}

#[cached(ttl = "100ms", key = "brief:<id>", cache = app.cache, skip(app))]
async fn brief(app: &App, id: u32) -> u64 {
    app.db.read().await
}

#[cached(ttl = "2h", key = "long:<id>", cache = app.cache, skip(app))]
async fn long(app: &App, id: u32) -> u64 {
    app.db.read().await
}

async fn bounded(server: &RedisServer, db: &std::sync::Arc<Db>) -> App {
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(SOON)
        .ledger_bound(BOUND);
    App::connected(config, db).await
}

/// Entries of all users and places, in Redis and in memory.
async fn fill(app: &App) {
    for id in 0..USERS {
        name(app, id).await;
        near(app, id).await;
    }
    for id in 0..10 {
        place(app, id).await;
    }
    app.has_stored(u64::from(2 * USERS) + 10).await;
}

fn members(server: &RedisServer) -> i64 {
    server.cli(&["ZCARD", "%ledger"]).int()
}

#[tokio::test]
async fn removals_above_the_bound_are_folded_and_nothing_stale_is_served() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (bounded(&server, &db).await, bounded(&server, &db).await);
    fill(&one).await;
    // Whatever is removed stays in Redis now: the ledger alone tells that it is stale.
    server.cli(&["DEL", "%catalogue"]);
    db.commit(2);
    let mut most = 0;
    for id in 0..USERS {
        let removed = one.cache.invalidate_prefix(format!("user:{id}:")).await;
        assert!(removed.is_durable());
        assert_eq!(name(&other, id).await, 2, "user {id}");
        most = most.max(members(&server));
    }
    eventually(SOON, "a short ledger", async || {
        // The birth, the counter, the longest life and the floor besides.
        (members(&server) <= BOUND as i64 + 4).then_some(())
    })
    .await;
    assert!(most > BOUND as i64, "it was long: {most}");
    let folds = one.cache.stats().ledger_folds + other.cache.stats().ledger_folds;
    assert!(folds >= 1, "{folds}");
    // One that was here, one that heard of it, and one that comes now.
    let late = bounded(&server, &db).await;
    assert!(server.entries().len() > USERS as usize, "old bytes stand");
    for id in 0..USERS {
        assert_eq!(near(&late, id).await, 2, "user {id}");
    }
    for id in 0..USERS {
        for app in [&late, &one, &other] {
            assert_eq!(name(app, id).await, 2, "user {id}");
        }
    }
    // The family is folded, no other.
    for app in [&one, &other, &late] {
        assert_eq!(place(app, 3).await, 1);
    }
}

/// Writes a removal into the ledger, made so long ago.
fn write_removal(server: &RedisServer, pattern: &str, score: u64) {
    let member = format!("p{pattern}");
    server.cli(&["ZADD", "%ledger", &score.to_string(), &member]);
}

fn score(server: &RedisServer, member: &str) -> Option<u64> {
    let score = server.cli(&["ZSCORE", "%ledger", member]);
    (!score.is_nil()).then(|| score.str().parse::<f64>().unwrap() as u64)
}

/// The server's clock, so long ago, as the ledger counts.
fn ago(server: &RedisServer, time: Duration) -> u64 {
    let now = server.cli(&["TIME"]).strings();
    let micros = now[0].parse::<u64>().unwrap() * 1_000_000 + now[1].parse::<u64>().unwrap();
    micros - u64::try_from(time.as_micros()).unwrap()
}

#[tokio::test]
async fn a_heartbeat_drops_removals_that_everything_is_newer_than() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    brief(&app, 1).await;
    app.has_stored(1).await;
    assert!(app.cache.invalidate_prefix("recent:").await.is_durable());
    write_removal(&server, "pold:", 5);
    write_removal(&server, "ttag", 6);
    let quarter = ago(&server, Duration::from_secs(900));
    write_removal(&server, "pquarter:", quarter);
    eventually(SOON, "the heartbeat", async || {
        (score(&server, "f") == Some(quarter)).then_some(())
    })
    .await;
    for dropped in ["ppold:", "pttag", "ppquarter:"] {
        assert_eq!(score(&server, dropped), None, "{dropped}");
    }
    assert!(score(&server, "pprecent:").is_some());
    assert!(score(&server, "c").is_some(), "the counter stands");
    // What is stored under it is a hit here and elsewhere.
    long(&app, 1).await;
    app.has_stored(2).await;
    let late = App::on(&server, &db).await;
    let reads = db.reads();
    assert_eq!((long(&late, 1).await, long(&app, 1).await), (1, 1));
    assert_eq!(db.reads(), reads);
}

#[tokio::test]
async fn a_removal_that_a_standing_entry_may_be_older_than_is_kept() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    long(&app, 1).await;
    app.has_stored(1).await;
    let noted = async || (!server.cli(&["ZSCORE", "%ledger", "l"]).is_nil()).then_some(());
    eventually(SOON, "the longest life to be noted", noted).await;
    let (hour, three) = (
        ago(&server, Duration::from_secs(3_600)),
        ago(&server, Duration::from_secs(3 * 3_600)),
    );
    write_removal(&server, "phour:", hour);
    write_removal(&server, "pthree:", three);
    eventually(SOON, "the heartbeat", async || {
        (score(&server, "f") == Some(three)).then_some(())
    })
    .await;
    assert_eq!(score(&server, "ppthree:"), None);
    assert_eq!(score(&server, "pphour:"), Some(hour));
}
