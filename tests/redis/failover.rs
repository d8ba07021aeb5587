//! Servers that change their roles: which of them is read, and which of their entries.

use std::time::Duration;

use cache_runtime::CacheConfig;
use cache_tests::{Fault, FaultProxy, RedisServer, eventually};

use crate::app::{App, Db, SOON, exact};

/// From a demotion to the last read of the demoted server: a second, and the rest for two loaded cores.
const NOTICED: Duration = Duration::from_millis(1_800);

fn server() -> RedisServer {
    RedisServer::builder()
        .config("repl-diskless-sync-delay", "0")
        .start()
}

fn follow(replica: &RedisServer, port: u16) {
    replica.cli(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
}

fn promote(replica: &RedisServer) {
    replica.cli(&["REPLICAOF", "NO", "ONE"]);
}

async fn has(server: &RedisServer, key: &str) {
    eventually(SOON, "the replica to have the key", async || {
        (server.cli(&["EXISTS", key]).int() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_master_that_is_demoted_under_open_connections_is_not_read_any_more() {
    let server = server();
    demoted_is_lost(&server, &server.url()).await;
}

#[tokio::test]
async fn a_user_who_may_not_ask_for_information_notices_a_demotion_by_the_role() {
    let builder = RedisServer::builder().config("repl-diskless-sync-delay", "0");
    let server = builder.acl("app", "secret", "~* &* +@all -info").start();
    demoted_is_lost(&server, &server.url_as("app", "secret")).await;
}

async fn demoted_is_lost(server: &RedisServer, url: &str) {
    let other = self::server();
    let config = CacheConfig::default().redis_url(url).budget(SOON);
    let app = App::connected(config, &Db::new(1)).await;
    exact(&app, 1).await;
    app.has_stored(1).await;
    follow(server, other.port());
    // Nothing is written meanwhile, which the server would refuse.
    let lost = async || (!app.cache.health().await.stats.redis_available).then_some(());
    eventually(NOTICED, "the demotion to be noticed", lost).await;
    app.db.commit(2);
    let hits = app.cache.stats().redis_hits;
    assert_eq!(exact(&app, 1).await, 2);
    assert_eq!(app.cache.stats().redis_hits, hits);
    promote(server);
    app.reaches_redis().await;
}

#[tokio::test]
async fn entries_of_a_masters_first_reign_are_not_served_in_its_second() {
    let (first, second) = (server(), server());
    follow(&second, first.port());
    let db = Db::new(1);
    let app = App::on(&first, &db).await;
    for id in [1, 2] {
        exact(&app, id).await;
    }
    app.has_stored(2).await;
    has(&second, "exact:2").await;

    promote(&second);
    // It follows, and hears nothing: what the second removes never arrives.
    let proxy = FaultProxy::in_front_of(&second);
    proxy.set(Fault::BlackHole);
    follow(&first, proxy.listen_port());
    db.commit(2);
    let writer = App::on(&second, &db).await;
    // None of the second's own reign, all of the first's.
    assert!(writer.cache.invalidate_prefix("exact:").await.is_durable());
    drop(writer);
    promote(&first);

    has(&first, "exact:1").await;
    let later = App::on(&first, &db).await;
    assert_eq!(exact(&later, 1).await, 2);
    // Who has been connected all the time may have slept through both changes, but not for longer than a second.
    let follows = async || (exact(&app, 2).await == 2).then_some(());
    eventually(NOTICED, "the new reign to be noticed", follows).await;
}

#[tokio::test]
async fn a_first_replica_leaves_the_cache_warm() {
    let (server, replica) = (server(), server());
    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    exact(&app, 1).await;
    app.has_stored(1).await;
    let before = server.info("master_replid");
    follow(&replica, server.port());
    has(&replica, "exact:1").await;
    assert_ne!(server.info("master_replid"), before, "which changes then");
    let later = App::on(&server, &db).await;
    assert_eq!((exact(&app, 1).await, exact(&later, 1).await), (1, 1));
    assert_eq!(db.reads(), 1);
}
