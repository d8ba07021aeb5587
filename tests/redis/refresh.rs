//! `::refresh`: loads now, whatever stands, and stores.

use std::time::Duration;

use cache_runtime::CacheConfig;
use cache_tests::RedisServer;

use crate::app::{App, Db, SOON, item, timed};

#[tokio::test]
async fn refreshes_at_the_same_time_share_one_load_that_began_after_them() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    item(&app, 1).await;
    app.has_stored(1).await;
    db.commit(2);
    db.gate.close();
    let refreshes: Vec<_> = (0..10)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { item::refresh(&app, 1).await })
        })
        .collect();
    db.gate.reached_by(1).await;
    // The load has read its value. Who comes now wants what is committed now.
    db.commit(3);
    let late = tokio::spawn({
        let app = app.clone();
        async move { item::refresh(&app, 1).await }
    });
    assert_eq!(item(&app, 1).await, 1, "what stands is served meanwhile");
    db.gate.open();
    for refresh in refreshes {
        let value = tokio::time::timeout(SOON, refresh).await.expect("an end");
        assert!(value.unwrap() >= 2);
    }
    let value = tokio::time::timeout(SOON, late).await.expect("an end");
    assert_eq!(value.unwrap(), 3);
    assert!(db.reads() <= 4, "{} bodies", db.reads());
}

#[tokio::test]
async fn on_a_frozen_server_a_refresh_waits_for_one_budget() {
    const BUDGET: Duration = Duration::from_secs(1);
    let server = RedisServer::start();
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(BUDGET)
        .command_timeout(SOON);
    let app = App::connected(config, &Db::new(1)).await;
    item(&app, 1).await;
    app.has_stored(1).await;
    app.db.commit(2);
    server.freeze();
    let (value, took) = timed(item::refresh(&app, 1)).await;
    server.thaw();
    assert_eq!(value, 2);
    assert!(took < 2 * BUDGET, "{took:?}");
}
