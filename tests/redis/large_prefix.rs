//! A removal costs the same whatever it removes: one of 50,000 keys among as many others binds everybody within its call,
//! shuts nothing, and takes away exactly what it names.

use cache_runtime::{CacheConfig, Durability, cached};
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db};

const MANY: u32 = 50_000;

/// How many store at the same time.
const WRITERS: u32 = 50;

/// Filling and taking away 100,000 keys on a machine that does other things, too.
const LONG: std::time::Duration = std::time::Duration::from_secs(120);

#[cached(invalidates = "big:", cache = app.cache)]
async fn change_all(app: &App) {
    app.db.commit(2);
}

#[cached(ttl = "1h", key = "small:<id>", cache = app.cache, skip(app))]
async fn small(app: &App, id: u32) -> u64 {
    app.db.read().await
}

#[cached(ttl = "1h", key = "big:<id>", near = false, cache = app.cache, skip(app))]
async fn big(app: &App, id: u32) -> u64 {
    app.db.read().await
}

/// Stores the value 1 at `<kind>:0`, `<kind>:1`, and so on.
async fn fill(app: &App, kind: &'static str, many: u32) {
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let app = app.clone();
            tokio::spawn(async move {
                for id in (writer..many).step_by(WRITERS as usize) {
                    let key = format!("{kind}:{id}");
                    app.cache.set(key, &1_u64, LONG * 60).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// So many keys are catalogued: what is not is not counted.
async fn has_catalogued(server: &RedisServer, keys: u32) {
    eventually(LONG, "all keys in the catalogue", async || {
        (server.cli(&["ZCARD", "%catalogue"]).int() == i64::from(keys)).then_some(())
    })
    .await;
}

fn entries_of(server: &RedisServer, kind: &str) -> usize {
    server.cli(&["KEYS", &format!("{kind}:*")]).strings().len()
}

/// What a process holds in memory of the keys that the removal does not name.
async fn reads_from_memory(app: &App) {
    let before = app.cache.stats();
    for id in 0..100 {
        assert_eq!(small(app, id).await, 1);
    }
    let after = app.cache.stats();
    assert_eq!(
        after.memory_hits,
        before.memory_hits + 100,
        "memory of other keys stays: {after:?}"
    );
}

async fn nothing_old_is_read(apps: &[&App]) {
    for id in (0..MANY).step_by(997) {
        for app in apps {
            let found = app.cache.get::<u64>(format!("big:{id}")).await;
            assert_eq!(found, None, "big:{id}");
        }
    }
}

/// A server with 100,000 keys, and two processes that hold some of the smaller ones in memory.
async fn crowded() -> (RedisServer, App, App) {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    fill(&one, "big", MANY).await;
    fill(&one, "small", MANY).await;
    has_catalogued(&server, 2 * MANY).await;
    for app in [&one, &other] {
        for id in 0..100 {
            small(app, id).await;
        }
        reads_from_memory(app).await;
    }
    (server, one, other)
}

#[tokio::test]
async fn a_prefix_of_50_000_keys_among_as_many_goes_within_one_call_and_is_counted_exactly() {
    let (server, one, other) = crowded().await;
    let removed = other.cache.invalidate_prefix("big:").await;
    assert_eq!(
        (removed.removed, removed.durability),
        (u64::from(MANY), Durability::Durable)
    );
    nothing_old_is_read(&[&one, &other]).await;
    for app in [&one, &other] {
        reads_from_memory(app).await;
        let stats = app.cache.stats();
        assert_eq!((app.cache.journal_len(), stats.queued), (0, 0));
        assert_eq!((stats.timeouts, stats.disconnects), (0, 0));
    }
    assert_eq!(entries_of(&server, "big"), 0, "really gone");
    assert_eq!(entries_of(&server, "small"), MANY as usize);

    let rest = one.cache.clear().await;
    assert_eq!(
        (rest.removed, rest.durability),
        (u64::from(MANY), Durability::Durable)
    );
    assert_eq!(other.cache.get::<u64>("small:4711").await, None);
    assert_eq!(server.entries(), [""; 0]);
}

#[tokio::test]
async fn a_write_that_removes_50_000_keys_binds_all_when_it_returns_though_they_are_taken_away_later()
 {
    let (server, one, other) = crowded().await;
    // A removal that walked the keys would need many times what this one may wait.
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(std::time::Duration::from_millis(500));
    let writer = App::connected(config, &other.db).await;
    change_all(&writer).await;
    let left = entries_of(&server, "big");
    assert!(left > 0, "none of them need be gone by then");
    for id in (0..MANY).step_by(997) {
        for app in [&one, &other, &writer] {
            assert_eq!(big(app, id).await, 2, "big:{id}");
        }
    }
    let stats = writer.cache.stats();
    assert_eq!((writer.cache.journal_len(), stats.queued), (0, 0));
    reads_from_memory(&one).await;
    reads_from_memory(&other).await;
    // What was stored since stands, in the place of what was removed: that alone was not there to be taken away any more.
    let since = (0..MANY).step_by(997).count();
    eventually(LONG, "all of it to be taken away", async || {
        (writer.cache.stats().removed >= u64::from(MANY) - since as u64).then_some(())
    })
    .await;
    assert_eq!(entries_of(&server, "big"), since);
    assert_eq!(entries_of(&server, "small"), MANY as usize);
}
