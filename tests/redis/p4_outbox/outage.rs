//! Redis does not answer.

use std::pin::pin;
use std::time::Duration;

use cache_runtime::{CacheConfig, Durability};
use cache_tests::{Fault, FaultProxy, eventually};

use super::child::change_in_transaction;
use super::place::{Kind, Member, Place, UPDATE, of_item};
use crate::app::SOON;

pub(super) async fn rows_stay_while_redis_is_down_and_go_when_it_is_back<DB: Kind>(
    place: Place<DB>,
) {
    place.item("a").await;
    let proxy = FaultProxy::in_front_of(&place.redis);
    let config = CacheConfig::default().redis_url(proxy.url());
    let member = Member::<DB>::with(config, &place.url).await;
    proxy.down();
    eventually(SOON, "the loss of the connection", async || {
        let health = member.cache.health().await;
        (!health.stats.redis_available).then_some(())
    })
    .await;
    place.process.leave("a", of_item("a")).await;
    for _ in 0..3 {
        let drained = member.outbox.drain().await.unwrap();
        assert_eq!((drained.rows, drained.complete), (0, false));
    }
    assert_eq!(member.cache.journal_len(), 0, "attempts queue nothing");
    assert_eq!(member.rows().await, 1);
    assert_eq!(place.process.read("a").await, 1);

    proxy.up();
    member.reaches_redis().await;
    let drained = member.outbox.drain().await.unwrap();
    assert_eq!((drained.rows, drained.complete), (1, true));
    assert_eq!(place.another().await.read("a").await, 2);
}

pub(super) async fn a_removal_that_is_only_queued_keeps_its_row<DB: Kind>(place: Place<DB>) {
    place.item("a").await;
    place.item("b").await;
    place.item("c").await;
    place.item("d").await;
    let proxy = FaultProxy::in_front_of(&place.redis);
    let config = CacheConfig::default()
        .redis_url(proxy.url())
        .budget(Duration::from_secs(1));
    let member = Member::<DB>::with(config, &place.url).await;
    proxy.set(Fault::BlackHole);
    place.process.leave("a", of_item("a")).await;
    let drained = member.outbox.drain().await.unwrap();
    assert_eq!((drained.rows, drained.complete), (0, false));
    assert_eq!(member.cache.journal_len(), 1, "this process is bound");

    let mut tx = member.pool.begin().await.unwrap();
    DB::execute(&mut tx, UPDATE, "b", 2).await.unwrap();
    let recorded = member.outbox.record(&mut tx, [of_item("b")]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(recorded.remove().await.durability, Durability::Queued);
    change_in_transaction(&member, "c").await;
    let drained = member.outbox.drain().await.unwrap();
    assert_eq!((drained.rows, drained.complete), (0, false));
    assert_eq!(place.process.rows().await, 3, "all stay");

    proxy.cut_all();
    proxy.up();
    member.reaches_redis().await;
    // Rows are deleted in the order of their removals. So none that came before this one will be deleted any more.
    change_in_transaction(&member, "d").await;
    eventually(SOON, "the deletion of the row", async || {
        let last = "SELECT COUNT(*) FROM cache_outbox WHERE patterns = '=item:d'";
        (DB::number(&member.pool, last).await == 0).then_some(())
    })
    .await;
    assert_eq!(place.process.rows().await, 3, "they stay");
    let drained = place.process.outbox.drain().await.unwrap();
    assert_eq!((drained.rows, drained.complete), (3, true));
    let other = place.another().await;
    for name in ["a", "b", "c"] {
        assert_eq!(other.read(name).await, 2, "{name}");
    }
}

pub(super) async fn a_transaction_dropped_after_its_commit_keeps_its_row<DB: Kind>(
    place: Place<DB>,
) {
    place.item("a").await;
    let proxy = FaultProxy::in_front_of(&place.redis);
    let member = Member::<DB>::start(&proxy.url(), &place.url).await;
    proxy.set(Fault::BlackHole);
    {
        let mut changing = pin!(change_in_transaction(&member, "a"));
        let committed = eventually(SOON, "the commit", async || {
            (place.process.rows().await == 1).then_some(())
        });
        tokio::select! {
            () = &mut changing => panic!("Redis does not answer"),
            () = committed => {}
        }
    }
    // Dropped after the commit, or, if the row was seen first, before its answer was read.
    assert_eq!(member.cache.journal_len(), 1, "queued");
    assert_eq!(member.read("a").await, 2, "this process is bound at once");
    assert_eq!(place.process.rows().await, 1);
    let drained = place.process.outbox.drain().await.unwrap();
    assert_eq!((drained.rows, drained.complete), (1, true));
    assert_eq!(place.another().await.read("a").await, 2);
}
