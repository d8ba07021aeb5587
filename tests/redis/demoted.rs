//! A master that was demoted goes on answering over the connections there are: no removal that it did not write is called
//! `Durable`, whatever there was to remove.

use cache_runtime::Durability;
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, SOON, exact, item};

const REMOVALS: [&str; 7] = [
    "absent:",
    "absent",
    "*:absent",
    "#absent",
    "#absent:*",
    "=absent:1",
    "*",
];

/// The process uses the server, and nothing waits for it.
async fn is_settled(app: &App) {
    eventually(SOON, "an empty journal", async || {
        let connected = app.cache.health().await.stats.redis_available;
        (connected && app.cache.journal_len() == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_demoted_master_acknowledges_no_removal() {
    let (server, elsewhere) = (RedisServer::start(), RedisServer::start());
    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    let master = elsewhere.port().to_string();
    for removal in REMOVALS {
        is_settled(&app).await;
        exact(&app, 1).await;
        server.cli(&["REPLICAOF", "127.0.0.1", &master]);
        let removed = app.cache.invalidate_pattern(removal).await.unwrap();
        assert_eq!(removed.durability, Durability::Queued, "{removal}");
        server.cli(&["REPLICAOF", "NO", "ONE"]);
    }
    is_settled(&app).await;
    let removed = app.cache.invalidate_prefix("absent:").await;
    assert_eq!(removed.durability, Durability::Durable);
}

#[tokio::test]
async fn what_a_demoted_master_was_told_reaches_its_successor() {
    let (server, successor) = (RedisServer::start(), RedisServer::start());
    let name = cache_tests::FaultProxy::in_front_of(&server);
    let db = Db::new(1);
    let config = cache_runtime::CacheConfig::default()
        .redis_url(name.url())
        .budget(SOON);
    let writer = App::connected(config, &db).await;
    let reader = App::on(&successor, &db).await;
    item(&reader, 1).await;
    reader.has_stored(1).await;
    // The name moves; connections stay at the demoted one.
    name.point_at(&successor);
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    db.commit(2);
    let removed = writer.cache.invalidate_tag("items").await;
    assert_eq!(removed.durability, Durability::Queued);
    is_settled(&writer).await;
    assert_eq!(exact(&reader, 1).await, 2);
    let follows = async || (item(&reader, 1).await == 2).then_some(());
    eventually(SOON, "the removal to reach the reader's memory", follows).await;
}
