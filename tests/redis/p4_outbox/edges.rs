//! Which rows are drained, and by whom.

use std::time::Duration;

use cache_runtime::outbox::Outbox;
use cache_runtime::{Cache, CacheConfig, Durability, deferred};
use cache_tests::{FreePort, eventually};
use sqlx::postgres::PgPoolOptions;

use super::place::{Kind, Member, Place, of_item};
use crate::app::SOON;
use crate::said::Said;

pub(super) async fn young_rows_are_left_to_their_process<DB: Kind>(place: Place<DB>) {
    place.item("a").await;
    let outbox = place.process.outbox.clone().grace(Duration::from_secs(59));
    for (statement, meaning) in [
        (DB::AGE_A_MINUTE, "old enough"),
        (DB::FROM_THE_FUTURE, "written before the clock was set back"),
    ] {
        place.process.leave("a", of_item("a")).await;
        let drained = outbox.drain().await.unwrap();
        assert_eq!((drained.rows, drained.complete), (0, true), "too young");
        assert_eq!(place.process.rows().await, 1);
        place.process.execute_plain(statement).await;
        assert_eq!(outbox.drain().await.unwrap().rows, 1, "{meaning}");
    }
}

pub(super) async fn rows_of_another_namespace_are_left_alone<DB: Kind>(place: Place<DB>) {
    let config = CacheConfig::default().redis_url(place.redis.url());
    let shop = config.namespace("shop:").budget(SOON);
    let shop = Member::<DB>::with(shop, &place.url).await;
    place.item("a").await;
    shop.leave("a", of_item("a")).await;
    assert_eq!(place.process.outbox.drain().await.unwrap().rows, 0);
    assert_eq!(place.another().await.read("a").await, 1, "not removed");
    assert_eq!((place.process.rows().await, shop.rows().await), (0, 1));
    assert_eq!(shop.outbox.drain().await.unwrap().rows, 1);
}

pub(super) async fn a_row_that_cannot_be_read_is_set_aside_and_blocks_no_other<DB: Kind>(
    place: Place<DB>,
) {
    let (said, _guard) = Said::listen();
    place.item("a").await;
    place.item("b").await;
    let by_hand = "INSERT INTO cache_outbox (patterns) VALUES ('item:b
        item 7')";
    place.process.execute_plain(by_hand).await;
    place.process.leave("a", of_item("a")).await;
    place.process.leave("b", of_item("other")).await;
    let drained = place.process.outbox.drain().await.unwrap();
    assert_eq!(
        (drained.rows, drained.set_aside, drained.complete),
        (2, 1, true)
    );
    let reader = place.another().await;
    assert_eq!(reader.read("a").await, 2);
    assert_eq!(reader.read("b").await, 2, "its other line was read");

    let again = place.process.outbox.drain().await.unwrap();
    assert_eq!((again.rows, again.set_aside), (0, 0));
    assert_eq!(said.mentions("cannot be read"), 1, "once");
    assert_eq!(said.mentions("item 7"), 0, "a key may be personal");
    let backlog = place.process.outbox.backlog().await.unwrap();
    assert_eq!((backlog.waiting, backlog.set_aside), (0, 1));
    let kept = "SELECT COUNT(*) FROM cache_outbox WHERE problem LIKE 'line 2: %'";
    assert_eq!(DB::number(&place.process.pool, kept).await, 1);
}

/// Else a process that has made the removals of a row could delete another row, which has got its id.
pub(super) async fn an_id_is_never_used_twice<DB: Kind>(place: Place<DB>) {
    let id = async || {
        place.process.leave("a", of_item("a")).await;
        DB::number(&place.process.pool, "SELECT MAX(id) FROM cache_outbox").await
    };
    let first = id().await;
    place.process.outbox.drain().await.unwrap();
    assert_eq!(place.process.rows().await, 0);
    assert!(id().await > first);
}

pub(super) async fn tables_can_be_made_by_all_processes_at_once<DB: Kind>(place: Place<DB>) {
    place.process.execute_plain("DROP TABLE cache_outbox").await;
    assert!(place.process.outbox.backlog().await.is_err());
    assert!(place.process.outbox.drain().await.is_err());
    let making = (0..8).map(|_| place.process.outbox.create_table());
    for made in futures_util::future::join_all(making).await {
        made.unwrap();
    }
    assert_eq!(place.process.rows().await, 0);
}

pub(super) async fn a_drainer_ends_with_its_cache<DB: Kind>(place: Place<DB>) {
    let outbox = place.process.outbox.clone();
    let outbox = outbox.interval(Duration::from_millis(20));
    let drainer = outbox.start();
    place.process.leave("a", of_item("a")).await;
    place.process.outbox_is_empty().await;
    assert!(!drainer.is_finished());
    place.process.cache.close(SOON).await;
    eventually(SOON, "the end of the task", async || {
        drainer.is_finished().then_some(())
    })
    .await;
}

/// Its memory ends with its process, and the rows are meant for processes that it cannot reach.
pub(super) async fn without_redis_nothing_is_recorded_or_drained<DB: Kind>(place: Place<DB>) {
    place.process.leave("a", of_item("a")).await;
    let cache = Cache::new(CacheConfig::default()).unwrap();
    let pool = place.process.pool.clone();
    let outbox = Outbox::new(pool.clone(), cache.clone()).grace(Duration::ZERO);
    let mut tx = pool.begin().await.unwrap();
    let recorded = outbox.record(&mut tx, [of_item("b")]).await.unwrap();
    tx.commit().await.unwrap();
    cache.set("item:b", &1, SOON).await.unwrap();
    let removed = recorded.remove().await;
    assert_eq!(
        (removed.durability, removed.removed),
        (Durability::Durable, 1)
    );
    let drained = outbox.drain().await.unwrap();
    assert_eq!((drained.rows, drained.complete), (0, false));
    assert_eq!(place.process.rows().await, 1, "that of the other process");

    // A scope that fails after its removals were recorded may have committed, also where no row was needed.
    cache.set("item:c", &1, SOON).await.unwrap();
    let failed = deferred(async {
        let mut tx = pool.begin().await.unwrap();
        let _ = cache.delete("item:c").await;
        outbox.record_deferred(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        Err::<(), ()>(())
    });
    failed.await.unwrap_err();
    assert_eq!(cache.get::<i32>("item:c").await, None);
    let drainer = outbox.start();
    eventually(SOON, "the end of the task", async || {
        drainer.is_finished().then_some(())
    })
    .await;
}

#[tokio::test]
async fn no_error_and_no_log_line_contains_a_credential() {
    let (said, _guard) = Said::listen();
    let nobody = FreePort::reserve();
    let url = format!("postgres://u:hunter2@127.0.0.1:{}/d", nobody.number());
    let pool = PgPoolOptions::new()
        .acquire_timeout(Duration::from_millis(200))
        .connect_lazy(&url)
        .unwrap();
    let config = CacheConfig::default().redis_url("redis://u:hunter2@127.0.0.1:1");
    let outbox = Outbox::new(pool, Cache::new(config).unwrap());
    let drainer = outbox.start();
    said.eventually_mentions("the outbox cannot be drained")
        .await;
    drop(drainer);
    let error = outbox.drain().await.unwrap_err();
    let shown = format!("{error} {error:?} {outbox:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(said.mentions("hunter2"), 0);
}

/// Tried in Postgres alone: SQLite locks no single rows.
mod in_postgres {
    use sqlx::Postgres;

    use super::*;

    #[tokio::test]
    async fn rows_that_another_transaction_is_deleting_are_passed_over() {
        let Some(place) = Place::<Postgres>::open().await else {
            return;
        };
        place.process.leave("a", of_item("a")).await;
        let mut other = place.process.pool.begin().await.unwrap();
        let delete = "DELETE FROM cache_outbox";
        Postgres::execute_plain(&mut other, delete).await.unwrap();
        let drained = tokio::time::timeout(SOON, place.process.outbox.drain()).await;
        assert!(drained.expect("it does not wait").unwrap().complete);
        other.rollback().await.unwrap();
        assert_eq!(place.process.rows().await, 1, "it is not lost");
        place.process.outbox.drain().await.unwrap();
        assert_eq!(place.process.rows().await, 0);
    }
}
