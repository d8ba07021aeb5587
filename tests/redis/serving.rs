//! Serving policies over a real server: one refresh a fleet, removals that win against it, values that stand in.
//!
//! Lifetimes are some milliseconds, so that everything is past its own soon; windows are hours.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use cache_runtime::{
    BreakerState, Cache, CacheConfig, Durability, Observed, Reason, cached, observe,
};
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, Post, SOON};
use crate::p2_race::{ALL, Removal};

#[cached(
    ttl = "30ms",
    stale = "1h",
    key = "stale:<id>",
    tags = ["items", "shelf:<id>"],
    cache = app.cache,
    skip(app)
)]
async fn item(app: &App, id: u32) -> u64 {
    app.db.read().await
}

#[cached(
    ttl = "30ms",
    stale = "1h",
    key = "post:<id>",
    tags = ["author:<result.author>", "kind:<result.author>"],
    cache = app.cache,
    skip(app)
)]
async fn post(app: &App, id: u32) -> Post {
    Post {
        author: app.db.read().await,
    }
}

#[cached(ttl = "30ms", stale_on_error = "1h", key = "spare:<id>", cache = app.cache, skip(app, fails))]
async fn spare(app: &App, id: u32, fails: &AtomicBool) -> Result<u64, String> {
    read_or_fail(app, fails).await
}

async fn read_or_fail(app: &App, fails: &AtomicBool) -> Result<u64, String> {
    let value = app.db.read().await;
    if fails.load(SeqCst) {
        return Err("the database is down".to_owned());
    }
    Ok(value)
}

/// Reads until the value is past its lifetime, and served all the same.
async fn past_its_lifetime<T: Copy + PartialEq + std::fmt::Debug>(
    expected: T,
    read: impl AsyncFn() -> (T, Observed),
) {
    eventually(SOON, "a value past its lifetime", async || {
        let (value, observed) = read().await;
        assert_eq!(value, expected);
        (observed.as_str() == Some("STALE")).then_some(())
    })
    .await;
}

fn locks(server: &RedisServer) -> Vec<String> {
    let mut keys = server.keys();
    keys.retain(|key| key.ends_with("%lock"));
    keys
}

#[tokio::test]
async fn two_processes_in_the_stale_window_refresh_once_and_both_read_the_new_value() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    assert_eq!(item(&one, 1).await, 1);
    one.has_stored(1).await;
    db.gate.close();
    db.commit(2);
    for app in [&one, &other] {
        past_its_lifetime(1, async || observe(item(app, 1)).await).await;
    }
    db.gate.reached_by(1).await;
    // The process that does not refresh waits for the one that does, behind its callers' backs.
    eventually(SOON, "the other process to wait", async || {
        assert_eq!((item(&one, 1).await, item(&other, 1).await), (1, 1));
        (one.cache.stats().waits + other.cache.stats().waits >= 1).then_some(())
    })
    .await;
    assert_eq!(db.gate.arrived(), 1, "one refresh in the fleet");
    db.gate.open();
    for app in [&one, &other] {
        eventually(SOON, "the new value", async || {
            (item(app, 1).await == 2).then_some(())
        })
        .await;
    }
    assert!(one.cache.stats().refreshes + other.cache.stats().refreshes >= 1);
}

/// A refresh that has read the old value; `removal` by another process; then the refresh ends.
async fn overtaken(removal: Removal, writer: usize) {
    let server = RedisServer::start();
    let db = Db::new(1);
    let apps = [App::on(&server, &db).await, App::on(&server, &db).await];
    assert_eq!(item(&apps[0], 1).await, 1);
    apps[0].has_stored(1).await;
    db.gate.close();
    past_its_lifetime(1, async || observe(item(&apps[0], 1)).await).await;
    db.gate.reached_by(1).await;

    db.commit(2);
    let removed = removal.run(&apps[writer].cache, "stale").await;
    assert_eq!(removed.durability, Durability::Durable, "{removal:?}");
    assert_eq!(removed.removed, 1, "{removal:?}");
    // Another process's memory follows within the delay of a push.
    eventually(SOON, "the copy in memory to go", async || {
        (apps[0].cache.health().await.stats.memory_cache_size == 0).then_some(())
    })
    .await;
    let late: Vec<_> = apps
        .iter()
        .cloned()
        .map(|app| tokio::spawn(async move { item(&app, 1).await }))
        .collect();
    db.gate.open();
    for read in late {
        assert_eq!(read.await.unwrap(), 2, "{removal:?} by {writer}");
    }
    eventually(SOON, "the refresh to end without a store", async || {
        (apps[0].cache.stats().stores_lost >= 1).then_some(())
    })
    .await;
    for app in &apps {
        assert_eq!(item(app, 1).await, 2, "{removal:?} by {writer}");
    }
    eventually(SOON, "no lock to be left", async || {
        locks(&server).is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_invalidation_during_a_refresh_wins_whoever_makes_it() {
    for removal in ALL {
        overtaken(removal, 0).await;
        overtaken(removal, 1).await;
    }
}

#[tokio::test]
async fn a_tag_that_only_the_new_value_has_stops_its_refresh_when_it_is_removed_meanwhile() {
    for all in [false, true] {
        let server = RedisServer::start();
        let db = Db::new(1);
        let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
        assert_eq!(post(&one, 1).await.author, 1);
        one.has_stored(1).await;
        db.commit(2);
        db.gate.close();
        past_its_lifetime(1, async || {
            let (post, observed) = observe(post(&one, 1)).await;
            (post.author, observed)
        })
        .await;
        db.gate.reached_by(1).await;
        let removed = if all {
            other
                .cache
                .invalidate_all_tags(&["author:2", "kind:2"])
                .await
        } else {
            other.cache.invalidate_tag("author:2").await
        };
        assert_eq!(removed.durability, Durability::Durable);
        db.commit(3);
        db.gate.open();
        eventually(SOON, "the refresh to end without a store", async || {
            (one.cache.stats().stores_lost >= 1).then_some(())
        })
        .await;
        // What stands does not carry the tag, and may go on being served; what the refresh found does.
        assert_eq!(post(&other, 1).await.author, 1, "all tags: {all}");
        eventually(SOON, "a refresh of what stands", async || {
            (post(&other, 1).await.author == 3).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_tag_that_only_this_call_has_stops_its_load_when_it_is_removed_meanwhile() {
    /// The tag is an argument's, and what stands may be another call's.
    #[cached(
        ttl = "30ms",
        stale_on_error = "1h",
        key = "shelved:<id>",
        tags = ["shelf:<shelf>"],
        cache = app.cache,
        skip(app, shelf)
    )]
    async fn shelved(app: &App, id: u32, shelf: u32) -> Result<u64, String> {
        Ok(app.db.read().await)
    }

    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    assert_eq!(shelved(&one, 1, 1).await, Ok(1));
    one.has_stored(1).await;
    eventually(SOON, "its end", async || {
        // Asked of what stands, without a load: the value is still there for a body that fails, and no longer fresh.
        (!one.cache.exists("shelved:1").await).then_some(())
    })
    .await;
    db.gate.close();
    let late = {
        let one = one.clone();
        tokio::spawn(async move { shelved(&one, 1, 2).await })
    };
    db.gate.reached_by(1).await;
    let removed = other.cache.invalidate_tag("shelf:2").await;
    assert_eq!(removed.durability, Durability::Durable);
    db.commit(2);
    db.gate.open();
    // It began before the removal, and may have what it read; nobody after it.
    late.await.unwrap().unwrap();
    eventually(SOON, "the end of its store", async || {
        (one.cache.stats().stores_lost >= 1).then_some(())
    })
    .await;
    for app in [&one, &other] {
        assert_eq!(shelved(app, 1, 2).await, Ok(2));
    }
}

#[tokio::test]
async fn a_load_that_removes_its_own_key_leaves_no_older_value_standing() {
    #[cached(
        ttl = "30ms",
        stale = "1h",
        key = "both:<id>",
        invalidates = "both:",
        when = |value| *value != 2,
        cache = app.cache,
        skip(app)
    )]
    async fn both(app: &App, id: u32) -> u64 {
        app.db.read().await
    }

    let server = RedisServer::start();
    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    assert_eq!(both(&app, 1).await, 1);
    app.has_stored(1).await;
    db.commit(2);
    eventually(SOON, "the new value", async || {
        (both(&app, 1).await == 2).then_some(())
    })
    .await;
    // It was not stored, and what it has removed is gone.
    for _ in 0..5 {
        assert_eq!(both(&app, 1).await, 2);
    }
    db.commit(3);
    // A call that comes while the end of the one before is settled may share its value.
    eventually(SOON, "the next value", async || {
        (both(&app, 1).await == 3).then_some(())
    })
    .await;
    app.has_stored(2).await;
}

#[tokio::test]
async fn a_value_that_only_redis_has_stands_in_for_a_body_that_fails() {
    #[cached(
        ttl = "30ms",
        stale_on_error = "1h",
        near = false,
        key = "distant:<id>",
        cache = app.cache,
        skip(app, fails)
    )]
    async fn distant(app: &App, id: u32, fails: &AtomicBool) -> Result<u64, String> {
        read_or_fail(app, fails).await
    }

    let server = RedisServer::start();
    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    let fails = AtomicBool::new(false);
    assert_eq!(distant(&app, 1, &fails).await, Ok(1));
    app.has_stored(1).await;
    fails.store(true, SeqCst);
    eventually(SOON, "the value to stand in", async || {
        let (value, observed) = observe(distant(&app, 1, &fails)).await;
        assert_eq!((value, observed.memory_hits), (Ok(1), 0));
        (observed.as_str() == Some("STALE")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_value_stands_in_for_a_body_that_fails_unless_it_was_removed() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    let fails = AtomicBool::new(false);
    assert_eq!(spare(&one, 1, &fails).await, Ok(1));
    one.has_stored(1).await;
    fails.store(true, SeqCst);
    // The other process has never seen the value: it stands in Redis.
    eventually(SOON, "the value to stand in", async || {
        let (value, observed) = observe(spare(&other, 1, &fails)).await;
        assert_eq!(value, Ok(1));
        (observed.as_str() == Some("STALE") && observed.calls()[0].reason == Reason::BodyFailed)
            .then_some(())
    })
    .await;
    assert_eq!(one.cache.delete("spare:1").await.removed, 1);
    // The other process's memory may hold it until the push arrives.
    eventually(SOON, "nothing to stand in", async || {
        spare(&other, 1, &fails).await.is_err().then_some(())
    })
    .await;
    fails.store(false, SeqCst);
    eventually(SOON, "a value again", async || {
        (spare(&other, 1, &fails).await == Ok(1)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn looking_for_a_stand_in_waits_no_second_time_for_a_server_that_is_silent() {
    let server = RedisServer::start();
    let app = App::connected(CacheConfig::default().redis_url(server.url()), &Db::new(1)).await;
    let fails = AtomicBool::new(true);
    // Once, so that the scripts are there.
    assert!(spare(&app, 0, &fails).await.is_err());
    server.freeze();
    // Each call may run into one time-out, and the third opens the breaker.
    for id in 1..3 {
        assert!(spare(&app, id, &fails).await.is_err());
        assert_eq!(
            app.cache.breaker_state(),
            Some(BreakerState::Closed),
            "{id}"
        );
    }
    assert!(spare(&app, 3, &fails).await.is_err());
    app.has_lost_redis().await;
}

#[tokio::test]
async fn what_was_compressed_weighs_in_memory_what_it_grew_to() {
    #[cached(ttl = "1h", compress = "zstd", key = "long:<lines>", cache = cache, skip(cache))]
    async fn long(cache: &Cache, lines: usize) -> Vec<String> {
        vec!["a long line that repeats itself".to_owned(); lines]
    }

    let server = RedisServer::start();
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(SOON)
        .max_bytes(10_000);
    let cache = Cache::new(config).unwrap();
    // Some 320 bytes, and 32,000: both become less than a hundred.
    for (lines, stays) in [(10, true), (1000, false)] {
        long(&cache, lines).await;
        eventually(SOON, "a hit", async || {
            let (_, observed) = observe(long(&cache, lines)).await;
            (observed.as_str() == Some("HIT")).then_some(())
        })
        .await;
        let mut in_memory = 0;
        for _ in 0..10 {
            let (value, observed) = observe(long(&cache, lines)).await;
            assert_eq!((value.len(), observed.hits), (lines, 1));
            in_memory += observed.memory_hits;
        }
        assert_eq!(in_memory > 0, stays, "{lines} lines: {in_memory}");
    }
}

#[tokio::test]
async fn the_lock_of_a_dead_process_delays_nobody_for_long() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    let fails = AtomicBool::new(false);
    assert_eq!(spare(&app, 1, &fails).await, Ok(1));
    app.has_stored(1).await;
    // As a process leaves it that is killed during its load.
    let mut token = b"lock".to_vec();
    token.resize(32, b'x');
    server.cli(&[
        "SET",
        "spare:1%lock",
        str::from_utf8(&token).unwrap(),
        "PX",
        "1500",
    ]);
    db.commit(2);
    let began = std::time::Instant::now();
    eventually(SOON, "the new value", async || {
        (spare(&app, 1, &fails).await == Ok(2)).then_some(())
    })
    .await;
    assert!(
        began.elapsed() < std::time::Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn without_redis_memory_answers_or_not_as_the_function_says() {
    #[cached(ttl = "1h", outage = "bypass", key = "exact:<id>", cache = app.cache, skip(app))]
    async fn exact(app: &App, id: u32) -> u64 {
        app.db.read().await
    }

    #[cached(ttl = "1h", outage = "memory", key = "usual:<id>", cache = app.cache, skip(app))]
    async fn usual(app: &App, id: u32) -> u64 {
        app.db.read().await
    }

    let server = RedisServer::start();
    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    for _ in 0..2 {
        assert_eq!((exact(&app, 1).await, usual(&app, 1).await), (1, 1));
    }
    server.kill9();
    app.has_lost_redis().await;
    assert_eq!((exact(&app, 1).await, usual(&app, 1).await), (1, 1));
    let before = db.reads();
    db.commit(2);
    for _ in 0..5 {
        assert_eq!((exact(&app, 1).await, usual(&app, 1).await), (2, 1));
    }
    assert_eq!(db.reads() - before, 5);
}

/// Two versions of a function during a deployment: each reads what the other has stored.
#[tokio::test]
async fn after_a_change_of_the_codec_older_entries_are_read() {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    enum Row {
        Empty,
        Named { id: u32, name: Option<String> },
    }

    async fn rows(id: u32) -> Vec<Row> {
        let name = Some("Zoë".to_owned());
        vec![Row::Named { id, name }, Row::Empty]
    }

    #[cached(ttl = "1h", codec = "bincode", key = "codec:<id>", cache = cache, skip(cache))]
    async fn bincode(cache: &Cache, id: u32) -> Vec<Row> {
        rows(id).await
    }

    #[cached(ttl = "1h", codec = "postcard", key = "codec:<id>", cache = cache, skip(cache))]
    async fn postcard(cache: &Cache, id: u32) -> Vec<Row> {
        rows(id).await
    }

    #[cached(ttl = "1h", codec = "json", key = "codec:<id>", cache = cache, skip(cache))]
    async fn json(cache: &Cache, id: u32) -> Vec<Row> {
        rows(id).await
    }

    let server = RedisServer::start();
    for (at, written) in ["bincode", "postcard", "json"].into_iter().enumerate() {
        let config = || CacheConfig::default().redis_url(server.url()).budget(SOON);
        let (old, new) = (Cache::new(config()).unwrap(), Cache::new(config()).unwrap());
        let id = u32::try_from(at).unwrap();
        match written {
            "bincode" => bincode(&old, id).await,
            "postcard" => postcard(&old, id).await,
            _ => json(&old, id).await,
        };
        eventually(SOON, "the store", async || {
            (old.stats().stores == 1).then_some(())
        })
        .await;
        let (read, observed) = observe(async {
            [
                bincode(&new, id).await,
                postcard(&new, id).await,
                json(&new, id).await,
            ]
        })
        .await;
        assert_eq!(observed.as_str(), Some("HIT"), "{written}");
        for values in read {
            assert_eq!(values, rows(id).await, "{written}");
        }
    }
}

#[tokio::test]
async fn codecs_and_compression_show_in_redis_and_nowhere_else() {
    #[cached(ttl = "1h", codec = "json", key = "json:<id>", cache = cache, skip(cache))]
    async fn json(cache: &Cache, id: u32) -> Vec<String> {
        vec![format!("readable {id}"); 3]
    }

    #[cached(ttl = "1h", compress = "zstd", key = "zstd:<id>", cache = cache, skip(cache))]
    async fn zstd(cache: &Cache, id: u32) -> Vec<String> {
        vec![format!("a long line that repeats itself {id}"); 100]
    }

    #[cached(ttl = "1h", compress = "lz4 from 1KiB", key = "lz4:<id>", cache = cache, skip(cache))]
    async fn lz4(cache: &Cache, id: u32) -> Vec<String> {
        vec![format!("a long line that repeats itself {id}"); 100]
    }

    #[cached(ttl = "1h", compress = "lz4 from 1MiB", key = "small:<id>", cache = cache, skip(cache))]
    async fn small(cache: &Cache, id: u32) -> Vec<String> {
        vec![format!("a long line that repeats itself {id}"); 100]
    }

    let server = RedisServer::start();
    let config = || CacheConfig::default().redis_url(server.url()).budget(SOON);
    let (one, other) = (Cache::new(config()).unwrap(), Cache::new(config()).unwrap());
    for cache in [&one, &other] {
        // The second process decodes what the first has stored.
        let (values, observed) = observe(async {
            (
                json(cache, 1).await,
                zstd(cache, 1).await,
                lz4(cache, 1).await,
                small(cache, 1).await,
            )
        })
        .await;
        assert_eq!(
            (values.0.len(), values.1.len(), values.2.len()),
            (3, 100, 100)
        );
        assert_eq!((&values.1, &values.1), (&values.2, &values.3));
        let expected = if std::ptr::eq(cache, &one) {
            "MISS"
        } else {
            "HIT"
        };
        assert_eq!(observed.as_str(), Some(expected));
        eventually(SOON, "four stores", async || {
            (one.stats().stores == 4).then_some(())
        })
        .await;
    }
    let bytes = |key: &str| server.cli(&["GET", key]).bytes().to_vec();
    let text = bytes("json:1");
    assert!(text.ends_with(br#"["readable 1","readable 1","readable 1"]"#));
    let (plain, zstd, lz4) = (
        bytes("small:1").len(),
        bytes("zstd:1").len(),
        bytes("lz4:1").len(),
    );
    assert!(
        zstd * 4 < plain && lz4 * 4 < plain,
        "{plain} bytes, zstd {zstd}, lz4 {lz4}"
    );
}

#[tokio::test]
async fn attributes_on_attributes_give_the_functions_value_without_redis() {
    #[tracing::instrument(skip_all)]
    #[cached(ttl = "1h", stale = "1h", key = "inner:<id>", cache = app.cache, skip(app))]
    async fn inner(app: &App, id: u32) -> Result<u64, String> {
        Ok(app.db.read().await)
    }

    #[cached(ttl = "1h", early, tags = ["items"], key = "outer:<id>", cache = app.cache, skip(app))]
    #[tracing::instrument(skip_all)]
    async fn outer(app: &App, id: u32) -> Result<u64, String> {
        inner(app, id).await
    }

    let server = RedisServer::builder().stopped();
    let db = Db::new(1);
    let app = App::with(CacheConfig::default().redis_url(server.url()), &db);
    assert_eq!(outer(&app, 1).await, Ok(1));
    assert_eq!((outer(&app, 1).await, inner(&app, 1).await), (Ok(1), Ok(1)));
    assert_eq!(db.reads(), 1, "memory is the cache meanwhile");
}
