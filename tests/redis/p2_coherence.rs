//! P2 beside the race: memory follows Redis, and nothing that was removed comes back.

use std::time::Duration;

use cache_runtime::{CacheConfig, cached};
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, SOON, exact, item, item_in_task, others_run, put_item};

/// How long a push may take on a loaded machine; it usually takes one millisecond.
const PUSH: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_del_typed_by_an_operator_reaches_memory() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    item(&app, 1).await;
    app.has_stored(1).await;
    item(&app, 1).await;
    let hits = app.cache.stats().memory_hits;
    item(&app, 1).await;
    assert_eq!(app.cache.stats().memory_hits, hits + 1, "from memory");
    db.commit(2);
    server.cli(&["DEL", "item:1"]);
    eventually(PUSH, "memory to follow", async || {
        (item(&app, 1).await == 2).then_some(())
    })
    .await;

    app.has_stored(2).await;
    item(&app, 1).await;
    db.commit(3);
    server.cli(&["FLUSHALL"]);
    eventually(PUSH, "memory to follow", async || {
        (item(&app, 1).await == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn whatever_another_process_does_to_a_key_reaches_memory() {
    let server = RedisServer::start();
    let db = Db::new(0);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    for (round, how) in ["set", "put", "refresh", "delete", "expire"]
        .into_iter()
        .enumerate()
    {
        let value = 1 + round as u64;
        item(&app, 1).await;
        let in_memory = async || {
            let hits = app.cache.stats().memory_hits;
            item(&app, 1).await;
            (app.cache.stats().memory_hits > hits).then_some(())
        };
        eventually(SOON, "a copy in memory", in_memory).await;
        match how {
            "set" => other
                .cache
                .set(item::key(1), &value, Duration::from_secs(60))
                .await
                .unwrap(),
            "put" => assert_eq!(put_item(&other, 1, value).await, value),
            "refresh" => {
                db.commit(value);
                assert_eq!(item::refresh(&other, 1).await, value);
            }
            "delete" => {
                db.commit(value);
                assert_eq!(other.cache.delete("item:1").await.removed, 1);
            }
            _ => {
                db.commit(value);
                server.cli(&["PEXPIRE", "item:1", "1"]);
            }
        }
        let follows = async || (item(&app, 1).await == value).then_some(());
        eventually(PUSH, how, follows).await;
    }
}

#[tokio::test]
async fn a_snapshot_does_not_bring_back_what_was_removed() {
    let server = RedisServer::builder().snapshots().start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    // Gone before the restart, so that nobody repeats its removals then.
    let writer = App::on(&server, &db).await;
    for id in 0..10 {
        item(&one, id).await;
        exact(&one, id).await;
    }
    one.has_stored(20).await;
    // A lease in the snapshot must not come back either, or its holder could store.
    db.gate.close();
    let holder = item_in_task(&one, 77);
    db.gate.reached_by(1).await;
    server.save();
    db.commit(2);
    assert!(writer.cache.invalidate_prefix("item:").await.is_durable());
    assert!(writer.cache.invalidate_tag("items").await.is_durable());
    drop(writer);
    server.kill9();
    server.restart();
    assert!(
        server.keys().contains(&"item:3".to_owned()),
        "the snapshot holds it"
    );
    one.reaches_redis().await;
    other.reaches_redis().await;
    db.gate.open();
    assert_eq!(holder.await.unwrap(), 1);
    others_run().await;
    for id in (0..10).chain([77]) {
        for app in [&one, &other, &App::on(&server, &db).await] {
            assert_eq!((item(app, id).await, exact(app, id).await), (2, 2));
        }
    }
    assert!(
        one.cache.stats().unusable + other.cache.stats().unusable > 0,
        "found, and not used"
    );
}

#[tokio::test]
async fn a_process_that_trusts_restarts_starts_warm() {
    let server = RedisServer::builder().snapshots().start();
    let db = Db::new(1);
    let config = CacheConfig::default()
        .redis_url(server.url())
        .trust_restart(true);
    let app = App::connected(config, &db).await;
    item(&app, 1).await;
    app.has_stored(1).await;
    server.save();
    server.kill9();
    app.has_lost_redis().await;
    server.restart();
    app.reaches_redis().await;
    assert_eq!((item(&app, 1).await, db.reads()), (1, 1));
}

#[tokio::test]
async fn removals_bind_and_count_what_was_stored_before_the_ledger_was_lost() {
    for removal in ["item:", "it*", "*:1*", "#items", "#shelf:*", "item:10"] {
        let server = RedisServer::start();
        let db = Db::new(1);
        let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
        for id in 10..20 {
            item(&one, id).await;
        }
        one.has_stored(10).await;
        server.cli(&["DEL", "%ledger"]);
        item(&one, 1).await;
        one.has_stored(11).await;
        db.commit(2);
        let removed = other.cache.invalidate_pattern(removal).await.unwrap();
        assert!(removed.is_durable());
        assert_eq!(
            removed.removed,
            if removal == "item:10" { 1 } else { 11 },
            "{removal}"
        );
        assert_eq!(item(&other, 10).await, 2, "{removal}");
    }
}

#[tokio::test]
async fn a_ledger_evicted_during_a_load_still_stops_the_store() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (reader, writer) = (App::on(&server, &db).await, App::on(&server, &db).await);
    db.gate.close();
    let early = item_in_task(&reader, 1);
    db.gate.reached_by(1).await;
    server.cli(&["DEL", "%ledger"]);
    db.commit(2);
    assert!(writer.cache.invalidate_tag("shelf:1").await.is_durable());
    db.gate.open();
    assert_eq!(early.await.unwrap(), 1);
    assert_eq!(item(&writer, 1).await, 2);
}

#[tokio::test]
async fn a_server_that_evicts_everything_gives_misses_and_no_stale_value() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    for id in 0..200 {
        item(&one, id).await;
    }
    one.has_stored(200).await;
    // Far below what the server itself takes: it evicts whatever it can, the ledger with it.
    server.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    server.cli(&["CONFIG", "SET", "maxmemory", "1mb"]);
    db.commit(2);
    for id in 0..50 {
        let value = item(&other, id).await;
        assert!(value == 1 || value == 2, "{value}");
    }
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    db.commit(3);
    // A heartbeat that the server has refused meanwhile, for want of memory, ends the connection.
    eventually(SOON, "a removal that Redis acknowledges", async || {
        let removed = other.cache.invalidate_prefix("item:").await;
        removed.is_durable().then_some(())
    })
    .await;
    for id in 0..200 {
        assert_eq!(item(&other, id).await, 3);
    }
}

#[tokio::test]
async fn one_removal_takes_150_tagged_keys_and_leaves_none_behind() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    for id in 0..150 {
        item(&one, id).await;
    }
    one.has_stored(150).await;
    // Not an unrelated removal before it, by whomever, changes that.
    for app in [&one, &other] {
        assert_eq!(app.cache.invalidate_tag("unrelated").await.removed, 0);
    }
    db.commit(2);
    let removed = other.cache.invalidate_tag("items").await;
    assert_eq!((removed.removed, removed.is_durable()), (150, true));
    assert_eq!(server.entries(), [""; 0]);
    for id in 0..150 {
        assert_eq!(item(&other, id).await, 2);
    }
    // Loaded after the removal: not affected by it.
    other.has_stored(150).await;
    assert_eq!((item(&one, 5).await, db.reads()), (2, 300));
}

#[tokio::test]
async fn a_removal_of_2000_keys_takes_all_of_them() {
    let server = RedisServer::start();
    let db = Db::new(1);
    // A small machine may take longer than 50 ms for this; the steps count, not the time.
    let config = CacheConfig::default().redis_url(server.url()).budget(SOON);
    let app = App::connected(config, &db).await;
    for id in 0..2000 {
        item(&app, id).await;
    }
    app.has_stored(2000).await;
    let removed = app.cache.invalidate_pattern("*:1*").await.unwrap();
    assert_eq!(removed.removed, 1111);
    assert_eq!(app.cache.invalidate_tag("items").await.removed, 889);
    assert_eq!(server.entries(), [""; 0]);
}

/// Both: what is under `report:` goes, then the fresh value is stored.
#[cached(ttl = "5m", key = "report:<id>", invalidates = "report:", cache = app.cache, skip(app))]
async fn report(app: &App, id: u32) -> u64 {
    app.db.read().await
}

#[tokio::test]
async fn a_read_that_removes_its_own_key_stores_it_all_the_same() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    report(&one, 1).await;
    one.has_stored(1).await;
    report(&one, 2).await;
    one.has_stored(2).await;
    assert_eq!(db.reads(), 2);
    report(&one, 2).await;
    report(&other, 2).await;
    assert_eq!(db.reads(), 2, "its own value is a hit for all");
    db.commit(2);
    assert_eq!(report(&other, 1).await, 2, "the one under the prefix went");
}

#[tokio::test]
async fn a_replica_is_not_read() {
    let master = RedisServer::start();
    let replica = RedisServer::builder()
        .config("replicaof", &format!("127.0.0.1 {}", master.port()))
        .start();
    let follows =
        async || (replica.info("master_link_status").as_deref() == Some("up")).then_some(());
    eventually(SOON, "a replica that follows", follows).await;
    let db = Db::new(1);
    let writer = App::on(&master, &db).await;
    for id in 0..20 {
        exact(&writer, id).await;
    }
    writer.has_stored(20).await;
    let copied = async || (replica.entries().len() == 20).then_some(());
    eventually(SOON, "the replica to have them", copied).await;
    db.commit(2);
    let app = App::with(CacheConfig::default().redis_url(replica.url()), &db);
    for id in 0..20 {
        assert_eq!(
            exact(&app, id).await,
            2,
            "a replica may lag behind a removal: the body, not what it holds"
        );
    }
    replica.cli(&["REPLICAOF", "NO", "ONE"]);
    app.reaches_redis().await;
    let reads = async || {
        let before = app.cache.stats().redis_hits;
        exact(&app, 1).await;
        (app.cache.stats().redis_hits > before).then_some(())
    };
    eventually(SOON, "an answer from the new master", reads).await;
}
