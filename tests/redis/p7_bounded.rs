//! P7: memory, index and work are bounded; and a call costs the commands that it must.

use std::time::Duration;

use cache_runtime::{CacheConfig, cached};
use cache_tests::{Fault, FaultProxy, RedisServer, Resp, eventually};

use crate::app::{App, Db, SOON, exact, item, others_run};

#[cached(ttl = "5m", key = "nobody:<id>", tags = ["people"], cache = app.cache, skip(app))]
async fn nobody(app: &App, id: u32) -> Option<u64> {
    app.db.read().await;
    (id == u32::MAX).then_some(1)
}

#[cached(ttl = "100ms", key = "brief:<id>", tags = ["a:<id>", "b:<id>", "c:<id>", "d:<id>", "e:<id>"], cache = app.cache, skip(app))]
async fn brief(app: &App, id: u32) -> u64 {
    app.db.read().await
}

fn catalogue_size(server: &RedisServer) -> i64 {
    server.cli(&["ZCARD", "%catalogue"]).int()
}

#[tokio::test]
async fn thousands_of_lookups_that_find_nothing_leave_nothing_behind() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(7)).await;
    item(&app, 1).await;
    app.has_stored(1).await;
    let written = async || {
        let size = catalogue_size(&server);
        (size > 0).then_some(size)
    };
    let before = eventually(SOON, "the catalogue", written).await;
    server.reset_stats();
    for id in 0..5_000 {
        assert_eq!(nobody(&app, id).await, None);
    }
    let settled = async || (server.entries() == ["item:1"]).then_some(());
    eventually(SOON, "the leases to be released", settled).await;
    assert_eq!(catalogue_size(&server), before);
    let stats = server.commandstats();
    assert!(stats["set"] <= 5_000 + 10, "a plant each: {stats:?}");
    assert!(stats["evalsha"] <= 5_000 + 20, "a release each: {stats:?}");
}

#[tokio::test]
async fn keys_that_expire_leave_the_catalogue_however_many_tags_they_had() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(7)).await;
    for id in 0..3_000 {
        brief(&app, id).await;
    }
    app.has_stored(3_000).await;
    // 18,000 members went in. What lives is what the last tenth of a second stored.
    let size = catalogue_size(&server);
    assert!(
        size <= 6_000,
        "{size} members for {} keys",
        server.cli(&["DBSIZE"]).int()
    );
}

#[tokio::test]
async fn the_memory_tier_keeps_to_its_number_of_entries() {
    let server = RedisServer::start();
    for config in [
        CacheConfig::default().redis_url(server.url()).budget(SOON),
        CacheConfig::default(),
    ] {
        let app = App::with(config.max_entries(100), &Db::new(7));
        for round in 0..3 {
            for id in 0..1_000 {
                item(&app, id).await;
            }
            let held = app.cache.health().await.stats.memory_cache_size;
            assert!(held <= 100, "{held} entries in round {round}");
        }
    }
}

#[tokio::test]
async fn a_value_that_is_too_large_is_returned_and_not_stored() {
    let server = RedisServer::start();
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(SOON)
        .max_value_bytes(1_000);
    let app = App::connected(config, &Db::new(7)).await;
    let load = async || Ok::<_, ()>(vec![7_u8; 2_000]);
    let value = app
        .cache
        .get_or_load("large:1", Duration::from_secs(60), load)
        .await;
    assert_eq!(value.map(|value| value.len()), Ok(2_000));
    let refused = async || (app.cache.stats().stores_refused == 1).then_some(());
    eventually(SOON, "the refusal", refused).await;
    let gone = async || (!server.keys().contains(&"large:1".to_owned())).then_some(());
    eventually(SOON, "the lease to be released", gone).await;
    assert!(
        app.cache
            .set("large:2", &vec![7_u8; 2_000], Duration::from_secs(60))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn more_keys_than_may_load_at_once_are_loaded_without_the_cache() {
    let server = RedisServer::start();
    for config in [
        CacheConfig::default().redis_url(server.url()).budget(SOON),
        CacheConfig::default(),
    ] {
        let app = App::with(config.max_flights(2), &Db::new(7));
        app.db.gate.close();
        let call = |id| {
            let app = app.clone();
            tokio::spawn(async move { item(&app, id).await })
        };
        // Two keys, two flights: who comes later waits for them.
        let mut calls: Vec<_> = [1, 2, 1, 2].map(call).into();
        app.db.gate.reached_by(2).await;
        // No room: each of these runs its body.
        calls.extend([3, 3, 3].map(call));
        app.db.gate.reached_by(5).await;
        others_run().await;
        assert_eq!(app.db.gate.arrived(), 5);
        app.db.gate.open();
        for call in calls {
            assert_eq!(call.await.unwrap(), 7);
        }
        // And in the end there is room again.
        let hits = async || {
            item(&app, 3).await;
            let reads = app.db.reads();
            item(&app, 3).await;
            (app.db.reads() == reads).then_some(())
        };
        eventually(SOON, "a hit", hits).await;
    }
}

#[tokio::test]
async fn more_stores_than_may_be_under_way_at_once_are_dropped_and_counted() {
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    let config = CacheConfig::default()
        .redis_url(proxy.url())
        .max_background(4)
        .budget(SOON);
    let app = App::connected(config, &Db::new(7)).await;
    app.db.gate.close();
    let calls: Vec<_> = (0..20)
        .map(|id| {
            let app = app.clone();
            tokio::spawn(async move { item(&app, id).await })
        })
        .collect();
    // Each has its lease; none of their stores will have an answer soon.
    app.db.gate.reached_by(20).await;
    proxy.set(Fault::Stall);
    app.db.gate.open();
    for call in calls {
        assert_eq!(call.await.unwrap(), 7, "the value is there all the same");
    }
    let shed = app.cache.stats().shed;
    assert!((16..20).contains(&shed), "{shed} of 20 dropped");
    proxy.up();
    app.has_stored(20 - shed).await;
    // What was dropped leaves its lease to run out, and is loaded again then.
    for id in 0..20 {
        assert_eq!(item(&app, id).await, 7);
    }
}

#[tokio::test]
async fn a_miss_takes_three_commands_and_a_hit_in_redis_one() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(7)).await;
    let other = App::on(&server, &Db::new(7)).await;
    server.reset_stats();
    for id in 0..100 {
        item(&app, id).await;
    }
    app.has_stored(100).await;
    let stats = server.commandstats();
    // Each stored value is set once by its lease and once by its store.
    assert_eq!((stats["get"], stats["set"]), (100, 200), "{stats:?}");
    let catalogued = stats.get("zadd").copied().unwrap_or(0);
    // A store each, unless the server can compare and set in one command; a sweep for each batch of the catalogue; and the
    // heartbeats of two caches.
    let if_equal = server.try_cli(&["SET", "absent", "new", "IFEQ", "old"]);
    let stores = match if_equal {
        Ok(Resp::Error(_)) => 100,
        _ => 0,
    };
    assert!(stats["evalsha"] <= stores + catalogued + 6, "{stats:?}");
    assert!(catalogued <= 50, "in batches: {stats:?}");

    server.reset_stats();
    for id in 0..100 {
        item(&other, id).await;
    }
    let stats = server.commandstats();
    assert_eq!(stats["get"], 100);
    assert!(
        stats.get("evalsha").is_none_or(|scripts| *scripts <= 4),
        "heartbeats alone: {stats:?}"
    );
    for id in 0..100 {
        item(&other, id).await;
    }
    assert_eq!(server.commandstats()["get"], 100, "and none in memory");
}

#[tokio::test]
async fn a_miss_without_the_memory_tier_takes_no_command_more() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(7)).await;
    server.reset_stats();
    for id in 0..100 {
        exact(&app, id).await;
    }
    app.has_stored(100).await;
    let stats = server.commandstats();
    assert_eq!((stats["get"], stats["set"]), (100, 200), "{stats:?}");
}
