//! The ledger is lost, by eviction or by hand: another is born, and everything from before is cold for everybody.

use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, SOON, exact, item, item_in_task, post};
use crate::said::Said;

const LOSSES: [&[&str]; 2] = [&["DEL", "%ledger"], &["FLUSHALL"]];

/// What gives birth to another.
#[derive(Clone, Copy, Debug)]
enum Birth {
    Removal,
    RemovalInALoad,
    Connect,
}

async fn fill(app: &App) {
    for id in 0..10 {
        exact(app, id).await;
        item(app, id).await;
        post(app, id).await;
    }
}

#[tokio::test]
async fn whatever_was_stored_before_is_cold_for_all_processes() {
    for loss in LOSSES {
        for birth in [Birth::Removal, Birth::RemovalInALoad, Birth::Connect] {
            let server = RedisServer::start();
            let db = Db::new(1);
            let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
            fill(&one).await;
            one.has_stored(30).await;
            fill(&other).await;
            assert_eq!(db.reads(), 30);
            db.commit(2);
            server.cli(loss);
            let late = born(birth, &server, &one).await;
            for app in [Some(&one), Some(&other), late.as_ref()]
                .into_iter()
                .flatten()
            {
                assert_eq!(exact(app, 1).await, 2, "{loss:?}, {birth:?}");
                assert_eq!(exact(app, 2).await, 2, "{loss:?}, {birth:?}");
                let follows = async || {
                    let old = item(app, 3).await + post(app, 3).await.author;
                    (old == 4).then_some(())
                };
                eventually(SOON, "memory to follow", follows).await;
            }
            let told = async || (other.cache.stats().ledger_losses == 1).then_some(());
            eventually(SOON, "the loss to be counted", told).await;
        }
    }
}

/// Begins another ledger. `Some`: the process that came for it.
async fn born(birth: Birth, server: &RedisServer, one: &App) -> Option<App> {
    match birth {
        Birth::Removal => {
            let removed = one.cache.invalidate_tag("unrelated").await;
            assert!(removed.is_durable());
            None
        }
        Birth::RemovalInALoad => {
            let load = async || {
                assert!(one.cache.invalidate_prefix("unrelated:").await.is_durable());
                Ok::<_, ()>(1)
            };
            let loaded = one.cache.get_or_load("loaded:1", SOON, load).await;
            assert_eq!(loaded, Ok(1));
            None
        }
        Birth::Connect => Some(App::on(server, &one.db).await),
    }
}

#[tokio::test]
async fn a_lost_ledger_is_said_once_with_the_servers_policy() {
    let server = RedisServer::builder()
        .config("maxmemory-policy", "allkeys-lfu")
        .start();
    let (said, _guard) = Said::listen();
    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    for losses in 1..=3 {
        item(&app, 1).await;
        server.cli(&["DEL", "%ledger"]);
        assert!(app.cache.invalidate_tag("unrelated").await.is_durable());
        let told = async || (app.cache.stats().ledger_losses == losses).then_some(());
        eventually(SOON, "the loss to be counted", told).await;
    }
    let line = said.eventually_mentions("lost the ledger").await;
    assert!(line.starts_with("WARN"), "{line}");
    assert!(line.contains("allkeys-lfu"), "{line}");
    assert!(line.contains("cold"), "{line}");
    assert_eq!(said.mentions("lost the ledger"), 1, "{said:?}");
}

#[tokio::test]
async fn a_load_that_began_under_the_lost_ledger_is_neither_stored_nor_shared() {
    for loss in LOSSES {
        let server = RedisServer::start();
        let db = Db::new(1);
        let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
        db.gate.close();
        let early = item_in_task(&one, 1);
        db.gate.reached_by(1).await;
        server.cli(loss);
        db.commit(2);
        // Whatever the lost ledger held may have covered it.
        assert!(other.cache.invalidate_tag("unrelated").await.is_durable());
        db.gate.open();
        assert_eq!(early.await.unwrap(), 1);
        for app in [&one, &other] {
            assert_eq!((item(app, 1).await, exact(app, 1).await), (2, 2));
        }
    }
}
