//! Many rows, and several who drain them or write them at the same time.

use cache_tests::{Fault, FaultProxy, eventually};

use super::child::change_in_transaction;
use super::place::{Kind, Member, Place, UPDATE, of_item};
use crate::app::SOON;

/// Rows for items that the cache does not hold, as a long crash of many processes would leave them.
const FILL: &str = "\
WITH RECURSIVE number (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 10000)
INSERT INTO cache_outbox (patterns) SELECT '=item:' || i FROM number";

async fn fill<DB: Kind>(place: &Place<DB>) {
    for name in ["1", "5000", "10000"] {
        place.item(name).await;
        place.process.execute(UPDATE, name, 2).await;
    }
    place.item("10001").await;
    place.process.execute(UPDATE, "10001", 2).await;
    place.process.execute_plain(FILL).await;
    assert_eq!(place.process.rows().await, 10_000);
}

async fn was_drained<DB: Kind>(place: &Place<DB>) {
    assert_eq!(place.process.rows().await, 0);
    let reader = place.another().await;
    for name in ["1", "5000", "10000"] {
        assert_eq!(reader.read(name).await, 2, "{name}");
    }
    assert_eq!(reader.read("10001").await, 1, "which no row names");
}

pub(super) async fn two_drainers_at_once_make_all_removals<DB: Kind>(place: Place<DB>) {
    fill(&place).await;
    let other = place.another().await;
    let (one, two) = tokio::join!(place.process.outbox.drain(), other.outbox.drain());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(one.complete && two.complete, "{one:?}, {two:?}");
    assert!(one.rows + two.rows >= 10_000, "{one:?}, {two:?}");
    was_drained(&place).await;
}

/// A frozen process, or one whose Redis is away.
pub(super) async fn a_drain_that_hangs_keeps_no_row_from_others<DB: Kind>(place: Place<DB>) {
    place.item("a").await;
    let proxy = FaultProxy::in_front_of(&place.redis);
    let hanging = Member::<DB>::start(&proxy.url(), &place.url).await;
    place.process.leave("a", of_item("a")).await;
    proxy.set(Fault::BlackHole);
    let drain = hanging.outbox.drain();
    let drained_by_another = async {
        eventually(SOON, "the removal to begin", async || {
            (hanging.cache.stats().invalidations == 1).then_some(())
        })
        .await;
        place.process.outbox.drain().await.unwrap()
    };
    tokio::select! {
        drained = drain => panic!("Redis does not answer: {drained:?}"),
        drained = drained_by_another => assert_eq!((drained.rows, drained.complete), (1, true)),
    }
    assert_eq!(place.another().await.read("a").await, 2);
}

pub(super) async fn ten_thousand_rows_are_drained<DB: Kind>(place: Place<DB>) {
    fill(&place).await;
    let drained = place.process.outbox.drain().await.unwrap();
    assert_eq!((drained.rows, drained.complete), (10_000, true));
    was_drained(&place).await;
}

pub(super) async fn many_transactions_at_once_leave_no_row<DB: Kind>(place: Place<DB>) {
    let names: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for name in &names {
        place.item(name).await;
    }
    let changes = names
        .iter()
        .map(|name| change_in_transaction(&place.process, name));
    futures_util::future::join_all(changes).await;
    let reader = place.another().await;
    for name in &names {
        assert_eq!(reader.read(name).await, 2, "{name}");
    }
    place.process.outbox_is_empty().await;
}
