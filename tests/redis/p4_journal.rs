//! P4: a removal that Redis cannot be told of binds this process at once, and Redis before this process reads it again.

use std::time::{Duration, Instant};

use cache_runtime::{CacheConfig, Durability};
use cache_tests::{Fault, FaultProxy, RedisServer, eventually};

use crate::app::{App, CALL, Db, SOON, change_item, exact, item, item_in_task, others_run, timed};

/// A process behind a proxy of its own.
async fn behind(server: &RedisServer, db: &std::sync::Arc<Db>) -> (App, FaultProxy) {
    let proxy = FaultProxy::in_front_of(server);
    let config = CacheConfig::default().redis_url(proxy.url());
    (App::connected(config, db).await, proxy)
}

async fn replayed(app: &App) {
    let empty = async || (app.cache.journal_len() == 0).then_some(());
    eventually(SOON, "the journal to be replayed", empty).await;
    app.reaches_redis().await;
}

/// Removes while the network does `fault`, heals it, and watches that the removed value never shows in this process, and
/// at last in no other.
async fn removed_during(fault: Fault) {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, proxy) = behind(&server, &db).await;
    let other = App::on(&server, &db).await;
    for id in 0..20 {
        item(&other, id).await;
        exact(&other, id).await;
    }
    other.has_stored(40).await;
    for id in 0..20 {
        item(&app, id).await;
    }

    proxy.set(fault);
    if fault == Fault::Refuse {
        proxy.cut_all();
    }
    db.commit(2);
    let (removed, took) = timed(app.cache.invalidate_tag("items")).await;
    assert_eq!(removed.durability, Durability::Queued);
    assert!(took <= CALL, "{took:?}");
    assert_eq!(app.cache.journal_len(), 1);
    for id in 0..5 {
        assert_eq!(
            (item(&app, id).await, exact(&app, id).await),
            (2, 2),
            "this process is bound at once"
        );
    }
    proxy.up();
    let back = async || {
        let id = rand(20);
        assert_eq!(
            (item(&app, id).await, exact(&app, id).await),
            (2, 2),
            "Redis is not read before the replay"
        );
        (app.cache.journal_len() == 0 && app.cache.health().await.stats.redis_available)
            .then_some(())
    };
    eventually(SOON, "the replay", back).await;
    for id in 0..20 {
        assert_eq!((item(&app, id).await, exact(&app, id).await), (2, 2));
        assert_eq!(
            exact(&other, id).await,
            2,
            "and everybody is bound after it"
        );
    }
}

/// Some number below the bound; which does not matter.
fn rand(bound: u32) -> u32 {
    Instant::now().elapsed().subsec_nanos() % bound
}

#[tokio::test]
async fn a_removal_while_nobody_listens_is_replayed_before_redis_is_read() {
    removed_during(Fault::Refuse).await;
}

#[tokio::test]
async fn a_removal_into_a_black_hole_is_replayed_before_redis_is_read() {
    removed_during(Fault::BlackHole).await;
}

#[tokio::test]
async fn a_removal_that_the_network_delays_is_replayed_before_redis_is_read() {
    removed_during(Fault::Stall).await;
}

#[tokio::test]
async fn a_removal_of_unknown_outcome_runs_again() {
    // It arrives and takes effect; the answer does not come.
    removed_during(Fault::HoleToClient).await;
}

#[tokio::test]
async fn a_value_stored_between_a_lost_answer_and_the_replay_is_not_older_than_the_removal() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, proxy) = behind(&server, &db).await;
    let other = App::on(&server, &db).await;
    item(&other, 1).await;
    other.has_stored(1).await;
    item(&app, 1).await;
    proxy.set(Fault::HoleToClient);
    let (_, took) = timed(change_item(&app, 1, 2)).await;
    assert!(took <= CALL, "{took:?}");
    let gone = async || (exact(&other, 1).await == 2).then_some(());
    eventually(SOON, "it has run all the same", gone).await;
    proxy.up();
    replayed(&app).await;
    assert_eq!((item(&app, 1).await, item(&other, 1).await), (2, 2));
}

#[tokio::test]
async fn a_write_while_the_server_is_dead_returns_at_once_and_is_not_forgotten() {
    let server = RedisServer::builder().snapshots().start();
    let db = Db::new(1);
    // Nothing listens there while it is dead: no call waits out this budget.
    let config = || {
        CacheConfig::default()
            .redis_url(server.url())
            .trust_restart(true)
            .budget(SOON)
    };
    let (app, other) = (
        App::connected(config(), &db).await,
        App::connected(config(), &db).await,
    );
    item(&app, 1).await;
    app.has_stored(1).await;
    server.save();
    server.kill9();
    let (_, took) = timed(change_item(&app, 1, 2)).await;
    assert!(took <= CALL, "{took:?}");
    assert_eq!(item(&app, 1).await, 2);
    // With restarts trusted, nothing but the journal stands between the snapshot and its readers.
    server.restart();
    replayed(&app).await;
    other.reaches_redis().await;
    assert_eq!((item(&app, 1).await, exact(&app, 1).await), (2, 2));
    let follows = async || (item(&other, 1).await == 2).then_some(());
    eventually(SOON, "the other process to read what is there now", follows).await;
}

#[tokio::test]
async fn a_cut_off_process_serves_memory_for_a_while_and_no_longer() {
    let most = Duration::from_millis(400);
    let server = RedisServer::start();
    let db = Db::new(1);
    let proxy = FaultProxy::in_front_of(&server);
    let config = CacheConfig::default()
        .redis_url(proxy.url())
        .outage_max_age(most)
        .budget(SOON);
    let (cut_off, writer) = (
        App::connected(config, &db).await,
        App::on(&server, &db).await,
    );
    item(&cut_off, 1).await;
    cut_off.has_stored(1).await;
    // The read that fills memory.
    item(&cut_off, 1).await;
    proxy.down();
    let since = Instant::now();
    assert_eq!(
        item(&cut_off, 1).await,
        1,
        "from memory, though Redis is gone"
    );
    db.commit(2);
    assert!(writer.cache.delete("item:1").await.is_durable());
    let ends = async || (item(&cut_off, 1).await == 2).then_some(());
    eventually(SOON, "the old value's end", ends).await;
    let served = since.elapsed();
    // A probe every 5 ms saw its end; the rest is for two loaded cores.
    assert!(
        served <= most + CALL,
        "the old value was served for {served:?}"
    );
    // What the outage itself loads lives no longer.
    db.commit(3);
    let ends = async || (item(&cut_off, 1).await == 3).then_some(());
    let (_, served) = timed(eventually(SOON, "the value's end", ends)).await;
    assert!(served <= most + CALL, "{served:?}");
}

#[tokio::test]
async fn after_a_total_outage_with_writers_everywhere_nothing_older_than_the_last_removal_is_served()
 {
    for restart in [true, false] {
        let server = RedisServer::builder().snapshots().start();
        let db = Db::new(1);
        let mut fleet = Vec::new();
        for _ in 0..3 {
            fleet.push(behind(&server, &db).await);
        }
        for id in 0..30 {
            for (app, _) in &fleet {
                item(app, id).await;
            }
        }
        server.save();
        for (_, proxy) in &fleet {
            proxy.down();
        }
        if restart {
            server.kill9();
        }
        // Everybody reads, writes and reads again without Redis; the last value is 91.
        for round in 0..30_u32 {
            let (app, _) = &fleet[round as usize % 3];
            item(app, (round + 7) % 30).await;
            let value = u64::from(2 + round * 3);
            change_item(app, round, value).await;
            assert_eq!(
                item(app, round).await,
                value,
                "the writer reads its own write"
            );
        }
        let last = 2 + 29 * 3;
        db.commit(last);
        for (app, _) in &fleet {
            assert!(!app.cache.invalidate_prefix("item:2").await.is_durable());
        }
        if restart {
            server.restart();
        }
        for (_, proxy) in &fleet {
            proxy.up();
        }
        for (app, _) in &fleet {
            replayed(app).await;
        }
        // Each item's last removal came with this value, or with the last one of all.
        for id in 0..30_u32 {
            let least = if id == 2 || (20..30).contains(&id) {
                last
            } else {
                u64::from(2 + id * 3)
            };
            for (app, _) in &fleet {
                let value = item(app, id).await;
                assert!(
                    value >= least,
                    "item {id}: {value} after {least}, restart: {restart}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_load_that_began_in_an_outage_fills_nothing_after_it() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, proxy) = behind(&server, &db).await;
    let writer = App::on(&server, &db).await;
    proxy.down();
    app.has_lost_redis().await;
    db.gate.close();
    let early = item_in_task(&app, 1);
    db.gate.reached_by(1).await;
    proxy.up();
    app.reaches_redis().await;
    db.commit(2);
    assert!(writer.cache.delete("item:1").await.is_durable());
    let late = item_in_task(&app, 1);
    others_run().await;
    db.gate.open();
    assert_eq!(early.await.unwrap(), 1);
    assert_eq!(late.await.unwrap(), 2, "it started after a durable removal");
    for _ in 0..3 {
        assert_eq!(item(&app, 1).await, 2, "nor is it in memory");
    }
}

#[tokio::test]
async fn a_copy_from_the_outage_is_gone_when_redis_is_back() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, proxy) = behind(&server, &db).await;
    let writer = App::on(&server, &db).await;
    proxy.down();
    app.has_lost_redis().await;
    item(&app, 1).await;
    assert_eq!(
        (item(&app, 1).await, db.reads()),
        (1, 1),
        "memory is the cache meanwhile"
    );
    db.commit(2);
    assert!(writer.cache.delete("item:1").await.is_durable());
    proxy.up();
    app.reaches_redis().await;
    assert_eq!(item(&app, 1).await, 2);
}

#[tokio::test]
async fn a_full_journal_becomes_everything() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let proxy = FaultProxy::in_front_of(&server);
    let config = CacheConfig::default()
        .redis_url(proxy.url())
        .journal_bound(10)
        .budget(SOON);
    let app = App::connected(config, &db).await;
    for id in 0..30 {
        item(&app, id).await;
    }
    app.has_stored(30).await;
    proxy.down();
    db.commit(2);
    for id in 0..25_u32 {
        assert!(
            !app.cache
                .delete(format!("item:{id}").as_str())
                .await
                .is_durable()
        );
        assert!(app.cache.journal_len() <= 10);
    }
    proxy.up();
    replayed(&app).await;
    for id in 0..30 {
        assert_eq!(item(&app, id).await, 2, "too much went, never too little");
    }
}

#[tokio::test]
async fn closing_waits_for_what_the_journal_holds() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (app, proxy) = behind(&server, &db).await;
    let other = App::on(&server, &db).await;
    item(&other, 1).await;
    other.has_stored(1).await;
    proxy.down();
    change_item(&app, 1, 2).await;
    proxy.up();
    app.cache.close(SOON).await;
    assert_eq!(app.cache.journal_len(), 0);
    assert_eq!(item(&other, 1).await, 2);
}
