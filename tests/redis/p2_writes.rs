//! P2 for what stores on purpose: a refresh that is overtaken stores nothing, and of two puts the later stays or none.

use std::time::Duration;

use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, SOON, item, put_item};
use crate::p2_race::ALL;

#[tokio::test]
async fn a_refresh_that_an_invalidation_overtakes_stores_nothing() {
    for removal in ALL {
        let server = RedisServer::start();
        let db = Db::new(1);
        let (refresher, writer) = (App::on(&server, &db).await, App::on(&server, &db).await);
        item(&refresher, 1).await;
        refresher.has_stored(1).await;
        db.gate.close();
        let refresh = tokio::spawn({
            let app = refresher.clone();
            async move { item::refresh(&app, 1).await }
        });
        db.gate.reached_by(1).await;
        let standing = tokio::time::timeout(SOON, item(&writer, 1)).await;
        let (served, began) = (standing.expect("no wait for the refresh"), db.reads());
        assert_eq!(
            (served, began),
            (1, 2),
            "the value that stands is served meanwhile"
        );
        db.commit(2);
        assert!(removal.run(&writer.cache, "item").await.is_durable());
        db.gate.open();
        assert_eq!(refresh.await.unwrap(), 1);
        assert!(
            !server.keys().contains(&"item:1".to_owned()),
            "{removal:?}: the key is absent"
        );
        assert_eq!(item(&writer, 1).await, 2);
        // The other process has the value of before in memory until the push is there.
        let follows = async || (item(&refresher, 1).await == 2).then_some(());
        eventually(Duration::from_millis(500), "the push", follows).await;
    }
}

#[tokio::test]
async fn a_refreshed_entry_is_new_for_all_and_still_has_its_tags() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    item(&one, 1).await;
    one.has_stored(1).await;
    assert_eq!(item(&other, 1).await, 1);
    db.commit(2);
    assert_eq!(item::refresh(&one, 1).await, 2);
    assert_eq!(item(&one, 1).await, 2);
    let follows = async || (item(&other, 1).await == 2).then_some(());
    eventually(Duration::from_millis(500), "the push", follows).await;
    assert_eq!(db.reads(), 2, "the others read what was refreshed");
    assert_eq!(one.cache.invalidate_tag("shelf:1").await.removed, 1);
}

#[tokio::test]
async fn of_overlapping_puts_the_earlier_commit_never_stays() {
    // Which process writes second, and which of the two ends first.
    for (second_elsewhere, first_ends_first) in
        [(false, false), (false, true), (true, false), (true, true)]
    {
        let server = RedisServer::start();
        let (first_db, second_db) = (Db::new(0), Db::new(0));
        let one = App::on(&server, &first_db).await;
        let two = if second_elsewhere {
            App::on(&server, &second_db).await
        } else {
            App {
                cache: one.cache.clone(),
                db: second_db.clone(),
            }
        };
        first_db.gate.close();
        second_db.gate.close();
        let put = |app: &App, value| {
            let app = app.clone();
            tokio::spawn(async move { put_item(&app, 1, value).await })
        };
        let first = put(&one, 1);
        first_db.gate.reached_by(1).await;
        let second = put(&two, 2);
        second_db.gate.reached_by(1).await;
        let mut ends = [(&first_db, first), (&second_db, second)];
        if !first_ends_first {
            ends.reverse();
        }
        for (db, put) in ends {
            db.gate.open();
            put.await.unwrap();
        }
        for app in [&one, &two] {
            let stored = app.cache.get::<u64>("item:1").await;
            assert!(stored.is_none_or(|value| value == 2), "{stored:?} stays");
        }
    }
}

#[tokio::test]
async fn a_put_is_what_everybody_reads_next() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    assert_eq!(item(&other, 1).await, 1);
    assert_eq!(put_item(&one, 1, 2).await, 2);
    let reads = db.reads();
    let follows = async || (item(&other, 1).await == 2).then_some(());
    eventually(Duration::from_millis(500), "the push", follows).await;
    assert_eq!(item(&one, 1).await, 2);
    assert_eq!(db.reads(), reads, "all from the cache");
}
