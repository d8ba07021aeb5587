//! P1 and P3: a load that computes keeps its lease; a leader that nobody polls any more does not.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use cache_runtime::cached;
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, SOON, exact};

/// Longer than a lease lives that is not renewed.
const LONG: Duration = Duration::from_millis(2_500);

#[cached(ttl = "5m", key = "computed:<id>", cache = app.cache, skip(app))]
async fn computed(app: &App, id: u32) -> u64 {
    let value = app.db.read().await;
    // Keeps its thread, as a body does that computes.
    thread::sleep(LONG);
    value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_body_that_computes_without_yielding_is_stored() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(1)).await;
    let computing = app.clone();
    let call = tokio::spawn(async move { computed(&computing, 1).await });
    assert_eq!(call.await.unwrap(), 1);
    app.has_stored(1).await;
    assert_eq!(app.cache.stats().stores_lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_process_waits_for_a_body_that_computes() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    let computing = one.clone();
    let call = tokio::spawn(async move { computed(&computing, 1).await });
    eventually(SOON, "the body to begin", async || {
        (db.reads() == 1).then_some(())
    })
    .await;
    assert_eq!(computed(&other, 1).await, 1);
    call.await.unwrap();
    assert_eq!(db.reads(), 1);
}

#[tokio::test]
async fn a_leader_that_nobody_polls_holds_up_neither_its_own_process_nor_another() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    db.gate.close();
    let mut leader = pin!(exact(&one, 1));
    eventually(SOON, "the body to begin", async || {
        // Polls the leader once, now and then, until its body waits at the gate.
        poll_fn(|context| Poll::Ready(leader.as_mut().poll(context).is_pending())).await;
        (db.gate.arrived() == 1).then_some(())
    })
    .await;
    db.gate.open();
    for app in [&other, &one] {
        let call = tokio::time::timeout(2 * SOON, exact(app, 1));
        assert_eq!(call.await.expect("nobody waits for ever"), 1);
    }
    // Its late result is no reason to store what may be old by now.
    db.commit(2);
    assert!(exact::invalidate(&other, 1).await.is_durable());
    assert_eq!(leader.await, 1);
    assert_eq!(exact(&one, 1).await, 2);
}
