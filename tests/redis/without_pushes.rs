//! Where Redis pushes nothing, every read asks for the latest removals with its `GET`: another process's removal is
//! followed at the very next read, without any delay. Memory only bridges outages there.

use cache_runtime::CacheConfig;
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, SOON, item, item_in_task, post};
use crate::p2_race::{ALL, Removal};

/// Users whom Redis tells nothing: forbidden to subscribe, without the channel, without tracking.
const USERS: [(&str, &str); 3] = [
    ("may not subscribe", "~* &* +@all -subscribe"),
    ("has no channel", "resetchannels ~* +@all"),
    ("has no tracking", "~* &* +@all -client"),
];

async fn two_processes(server: &RedisServer, db: &std::sync::Arc<Db>) -> (App, App) {
    let config = || {
        CacheConfig::default()
            .redis_url(server.url_as("app", "secret"))
            .budget(SOON)
    };
    (
        App::connected(config(), db).await,
        App::connected(config(), db).await,
    )
}

fn server_for(rules: &str) -> RedisServer {
    RedisServer::builder().acl("app", "secret", rules).start()
}

#[tokio::test]
async fn each_removal_of_another_process_is_followed_at_the_next_read() {
    for (user, rules) in USERS {
        let server = server_for(rules);
        // Nobody finds what is stale and takes it away: only what a reader knows of removals stands before it.
        server.cli(&["SET", "%catalogue", "theirs"]);
        let db = Db::new(0);
        let (reader, writer) = two_processes(&server, &db).await;
        let mut value = 0;
        for removal in ALL {
            for _ in 0..3 {
                assert_eq!(item(&reader, 1).await, value, "{user}: {removal:?}");
                assert_eq!(item(&writer, 1).await, value, "{user}: {removal:?}");
                let hits = reader.cache.stats().redis_hits;
                stored_and_read_back(&reader, value).await;
                assert!(reader.cache.stats().redis_hits > hits);
                value += 1;
                db.commit(value);
                let removed = removal.run(&writer.cache, "item").await;
                assert!(removed.is_durable(), "{user}: {removal:?}");
                assert_eq!(item(&reader, 1).await, value, "{user}: {removal:?}");
            }
        }
        assert_eq!(reader.cache.stats().memory_hits, 0, "{user}");
        let notes = reader.cache.health().await.notes.join(" ");
        assert!(notes.contains("only bridges outages"), "{user}: {notes}");
    }
}

/// A hit in Redis: what the last load stored.
async fn stored_and_read_back(reader: &App, value: u64) {
    let reads = reader.db.reads();
    eventually(SOON, "a hit", async || {
        let hits = reader.cache.stats().redis_hits;
        assert_eq!(item(reader, 1).await, value);
        (reader.cache.stats().redis_hits > hits).then_some(())
    })
    .await;
    assert!(reader.db.reads() <= reads + 1);
}

#[tokio::test]
async fn a_removal_during_a_load_keeps_its_value_from_all_who_read_later() {
    for (user, rules) in USERS {
        for removal in [Removal::Key, Removal::Prefix, Removal::Tag, Removal::Clear] {
            let server = server_for(rules);
            let db = Db::new(1);
            let (reader, writer) = two_processes(&server, &db).await;
            db.gate.close();
            let early = item_in_task(&reader, 1);
            db.gate.reached_by(1).await;
            db.commit(2);
            assert!(removal.run(&writer.cache, "item").await.is_durable());
            db.gate.open();
            assert_eq!(early.await.unwrap(), 1);
            for app in [&reader, &writer, &reader] {
                assert_eq!(item(app, 1).await, 2, "{user}: {removal:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_lost_ledger_makes_everything_cold_at_the_next_read() {
    for (user, rules) in USERS {
        let server = server_for(rules);
        let db = Db::new(1);
        let (reader, writer) = two_processes(&server, &db).await;
        item(&reader, 1).await;
        post(&reader, 1).await;
        reader.has_stored(2).await;
        stored_and_read_back(&reader, 1).await;
        // First the loss alone, then with a removal that begins another ledger.
        server.cli(&["DEL", "%ledger"]);
        db.commit(2);
        assert_eq!(item(&reader, 1).await, 2, "{user}");
        reader.reaches_redis().await;
        stored_and_read_back(&reader, 2).await;
        server.cli(&["DEL", "%ledger"]);
        db.commit(3);
        eventually(SOON, "a removal that is durable", async || {
            let removed = writer.cache.invalidate_tag("unrelated").await;
            removed.is_durable().then_some(())
        })
        .await;
        assert_eq!(item(&reader, 1).await, 3, "{user}");
        assert_eq!(post(&reader, 1).await.author, 3, "{user}");
        reader.reaches_redis().await;
        writer.reaches_redis().await;
        stored_and_read_back(&reader, 3).await;
    }
}

#[tokio::test]
async fn memory_bridges_an_outage_all_the_same() {
    for (user, rules) in USERS {
        let server = server_for(rules);
        let db = Db::new(1);
        let (app, _) = two_processes(&server, &db).await;
        server.kill9();
        app.has_lost_redis().await;
        assert_eq!(item(&app, 1).await, 1);
        assert_eq!(item(&app, 1).await, 1);
        assert_eq!(db.reads(), 1, "{user}: from memory");
        server.restart();
        app.reaches_redis().await;
        db.commit(2);
        assert_eq!(item(&app, 1).await, 2, "{user}: and no longer than that");
    }
}
