//! A refresh that takes longer than the entry which it replaces may be served: the right to store stands as long as the
//! refresh runs, and whoever needs the value waits for it.

use std::sync::Arc;

use cache_runtime::{cached, observe};
use cache_tests::{RedisServer, eventually};
use tokio::task::JoinHandle;

use crate::app::{App, Db, SOON, others_run};

#[cached(ttl = "300ms", stale = "300ms", key = "slow:<id>", tags = ["slow"], cache = app.cache, skip(app))]
async fn slow(app: &App, id: u32) -> u64 {
    app.db.read().await
}

const KEY: &str = "slow:1";

/// How long the value may be served, in ms.
const WINDOW: u64 = 600;

/// How long the right to replace it lives without a renewal.
const LOCK: u64 = 1_500;

/// Two processes; one refreshes the value 1, and reads the value 2 for that, long past the window; the other waits for it.
struct Outlived {
    server: RedisServer,
    db: Arc<Db>,
    one: App,
    other: App,
    waiting: JoinHandle<u64>,
}

impl Outlived {
    /// On a busy machine a process may have no turn for so long that the entry ends before its refresh begins, or between two
    /// renewals. Then there is nothing to show, and it begins anew.
    async fn new() -> Self {
        for _ in 0..5 {
            if let Some(outlived) = Self::attempt().await {
                return outlived;
            }
        }
        panic!("the entry has ended under each refresh");
    }

    /// `None`: the entry has ended.
    async fn attempt() -> Option<Self> {
        let server = RedisServer::start();
        let db = Db::new(1);
        let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
        assert_eq!(slow(&one, 1).await, 1);
        one.has_stored(1).await;
        db.gate.close();
        db.commit(2);
        eventually(SOON, "a value past its lifetime", async || {
            let (value, observed) = observe(slow(&one, 1)).await;
            (value == 1 && observed.as_str() == Some("STALE")).then_some(())
        })
        .await;
        db.gate.reached_by(1).await;
        if !stands_past_its_window(&server).await {
            return None;
        }
        let waiting = tokio::spawn({
            let other = other.clone();
            async move { slow(&other, 1).await }
        });
        eventually(SOON, "a reader that waits", async || {
            (other.cache.stats().waits >= 1).then_some(())
        })
        .await;
        others_run().await;
        assert!(!waiting.is_finished());
        assert_eq!(db.gate.arrived(), 1, "nobody else loads");
        Some(Self {
            server,
            db,
            one,
            other,
            waiting,
        })
    }
}

/// Waits until the entry may long not be served any more, and lives by renewals alone: it carries when it was written, by the
/// server's clock. False: it has ended.
async fn stands_past_its_window(server: &RedisServer) -> bool {
    eventually(SOON, "the end of the window", async || {
        let written = server.cli(&["GETRANGE", KEY, "56", "63"]);
        let Ok(written) = written.bytes().try_into().map(u64::from_le_bytes) else {
            return Some(false);
        };
        let now = server.cli(&["TIME"]).strings();
        let now = now[0].parse::<u64>().unwrap() * 1_000 + now[1].parse::<u64>().unwrap() / 1_000;
        (now > written + WINDOW + LOCK + 500).then_some(true)
    })
    .await
}

#[tokio::test]
async fn a_refresh_that_outlives_the_entry_is_stored_and_readers_of_another_process_wait_for_it() {
    let Outlived {
        server,
        db,
        one,
        other,
        waiting,
    } = Outlived::new().await;
    let more: Vec<_> = (0..5)
        .map(|_| {
            let other = other.clone();
            tokio::spawn(async move { slow(&other, 1).await })
        })
        .collect();
    assert_eq!(server.cli(&["EXISTS", KEY]).int(), 1, "it is kept alive");
    assert!(server.cli(&["PTTL", KEY]).int() > 0, "and not for ever");
    db.gate.open();
    for read in more.into_iter().chain([waiting]) {
        assert_eq!(read.await.unwrap(), 2);
    }
    assert_eq!(
        db.reads(),
        2,
        "one body for the value, and one for its refresh"
    );
    let stored = async || (one.cache.stats().stores == 2).then_some(());
    eventually(SOON, "the store", stored).await;
    assert_eq!(one.cache.stats().stores_lost, 0);
}

#[tokio::test]
async fn a_key_that_an_operator_deletes_meanwhile_is_not_stored() {
    let Outlived {
        server,
        db,
        one,
        other,
        waiting,
    } = Outlived::new().await;
    db.commit(3);
    assert_eq!(server.cli(&["DEL", KEY]).int(), 1);
    // Who waited finds nothing to wait for, and loads.
    db.gate.reached_by(2).await;
    db.gate.open();
    assert_eq!(waiting.await.unwrap(), 3);
    let lost = async || (one.cache.stats().stores_lost == 1).then_some(());
    eventually(SOON, "the refresh to end without a store", lost).await;
    assert_eq!(one.cache.stats().stores, 1);
    for app in [&one, &other] {
        assert_ne!(slow(app, 1).await, 2);
    }
}

#[tokio::test]
async fn a_removal_meanwhile_stops_the_store_as_well() {
    for pattern in ["=slow:1", "slow:", "#slow", "*:1"] {
        let outlived = Outlived::new().await;
        outlived.db.commit(3);
        let removed = outlived.other.cache.invalidate_pattern(pattern).await;
        assert!(removed.unwrap().is_durable());
        outlived.db.gate.reached_by(2).await;
        outlived.db.gate.open();
        assert_eq!(outlived.waiting.await.unwrap(), 3, "{pattern}");
        let lost = async || (outlived.one.cache.stats().stores_lost == 1).then_some(());
        eventually(SOON, "the refresh to end without a store", lost).await;
        for app in [&outlived.one, &outlived.other] {
            assert_eq!(slow(app, 1).await, 3, "{pattern}");
        }
    }
}
