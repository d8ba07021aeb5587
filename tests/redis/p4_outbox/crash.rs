//! A process is killed between its commit and its removal.

use std::time::Duration;

use cache_tests::{Fault, FaultProxy, eventually};

use super::child::Child;
use super::place::{Kind, Place, tagged};
use crate::app::SOON;

/// The hole: nothing else tells anybody of the change.
pub(super) async fn without_an_outbox_a_crash_after_the_commit_leaves_a_stale_value<DB: Kind>(
    place: Place<DB>,
) {
    place.item("a").await;
    let mut child = Child::start(&place.redis.url(), &place.url);
    child.tell("commit\ta");
    child.kill9();
    assert_eq!(DB::value(&place.process.pool, "a").await, 2);
    let drained = place.process.outbox.drain().await.unwrap();
    assert_eq!((drained.rows, drained.complete), (0, true));
    assert_eq!(place.process.read("a").await, 1, "stale");
    assert_eq!(place.another().await.read("a").await, 1, "stale");
}

pub(super) async fn a_removal_survives_a_crash_between_the_commit_and_the_removal<DB: Kind>(
    place: Place<DB>,
) {
    place.item("a").await;
    let mut child = Child::start(&place.redis.url(), &place.url);
    child.tell("record\ta");
    child.kill9();
    drained_and_fresh(&place, "a").await;
}

/// Redis has been asked, and the process dies before the answer.
pub(super) async fn a_removal_of_a_transaction_survives_a_crash_in_the_midst_of_it<DB: Kind>(
    place: Place<DB>,
) {
    crash_during("transaction", &place).await;
    drained_and_fresh(&place, "a").await;
}

pub(super) async fn removals_of_a_deferred_scope_survive_a_crash<DB: Kind>(place: Place<DB>) {
    crash_during("deferred", &place).await;
    drained_and_fresh(&place, "a").await;
}

/// Kills a process that has committed, and whose removal is lost on its way to Redis.
async fn crash_during<DB: Kind>(verb: &str, place: &Place<DB>) {
    place.item("a").await;
    let proxy = FaultProxy::in_front_of(&place.redis);
    let mut child = Child::start(&proxy.url(), &place.url);
    proxy.set(Fault::BlackHole);
    child.begin(&format!("{verb}\ta"));
    eventually(SOON, "the commit", async || {
        (place.process.rows().await == 1).then_some(())
    })
    .await;
    child.kill9();
    // What the dead process has sent may still be on its way to the proxy.
    proxy.cut_all();
    proxy.up();
}

async fn drained_and_fresh<DB: Kind>(place: &Place<DB>, name: &str) {
    assert_eq!(DB::value(&place.process.pool, name).await, 2);
    assert_eq!(
        place.another().await.read(name).await,
        1,
        "nobody has made the removal yet"
    );
    let drainer = place.another().await;
    let drained = drainer.outbox.drain().await.unwrap();
    assert_eq!((drained.rows, drained.complete), (1, true));
    assert_eq!(drainer.read(name).await, 2);
    assert_eq!(place.another().await.read(name).await, 2);
    assert_eq!(place.process.rows().await, 0);
}

pub(super) async fn a_drainer_makes_what_a_crash_has_left<DB: Kind>(place: Place<DB>) {
    place.item("a").await;
    let outbox = place.process.outbox.clone().grace(Duration::from_millis(1));
    let drainer = outbox.interval(Duration::from_millis(20)).start();
    let mut child = Child::start(&place.redis.url(), &place.url);
    child.tell("record\ta");
    child.kill9();
    eventually(SOON, "the removal", async || {
        (place.process.read("a").await == 2).then_some(())
    })
    .await;
    place.process.outbox_is_empty().await;
    assert!(!drainer.is_finished(), "it goes on");
}

/// The neighbours of each name show that nothing else was removed.
pub(super) async fn names_of_any_text_survive_a_crash<DB: Kind>(place: Place<DB>) {
    let names = [
        "with space",
        "colon:in:it",
        "back\\slash",
        "żółw 東京",
        "100%",
        "*",
        "quote'\"",
        "user",
    ];
    let mut child = Child::start(&place.redis.url(), &place.url);
    for name in names {
        let neighbour = format!("{name}0");
        place.item(name).await;
        place.item(&neighbour).await;
        child.tell(&format!("record\t{name}"));
        child.tell(&format!("commit\t{neighbour}"));
    }
    child.kill9();
    // The same by tags, which are text of another kind.
    for name in names {
        let tag = format!("{name} tag");
        place.item(&tag).await;
        place.process.leave(&tag, tagged(&tag)).await;
    }
    let drained = place.another().await.outbox.drain().await.unwrap();
    assert_eq!(drained.rows, 2 * names.len() as u64);
    let reader = place.another().await;
    for name in names {
        assert_eq!(reader.read(name).await, 2, "{name}");
        assert_eq!(reader.read(&format!("{name}0")).await, 1, "{name}0");
        assert_eq!(reader.read(&format!("{name} tag")).await, 2, "{name} tag");
    }
}
