//! What an entry itself carries decides about it: its tags as they are now, the key that it was stored at, its format.

use cache_runtime::CacheConfig;
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, Post, SOON, exact, item, post};

/// The post's author is 7, then 8.
async fn changes_its_author(app: &App, reader: &App) {
    let db = &app.db;
    db.commit(7);
    assert_eq!(post(app, 1).await.author, 7);
    db.commit(8);
    assert_eq!(post::refresh(app, 1).await, Post { author: 8 });
    let renewed = async || (post(reader, 1).await.author == 8).then_some(());
    eventually(SOON, "the new value", renewed).await;
}

/// Removals of the author that it had, and of the one that it has, by `remover`.
async fn is_removed_by_the_tag_that_it_carries(remover: &App, reader: &App) {
    let db = &reader.db;
    db.commit(9);
    let reads = db.reads();
    let removed = remover.cache.invalidate_tag("author:7").await;
    assert_eq!((removed.removed, removed.is_durable()), (0, true));
    for app in [remover, reader] {
        assert_eq!(post(app, 1).await.author, 8, "it has another author now");
    }
    assert_eq!(db.reads(), reads, "hits");
    let removed = remover.cache.invalidate_tag("author:8").await;
    assert_eq!((removed.removed, removed.is_durable()), (1, true));
    assert_eq!(post(remover, 1).await.author, 9);
    let follows = async || (post(reader, 1).await.author == 9).then_some(());
    eventually(SOON, "the other process", follows).await;
}

#[tokio::test]
async fn a_tag_removes_an_entry_that_carries_it_now_and_none_that_has_carried_it() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    changes_its_author(&app, &other).await;
    is_removed_by_the_tag_that_it_carries(&other, &app).await;
}

#[tokio::test]
async fn in_memory_alone_as_well() {
    let app = App::with(CacheConfig::default().without_redis(), &Db::new(7));
    changes_its_author(&app, &app).await;
    is_removed_by_the_tag_that_it_carries(&app, &app).await;
}

#[tokio::test]
async fn an_entry_that_was_renamed_does_not_answer_for_its_new_name() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    exact(&app, 1).await;
    item(&app, 1).await;
    app.has_stored(2).await;
    db.commit(2);
    for kind in ["exact", "item"] {
        server.cli(&["RENAME", &format!("{kind}:1"), &format!("{kind}:2")]);
    }
    for app in [&app, &other] {
        assert_eq!((exact(app, 2).await, item(app, 2).await), (2, 2));
    }
    // By hand as well, and by copy.
    let value = 5_u64;
    app.cache.set("mine:1", &value, SOON).await.unwrap();
    server.cli(&["COPY", "mine:1", "mine:2"]);
    assert_eq!(other.cache.get::<u64>("mine:1").await, Some(5));
    assert_eq!(other.cache.get::<u64>("mine:2").await, None);
    assert!(!other.cache.exists("mine:2").await);
    let keys = ["mine:1", "mine:2"].map(cache_runtime::CacheKey::new);
    let found = other.cache.get_many::<u64>(&keys).await;
    assert_eq!(found, [Some(5), None]);
}

/// The beginning of what builds before this format wrote: magic, version, an entry in bincode.
fn entry_of_format_1() -> Vec<u8> {
    let mut bytes = vec![0xCA, 0xC4, 0xED, 1, 1, 1, 0, 0];
    bytes.extend((0..120).map(|byte| byte as u8));
    bytes
}

#[tokio::test]
async fn an_entry_of_the_format_before_is_a_miss_and_is_replaced() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    let old = entry_of_format_1();
    let mut by_hand = server.control(SOON).unwrap();
    for key in [&b"item:1"[..], b"item:2", b"item:3"] {
        by_hand.call(&[b"SET", key, &old]).unwrap();
    }
    assert_eq!(item(&app, 1).await, 1);
    app.has_stored(1).await;
    assert_eq!(app.cache.stats().foreign, 0);
    let version = by_hand.call(&["GETRANGE", "item:1", "3", "3"]).unwrap();
    assert_eq!(version.str(), "\u{2}");
    assert_eq!((item(&other, 1).await, db.reads()), (1, 1), "a hit for all");
    // It is ours: removed by its name, and overwritten by hand.
    assert_eq!(other.cache.delete("item:2").await.removed, 1);
    assert!(!server.keys().contains(&"item:2".to_owned()));
    let set = other.cache.set(item::key(3), &9_u64, SOON).await;
    assert!(set.is_ok());
    assert_eq!(exact_bytes_version(&server, "item:3"), "\u{2}");
}

fn exact_bytes_version(server: &RedisServer, key: &str) -> String {
    let bytes = server.cli(&["GETRANGE", key, "3", "3"]);
    bytes.str().to_owned()
}
