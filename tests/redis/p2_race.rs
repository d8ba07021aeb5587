//! P2 in the open: a load that began before an invalidation never answers a read that started after it.
//!
//! Every test holds a load where it has read the database and not yet stored; meanwhile a writer commits and removes.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, Durability, Invalidation, cached};
use cache_tests::{Fault, RedisServer, eventually};

use crate::app::{App, Db, Post, SOON, change_item, exact, item, item_in_task, others_run, post};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Removal {
    Key,
    Subtree,
    Prefix,
    Glob,
    GlobFromTheStart,
    Tag,
    Clear,
}

pub(crate) const ALL: [Removal; 7] = [
    Removal::Key,
    Removal::Subtree,
    Removal::Prefix,
    Removal::Glob,
    Removal::GlobFromTheStart,
    Removal::Tag,
    Removal::Clear,
];

impl Removal {
    pub(crate) async fn run(self, cache: &Cache, kind: &str) -> Invalidation {
        let pattern = async |pattern: &str| cache.invalidate_pattern(pattern).await.unwrap();
        match self {
            Self::Key => cache.delete(format!("{kind}:1").as_str()).await,
            Self::Subtree => pattern(&format!("{kind}:1")).await,
            Self::Prefix => cache.invalidate_prefix(&format!("{kind}:")).await,
            Self::Glob => pattern(&format!("{}*:1", &kind[..2])).await,
            Self::GlobFromTheStart => pattern("*:1").await,
            Self::Tag => cache.invalidate_tag("items").await,
            Self::Clear => cache.clear().await,
        }
    }
}

/// Three processes: one loads; `writer` of them writes and removes; then all read.
async fn race(removal: Removal, writer: usize) {
    let server = RedisServer::start();
    let db = Db::new(1);
    let apps = [
        App::on(&server, &db).await,
        App::on(&server, &db).await,
        App::on(&server, &db).await,
    ];
    db.gate.close();
    let reader = apps[0].clone();
    let early = tokio::spawn(async move { (item(&reader, 1).await, reader) });
    db.gate.reached_by(1).await;

    db.commit(2);
    let removed = removal.run(&apps[writer].cache, "item").await;
    assert_eq!(removed.durability, Durability::Durable, "{removal:?}");
    let late = apps
        .clone()
        .map(|app| tokio::spawn(async move { item(&app, 1).await }));
    others_run().await;
    db.gate.open();

    assert_eq!(
        early.await.unwrap().0,
        1,
        "it had begun before, and may say so"
    );
    for late in late {
        assert_eq!(
            late.await.unwrap(),
            2,
            "{removal:?} by process {writer}: a read that started after the removal"
        );
    }
    for app in &apps {
        for _ in 0..3 {
            assert_eq!(
                item(app, 1).await,
                2,
                "{removal:?} by process {writer}: later reads"
            );
        }
    }
    let newcomer = App::on(&server, &db).await;
    assert_eq!(
        item(&newcomer, 1).await,
        2,
        "{removal:?} by process {writer}: what Redis holds"
    );
}

#[tokio::test]
async fn an_invalidation_during_a_load_of_the_same_process_wins() {
    for removal in ALL {
        race(removal, 0).await;
    }
}

#[tokio::test]
async fn an_invalidation_during_a_load_of_another_process_wins() {
    for removal in ALL {
        race(removal, 1).await;
    }
}

#[tokio::test]
async fn a_late_store_is_refused_and_counted() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (reader, writer) = (App::on(&server, &db).await, App::on(&server, &db).await);
    db.gate.close();
    let early = item_in_task(&reader, 1);
    db.gate.reached_by(1).await;
    assert!(
        server.keys().contains(&"item:1".to_owned()),
        "a lease stands at the key"
    );
    assert!(writer.cache.delete("item:1").await.is_durable());
    assert!(!server.keys().contains(&"item:1".to_owned()));
    db.gate.open();
    assert_eq!(early.await.unwrap(), 1);
    eventually(SOON, "the refusal", async || {
        (reader.cache.stats().stores_lost == 1).then_some(())
    })
    .await;
    assert!(
        !server.keys().contains(&"item:1".to_owned()),
        "nothing was stored"
    );
}

#[tokio::test]
async fn without_the_memory_tier_no_read_is_late_by_even_a_push() {
    let server = RedisServer::start();
    let db = Db::new(0);
    let (reader, writer) = (App::on(&server, &db).await, App::on(&server, &db).await);
    for round in 1..200 {
        let removal = ALL[round as usize % ALL.len()];
        db.commit(round);
        assert!(removal.run(&writer.cache, "exact").await.is_durable());
        assert_eq!(
            exact(&reader, 1).await,
            round,
            "{removal:?}: no wait in between"
        );
        assert_eq!(
            exact(&reader, 1).await,
            round,
            "a hit or a miss, but this value"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_without_the_memory_tier_never_see_what_was_removed_before_they_began() {
    let server = RedisServer::start();
    let db = Db::new(0);
    let writer = App::on(&server, &db).await;
    let (done, _) = tokio::sync::watch::channel(false);
    let mut readers = Vec::new();
    // What every reader may rely on: raised only when a removal has been acknowledged.
    let durable = Arc::new(std::sync::atomic::AtomicU64::new(0));
    for _ in 0..3 {
        let app = App::on(&server, &db).await;
        for _ in 0..8 {
            let (app, durable, done) = (app.clone(), durable.clone(), done.subscribe());
            readers.push(tokio::spawn(async move {
                let mut reads = 0_u32;
                while !*done.borrow() {
                    let least = durable.load(std::sync::atomic::Ordering::SeqCst);
                    let value = exact(&app, 1).await;
                    assert!(value >= least, "read {value} after {least} was durable");
                    reads += 1;
                    tokio::task::yield_now().await;
                }
                reads
            }));
        }
    }
    for round in 1..=300 {
        db.commit(round);
        let removed = ALL[round as usize % ALL.len()]
            .run(&writer.cache, "exact")
            .await;
        if removed.is_durable() {
            durable.store(round, std::sync::atomic::Ordering::SeqCst);
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    done.send_replace(true);
    for reader in readers {
        assert!(reader.await.expect("no stale read") > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_the_writing_process_never_see_what_it_removed_before_they_began() {
    let server = RedisServer::start();
    let db = Db::new(0);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    let durable = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let (done, _) = tokio::sync::watch::channel(false);
    let mut readers = Vec::new();
    for own in [true, true, true, true, false, false] {
        let (app, durable, done) = (
            if own { app.clone() } else { other.clone() },
            durable.clone(),
            done.subscribe(),
        );
        readers.push(tokio::spawn(async move {
            while !*done.borrow() {
                let least = durable.load(std::sync::atomic::Ordering::SeqCst);
                let value = item(&app, 1).await;
                // The other process stores into Redis what this one may read; itself it may lag by a push.
                assert!(
                    !own || value >= least,
                    "read {value} after {least} was durable"
                );
                tokio::task::yield_now().await;
            }
        }));
    }
    for round in 1..=300 {
        let removal = ALL[round as usize % ALL.len()];
        if round % 2 == 0 {
            change_item(&app, 1, round).await;
        } else {
            db.commit(round);
            assert!(removal.run(&app.cache, "item").await.is_durable());
        }
        durable.store(round, std::sync::atomic::Ordering::SeqCst);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    done.send_replace(true);
    for reader in readers {
        reader.await.expect("no stale read");
    }
    let at_rest = async || (item(&other, 1).await == 300).then_some(());
    eventually(
        std::time::Duration::from_millis(500),
        "the push to reach the other process",
        at_rest,
    )
    .await;
    assert_eq!(item(&app, 1).await, 300);
}

#[tokio::test]
async fn a_tag_of_the_result_that_is_removed_during_the_load_stops_the_store() {
    for tag in ["author:1", "#author:*"] {
        let server = RedisServer::start();
        let db = Db::new(1);
        let (reader, writer) = (App::on(&server, &db).await, App::on(&server, &db).await);
        db.gate.close();
        let early = tokio::spawn({
            let reader = reader.clone();
            async move { post(&reader, 1).await }
        });
        db.gate.reached_by(1).await;
        db.commit(2);
        let removed = match tag.strip_prefix('#') {
            Some(_) => writer.cache.invalidate_pattern(tag).await.unwrap(),
            None => writer.cache.invalidate_tag(tag).await,
        };
        assert!(removed.is_durable());
        db.gate.open();
        assert_eq!(early.await.unwrap(), Post { author: 1 });
        eventually(SOON, "the refusal", async || {
            (reader.cache.stats().stores_lost == 1).then_some(())
        })
        .await;
        for app in [&reader, &writer] {
            assert_eq!(post(app, 1).await, Post { author: 2 });
        }
        // And once stored, it carries the tag of its result.
        eventually(SOON, "the store", async || {
            server.keys().contains(&"post:1".to_owned()).then_some(())
        })
        .await;
        reader.has_stored(1).await;
        let removed = writer.cache.invalidate_tag("author:2").await;
        assert_eq!(removed.removed, 1);
    }
}

#[tokio::test]
async fn a_reader_that_waits_for_a_lease_loads_when_it_is_removed() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (holder, waiter) = (App::on(&server, &db).await, App::on(&server, &db).await);
    db.gate.close();
    let held = tokio::spawn(async move { item(&holder, 1).await });
    db.gate.reached_by(1).await;
    let waiting = item_in_task(&waiter, 1);
    eventually(SOON, "a wait", async || {
        (waiter.cache.stats().waits == 1).then_some(())
    })
    .await;
    db.commit(2);
    server.cli(&["DEL", "item:1"]);
    db.gate.reached_by(2).await;
    db.gate.open();
    assert_eq!((held.await.unwrap(), waiting.await.unwrap()), (1, 2));
    waiter.has_stored(1).await;
    assert_eq!(item(&App::on(&server, &db).await, 1).await, 2);
}

#[tokio::test]
async fn without_redis_an_invalidation_during_a_load_wins_in_its_process() {
    let dead = RedisServer::builder().stopped();
    for config in [
        CacheConfig::default(),
        CacheConfig::default().redis_url(dead.url()),
    ] {
        for removal in ALL {
            let db = Db::new(1);
            let app = App::with(config.clone(), &db);
            // The first call of all waits for the first connect.
            item(&app, 100).await;
            db.gate.close();
            let read = || {
                let app = app.clone();
                tokio::spawn(async move { item(&app, 1).await })
            };
            let early = read();
            db.gate.reached_by(1).await;
            db.commit(2);
            let _ = removal.run(&app.cache, "item").await;
            let late = read();
            db.gate.reached_by(2).await;
            db.gate.open();
            assert_eq!(
                (early.await.unwrap(), late.await.unwrap()),
                (1, 2),
                "{removal:?}"
            );
            assert_eq!(item(&app, 1).await, 2, "{removal:?}: what memory holds");
            let reads = db.reads();
            assert_eq!(
                (item(&app, 1).await, db.reads()),
                (2, reads),
                "and it is a hit"
            );
        }
    }
}

#[tokio::test]
async fn a_copy_on_its_way_to_memory_does_not_arrive_when_its_key_is_removed_meanwhile() {
    for removal in ALL {
        let server = RedisServer::start();
        let db = Db::new(1);
        let (app, proxy) = App::behind_proxy(&server, &db).await;
        let other = App::on(&server, &db).await;
        item(&other, 1).await;
        other.has_stored(1).await;
        let answered = || server.commandstats().get("get").copied().unwrap_or(0);
        let before = answered();
        proxy.set(Fault::Delay(Duration::from_millis(100)));
        let reading = item_in_task(&app, 1);
        let sent = async || (answered() > before).then_some(());
        eventually(SOON, "an answer on its way", sent).await;
        // It waits, and the push of the removal behind it.
        proxy.set(Fault::Stall);
        db.commit(2);
        assert!(removal.run(&other.cache, "item").await.is_durable());
        proxy.up();
        // It had begun before; where the removal is told before the reply is judged, it finds the new value all the same.
        assert!(matches!(reading.await.unwrap(), 1 | 2));
        let follows = async || (item(&app, 1).await == 2).then_some(());
        let what = format!("memory to follow {removal:?}");
        eventually(Duration::from_millis(500), &what, follows).await;
    }
}

#[cached(invalidates = "item:", cache = app.cache)]
async fn change_all(app: &App, value: u64) {
    app.db.commit(value);
}

#[tokio::test]
async fn a_copy_that_came_in_while_the_removal_ran_is_gone_when_it_returns() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, proxy) = App::behind_proxy(&server, &db).await;
    let other = App::on(&server, &db).await;
    item(&other, 1).await;
    other.has_stored(1).await;
    proxy.set(Fault::Delay(Duration::from_millis(100)));
    let read = item_in_task(&app, 1);
    others_run().await;
    let write = tokio::spawn({
        let app = app.clone();
        async move { change_all(&app, 2).await }
    });
    // Asked before the removal: the old value, rightly, and a copy of it for memory; or the new one, where it is judged
    // when the removal is known.
    assert!(matches!(read.await.unwrap(), 1 | 2));
    // Some servers answer the removal before they push it: now the push comes a moment later.
    proxy.set(Fault::Throttle(1_000));
    write.await.unwrap();
    assert_eq!(item(&app, 1).await, 2);
}
