//! What a cache keeps for itself in Redis ends when nobody uses it any more: a namespace per deploy leaves nothing behind.

use cache_runtime::cached;
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, SOON, item};

const DAY: i64 = 86_400_000;

/// Nobody's use, as far as a test can wait.
const LITTLE: &str = "60000";

#[cached(ttl = "2d", key = "lasting:<id>", cache = app.cache, skip(app))]
async fn lasting(app: &App, id: u32) -> u64 {
    app.db.read().await
}

fn left(server: &RedisServer, name: &str) -> i64 {
    server.cli(&["PTTL", name]).int()
}

fn shorten(server: &RedisServer, name: &str) {
    assert_eq!(server.cli(&["PEXPIRE", name, LITTLE]).int(), 1);
    assert!(left(server, name) <= 60_000);
}

/// Use prolongs it.
async fn is_prolonged(server: &RedisServer, name: &str, to: i64) {
    eventually(SOON, name, async || {
        (left(server, name) > to - 60_000).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_ledger_and_the_catalogue_end_a_day_after_their_last_use() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(1)).await;
    is_prolonged(&server, "%ledger", DAY).await;
    item(&app, 1).await;
    app.has_stored(1).await;
    is_prolonged(&server, "%catalogue", DAY).await;
    for name in ["%ledger", "%catalogue"] {
        assert!(left(&server, name) <= DAY, "{name}");
    }
    // By the heartbeat of any process that uses it; a removal costs the server no look at that.
    shorten(&server, "%ledger");
    is_prolonged(&server, "%ledger", DAY).await;
    // One that a removal begins has a life at once.
    server.cli(&["DEL", "%ledger"]);
    assert!(app.cache.invalidate_tag("unrelated").await.is_durable());
    assert!(left(&server, "%ledger") > DAY - 60_000, "by a removal");
    shorten(&server, "%catalogue");
    item(&app, 2).await;
    is_prolonged(&server, "%catalogue", DAY).await;
    // And a process that connects.
    app.cache.close(SOON).await;
    shorten(&server, "%ledger");
    let _late = App::on(&server, &Db::new(1)).await;
    assert!(left(&server, "%ledger") > DAY - 60_000, "by a connect");
}

#[tokio::test]
async fn they_outlive_an_entry_that_lives_longer_than_a_day() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(1)).await;
    lasting(&app, 1).await;
    app.has_stored(1).await;
    for name in ["%ledger", "%catalogue"] {
        is_prolonged(&server, name, 4 * DAY).await;
    }
    // Other processes, and what they store, make neither shorter.
    let other = App::on(&server, &Db::new(1)).await;
    item(&other, 1).await;
    other.has_stored(1).await;
    assert!(other.cache.invalidate_tag("unrelated").await.is_durable());
    eventually(SOON, "the other's keys in the catalogue", async || {
        let score = server.cli(&["ZSCORE", "%catalogue", "kitem:1"]);
        (!score.is_nil()).then_some(())
    })
    .await;
    assert!(left(&server, "%ledger") > 3 * DAY);
    assert!(
        left(&server, "%catalogue") > 2 * DAY,
        "as long as the entry lives"
    );
}
