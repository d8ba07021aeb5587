//! P1 over long distances: a server whose round trip fits into the budget once is used, although a miss asks it twice. One
//! whose round trip does not fit is not asked on the path of calls, and that is said.

use std::time::Duration;

use cache_runtime::{CacheConfig, cached};
use cache_tests::{Fault, FaultProxy, RedisServer, eventually};

use crate::app::{App, Db, SOON, exact, item};
use crate::said::Said;

/// To the server, or back.
const WAY: Duration = Duration::from_millis(150);

/// One round trip and two thirds.
const BUDGET: Duration = Duration::from_millis(500);

async fn far_away(budget: Duration) -> (RedisServer, FaultProxy, App) {
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    proxy.set(Fault::Delay(WAY));
    let config = CacheConfig::default()
        .redis_url(proxy.url())
        .connect_timeout(SOON)
        .budget(budget);
    let app = App::with(config, &Db::new(1));
    (server, proxy, app)
}

#[tokio::test]
async fn what_is_loaded_is_stored_where_only_one_round_trip_fits_into_the_budget() {
    let (_server, _proxy, app) = far_away(BUDGET).await;
    app.reaches_redis().await;
    item(&app, 1).await;
    exact(&app, 2).await;
    app.has_stored(2).await;
    assert_eq!(app.db.reads(), 2);
    for _ in 0..3 {
        item(&app, 1).await;
        exact(&app, 2).await;
    }
    assert_eq!(app.db.reads(), 2, "the others are hits");
    let stats = app.cache.stats();
    assert_eq!((stats.timeouts, stats.disconnects), (0, 0), "{stats:?}");
}

#[tokio::test]
async fn what_is_removed_there_is_loaded_anew() {
    let (server, _proxy, app) = far_away(BUDGET).await;
    app.reaches_redis().await;
    let near = App::on(&server, &app.db).await;
    for value in 2..5 {
        exact(&app, 1).await;
        app.db.commit(value);
        assert!(exact::invalidate(&near, 1).await.is_durable());
        assert_eq!(exact(&app, 1).await, value);
    }
}

/// Longer to the server and back than a near one may take to answer a heartbeat.
const VERY_FAR: Duration = Duration::from_millis(1_200);

/// A server that is very far away, and has been asked twice for a sign of life, so that the first of these questions was
/// answered. Each asks for the time twice, by a command and in a script; connecting, once.
async fn very_far_away(budget: Duration) -> (RedisServer, FaultProxy, App) {
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    proxy.set_round_trip(VERY_FAR);
    let config = CacheConfig::default()
        .redis_url(proxy.url())
        .connect_timeout(SOON)
        .budget(budget);
    let app = App::with(config, &Db::new(1));
    let asked = async || {
        let times = server.commandstats().get("time").copied();
        (times.unwrap_or(0) >= 5).then_some(())
    };
    eventually(3 * SOON, "some heartbeats", asked).await;
    (server, proxy, app)
}

#[tokio::test]
async fn a_connection_whose_round_trip_is_longer_than_a_second_stays() {
    let (server, proxy, app) = very_far_away(3 * VERY_FAR).await;
    assert_eq!(proxy.connections(), 1, "none was given up");
    assert!(app.cache.health().await.stats.redis_available);
    item(&app, 1).await;
    app.has_stored(1).await;
    assert_eq!(item(&app, 1).await, 1);
    assert_eq!(app.db.reads(), 1, "a hit");

    // Not heard any more, memory is no more believed than beside a near server, and the connection is given up.
    let near = App::on(&server, &app.db).await;
    proxy.set(Fault::HoleToClient);
    app.db.commit(2);
    assert!(item::invalidate(&near, 1).await.is_durable());
    eventually(SOON, "the new value", async || {
        (item(&app, 1).await == 2).then_some(())
    })
    .await;
    app.has_lost_redis().await;
}

#[tokio::test]
async fn a_connection_to_a_server_that_is_too_far_away_to_be_asked_stays_too() {
    let (_server, proxy, app) = very_far_away(WAY).await;
    assert_eq!(proxy.connections(), 1, "none was given up");
    assert!(!item::invalidate(&app, 1).await.is_durable());
    eventually(SOON, "the removal to arrive", async || {
        (app.cache.journal_len() == 0).then_some(())
    })
    .await;
}

#[cached(ttl = "20ms", stale_on_error = "1h", key = "aged:<id>", near = false, cache = app.cache, skip(app))]
async fn aged(app: &App, id: u32) -> Result<u64, ()> {
    Ok(app.db.read().await)
}

#[tokio::test]
async fn a_value_past_its_time_is_replaced_there() {
    let (_server, _proxy, app) = far_away(BUDGET).await;
    app.reaches_redis().await;
    for stores in 1..4 {
        aged(&app, 1).await.unwrap();
        app.has_stored(stores).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn a_server_that_is_too_far_away_is_not_asked_and_health_says_so() {
    let (said, _guard) = Said::listen();
    let (_server, proxy, app) = far_away(WAY).await;
    let note = eventually(SOON, "a note", async || {
        app.cache.health().await.notes.first().cloned()
    })
    .await;
    assert!(note.contains("set CACHE_BUDGET to "), "{note}");
    for _ in 0..5 {
        item(&app, 1).await;
        assert!(!item::invalidate(&app, 1).await.is_durable());
    }
    let stats = app.cache.stats();
    assert_eq!((stats.timeouts, stats.disconnects), (0, 0), "{stats:?}");
    assert_eq!(app.db.reads(), 5, "removals bind this process");
    item(&app, 1).await;
    item(&app, 1).await;
    assert_eq!(app.db.reads(), 6, "memory bridges the distance");
    assert_eq!(said.mentions("calls go without Redis"), 1);
    eventually(SOON, "the removals to arrive", async || {
        (app.cache.journal_len() == 0).then_some(())
    })
    .await;

    proxy.set(Fault::Pass);
    app.reaches_redis().await;
    assert_eq!(app.cache.health().await.notes, [""; 0]);
    item(&app, 1).await;
    app.has_stored(1).await;
}
