//! Something of somebody else's stands at the names that a cache keeps for itself.

use cache_runtime::{CacheConfig, Reason, Status, observe};
use cache_tests::{FaultProxy, RedisServer, Resp, eventually};

use crate::app::{App, Db, SOON, change_item, exact, item};
use crate::said::Said;

const FOREIGN: [&[&str]; 4] = [
    &["SET", "%ledger", "theirs"],
    &["HSET", "%ledger", "theirs", "1"],
    &["RPUSH", "%ledger", "theirs"],
    &["ZADD", "%ledger", "3", "theirs"],
];

fn dump(server: &RedisServer, key: &str) -> Resp {
    server.cli(&["DUMP", key])
}

#[tokio::test]
async fn a_foreign_key_at_the_ledgers_name_is_left_alone_and_said_once_and_memory_serves() {
    for foreign in FOREIGN {
        let server = RedisServer::start();
        server.cli(foreign);
        let theirs = dump(&server, "%ledger");
        let (said, _guard) = Said::listen();
        let db = Db::new(7);
        let config = CacheConfig::default().redis_url(server.url()).budget(SOON);
        let app = App::with(config, &db);
        let line = said.eventually_mentions("%ledger").await;
        assert!(line.starts_with("ERROR"), "{line}");
        assert!(line.contains("rename or delete it"), "{line}");
        assert!(line.contains("CACHE_NAMESPACE"), "{line}");
        assert_eq!((item(&app, 1).await, item(&app, 1).await), (7, 7));
        assert_eq!((db.reads(), app.cache.stats().memory_hits), (1, 1));
        change_item(&app, 1, 8).await;
        assert_eq!(item(&app, 1).await, 8, "a write binds this process");
        let health = app.cache.health().await;
        assert_eq!(health.status.as_str(), "degraded");
        let notes = health.notes.join(" ");
        assert!(notes.contains("`%ledger`"), "{notes}");
        assert!(notes.contains("rename or delete it"), "{notes}");
        // It goes on trying, and says nothing more.
        server.reset_stats();
        eventually(SOON, "some more attempts", async || {
            let scripts = server.commandstats().get("evalsha").copied();
            (scripts >= Some(3)).then_some(())
        })
        .await;
        assert_eq!(said.mentions("ERROR"), 1, "{said:?}");
        assert_eq!(dump(&server, "%ledger"), theirs, "left alone");
        assert_eq!(server.keys(), ["%ledger"]);

        server.cli(&["DEL", "%ledger"]);
        app.reaches_redis().await;
        assert_eq!(app.cache.health().await.notes, [""; 0]);
        eventually(SOON, "what waited to be replayed", async || {
            (app.cache.journal_len() == 0).then_some(())
        })
        .await;
        assert_eq!(item(&app, 2).await, 8);
        app.has_stored(1).await;
        assert!(server.keys().contains(&"item:2".to_owned()));
    }
}

#[tokio::test]
async fn a_foreign_key_in_the_ledgers_place_later_stops_nobody_for_long_and_is_left_alone() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    item(&app, 1).await;
    app.has_stored(1).await;
    server.cli(&["SET", "%ledger", "theirs"]);
    db.commit(2);
    assert!(!app.cache.invalidate_prefix("item:").await.is_durable());
    assert_eq!(item(&app, 1).await, 2, "a removal binds this process");
    app.has_lost_redis().await;
    assert_eq!(server.cli(&["GET", "%ledger"]).str(), "theirs");
    server.cli(&["DEL", "%ledger"]);
    for process in [&app, &other] {
        process.reaches_redis().await;
    }
    eventually(SOON, "what waited to be replayed", async || {
        (app.cache.journal_len() == 0).then_some(())
    })
    .await;
    let follows = async || (item(&other, 1).await == 2).then_some(());
    eventually(SOON, "the other process", follows).await;
}

#[tokio::test]
async fn a_foreign_key_at_the_catalogues_name_costs_counts_and_nothing_else() {
    for foreign in [
        ["SET", "%catalogue", "theirs"],
        ["RPUSH", "%catalogue", "theirs"],
    ] {
        let server = RedisServer::start();
        server.cli(&foreign);
        let theirs = dump(&server, "%catalogue");
        let way = FaultProxy::in_front_of(&server);
        let db = Db::new(1);
        let config = CacheConfig::default().redis_url(way.url()).budget(SOON);
        let one = App::connected(config, &db).await;
        let other = App::on(&server, &db).await;
        let mut value = 1;
        for pattern in ["item:", "#items", "*:1", "=item:1", "*"] {
            assert_eq!((exact(&one, 1).await, item(&one, 1).await), (value, value));
            eventually(SOON, "the values in Redis", async || {
                (server.entries() == ["exact:1", "item:1"]).then_some(())
            })
            .await;
            let reads = db.reads();
            assert_eq!(item(&other, 1).await, value);
            assert_eq!(db.reads(), reads, "a hit: {pattern}");
            value += 1;
            db.commit(value);
            let removed = one.cache.invalidate_pattern(pattern).await.unwrap();
            assert!(removed.is_durable(), "{pattern}");
            assert_eq!(item(&one, 1).await, value, "{pattern}");
            let follows = async || (item(&other, 1).await == value).then_some(());
            eventually(SOON, "the other process", follows).await;
            assert!(other.cache.clear().await.is_durable());
            server.cli(&["DEL", "item:1", "exact:1"]);
        }
        assert!(one.cache.health().await.stats.redis_available);
        assert_eq!(dump(&server, "%catalogue"), theirs, "left alone");
        assert_eq!(one.cache.journal_len() + other.cache.journal_len(), 0);
        assert_eq!(way.connections(), 1, "the connection from the beginning");
    }
}

#[tokio::test]
async fn a_foreign_value_at_a_key_is_said_once_and_in_every_outcome_and_left_alone() {
    let server = RedisServer::start();
    for foreign in [
        &["SET", "item:1", "theirs"][..],
        &["RPUSH", "item:2", "theirs"],
    ] {
        server.cli(foreign);
    }
    let (said, _guard) = Said::listen();
    let db = Db::new(7);
    let config = CacheConfig::default().redis_url(server.url()).budget(SOON);
    let app = App::with(config, &db);
    app.reaches_redis().await;
    for id in [1, 2, 1, 2] {
        let (value, observed) = observe(item(&app, id)).await;
        assert_eq!(value, 7);
        let outcome = observed.calls()[0];
        assert_eq!(
            (outcome.status, outcome.reason),
            (Status::Miss, Reason::Foreign)
        );
        assert!(!outcome.stored);
    }
    let line = said.eventually_mentions("another program").await;
    assert!(
        line.starts_with("WARN") && line.contains("CACHE_NAMESPACE"),
        "{line}"
    );
    assert_eq!(said.mentions("another program"), 1, "{said:?}");
    assert_eq!(app.cache.stats().foreign, 4);
    assert_eq!(server.cli(&["GET", "item:1"]).str(), "theirs");
}
