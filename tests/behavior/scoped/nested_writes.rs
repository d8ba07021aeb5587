//! Writers inside of writers, transactions inside of transactions, and what else happens inside of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{assert_hit, assert_miss, cache, cached, deferred, testing};
use tokio::sync::{Notify, Semaphore};
use tokio::task::yield_now;

use crate::places::everywhere;

/// The row, as the database would give it to the one connection of this task.
static ROW: AtomicU64 = AtomicU64::new(1);

fn in_database() -> u64 {
    ROW.load(SeqCst)
}

#[cached(ttl = "1h", key = "inner:<id>")]
async fn row(id: u64) -> u64 {
    in_database()
}

#[cached(invalidates = "inner:<id>")]
async fn write(id: u64, to: u64) -> Result<(), u64> {
    ROW.store(to, SeqCst);
    if to == 0 { Err(id) } else { Ok(()) }
}

async fn start() {
    ROW.store(1, SeqCst);
    row::refresh(1).await;
    assert_eq!(assert_hit!(row(1)), 1);
}

/// It has a transaction of its own, in which the other writer takes part.
#[cached(invalidates = "outer:<id>")]
async fn write_both(id: u64, commits: bool) -> Result<(), ()> {
    write(id, 2).await.unwrap();
    assert_eq!(
        row(id).await,
        2,
        "it reads what the other writer has written"
    );
    cache().delete("by-hand").await;
    // Another task loads the row before the commit: it sees the old one.
    let other = testing::spawn(async move {
        ROW.store(1, SeqCst);
        let read = row(id).await;
        ROW.store(2, SeqCst);
        read
    });
    assert_eq!(other.await.unwrap(), 1);
    if commits { Ok(()) } else { Err(()) }
}

async fn writers() {
    start().await;
    assert_eq!(write_both(1, true).await, Ok(()));
    assert_eq!(
        row(1).await,
        2,
        "what the other writer removed is removed again at the end"
    );
    start().await;
    assert_eq!(write_both(1, false).await, Err(()));
    ROW.store(1, SeqCst);
    assert_eq!(row(1).await, 1, "nothing of what was rolled back is stored");
}

#[tokio::test]
async fn what_a_writer_inside_of_a_writer_has_removed_is_removed_again_at_the_end() {
    everywhere(writers).await;
}

async fn transactions() {
    // The inner writer fails, and the inner transaction succeeds.
    start().await;
    let rolled_back = deferred(async {
        let inner = deferred(async {
            write(1, 0).await.unwrap_err();
            Ok::<_, ()>(())
        });
        inner.await.unwrap();
        assert_eq!(row(1).await, 0);
        Err::<(), ()>(())
    });
    rolled_back.await.unwrap_err();
    ROW.store(1, SeqCst);
    assert_eq!(assert_hit!(row(1)), 1);

    // The inner transaction returns an error, but its changes were not rolled back to a savepoint.
    let rolled_back = deferred(async {
        let inner = deferred(async {
            write(1, 2).await.unwrap();
            Err::<(), ()>(())
        });
        inner.await.unwrap_err();
        assert_eq!(row(1).await, 2);
        Err::<(), ()>(())
    });
    rolled_back.await.unwrap_err();
    ROW.store(1, SeqCst);
    assert_eq!(assert_hit!(row(1)), 1);

    // A read beside the inner transaction.
    let rolled_back = deferred(async {
        let inner = deferred(async {
            write(1, 2).await.unwrap();
            yield_now().await;
            Ok::<_, ()>(())
        });
        let (inner, read) = tokio::join!(inner, row(1));
        inner.unwrap();
        assert_eq!(read, 2);
        Err::<(), ()>(())
    });
    rolled_back.await.unwrap_err();
    ROW.store(1, SeqCst);
    assert_eq!(assert_hit!(row(1)), 1);
}

#[tokio::test]
async fn what_an_inner_transaction_has_changed_is_not_stored_until_the_outer_one_ends() {
    everywhere(transactions).await;
}

async fn by_hand() {
    start().await;
    let go_on = Notify::new();
    let hour = Duration::from_secs(3600);
    let rolled_back = deferred(async {
        let loading = cache().get_or_load("inner:2", hour, || async {
            go_on.notified().await;
            Ok::<_, ()>(in_database())
        });
        let writing = async {
            yield_now().await;
            write(2, 7).await.unwrap();
            go_on.notify_one();
        };
        let (loaded, ()) = tokio::join!(loading, writing);
        assert_eq!(loaded, Ok(7));
        cache().set("inner:3", &7_u64, hour).await.unwrap();
        cache()
            .set_many(&[("inner:4".into(), 7_u64)], hour)
            .await
            .unwrap();
        Err::<(), ()>(())
    });
    rolled_back.await.unwrap_err();
    ROW.store(1, SeqCst);
    for key in ["inner:2", "inner:3", "inner:4"] {
        assert_eq!(cache().get::<u64>(key).await, None, "{key}");
    }
    cache().set("inner:3", &1_u64, hour).await.unwrap();
    let committed = deferred(async {
        cache().set("inner:3", &7_u64, hour).await.unwrap();
        Ok::<_, ()>(())
    });
    committed.await.unwrap();
    assert_eq!(
        cache().get::<u64>("inner:3").await,
        None,
        "the older one is removed"
    );
}

#[tokio::test]
async fn what_is_stored_by_hand_in_a_transaction_is_not_there_after_it() {
    everywhere(by_hand).await;
}

#[cached(
    ttl = "1h",
    key = "page:<id>",
    soft_timeout = "10s",
    stale_on_error = "1h"
)]
async fn page(id: u64) -> Result<u64, String> {
    Ok(row(id).await)
}

#[cached(invalidates = "inner:<id>")]
async fn write_and_show(id: u64) -> Result<u64, String> {
    ROW.store(2, SeqCst);
    let shown = page(id).await?;
    Err(format!("shown: {shown}"))
}

async fn detachable() {
    start().await;
    assert_eq!(write_and_show(1).await, Err("shown: 2".to_owned()));
    ROW.store(1, SeqCst);
    assert_eq!(assert_hit!(row(1)), 1);
    cache().delete("page:1").await;
}

#[tokio::test]
async fn a_load_that_could_outlive_its_call_stays_inside_of_the_writer() {
    everywhere(detachable).await;
}

#[tokio::test]
async fn a_transaction_makes_its_removals_together() {
    testing::scope(async {
        let committed = deferred(async {
            for id in 0..2_500 {
                write(id % 1_250, 2).await.unwrap();
            }
            Ok::<_, ()>(())
        });
        committed.await.unwrap();
        // 1,250 different ones, 1,000 at once.
        assert_eq!(cache().stats().invalidations, 2);
        assert_miss!(row(1_249));
    })
    .await;
}

#[cached(invalidates = "turn:<id>")]
async fn write_turn(id: u64) {
    ROW.store(2, SeqCst);
}

/// After a load that failed, those who waited for it load in turn, and share the first value.
async fn in_turn() {
    ROW.store(1, SeqCst);
    let hour = Duration::from_secs(3600);
    let (begun, fail, gate) = (
        Arc::new(Notify::new()),
        Arc::new(Notify::new()),
        Arc::new(Semaphore::new(0)),
    );
    let (begins, fails) = (begun.clone(), fail.clone());
    let leader = testing::spawn(cache().get_or_load("turn:1", hour, async move || {
        begins.notify_one();
        fails.notified().await;
        Err::<u64, ()>(())
    }));
    begun.notified().await;

    let (has_turn, written) = (Notify::new(), Notify::new());
    let changing = deferred(async {
        let loading = cache().get_or_load("turn:1", hour, async || {
            has_turn.notify_one();
            written.notified().await;
            Ok::<_, ()>(in_database())
        });
        let writing = async {
            has_turn.notified().await;
            write_turn(1).await;
            written.notify_one();
        };
        let (loaded, ()) = tokio::join!(loading, writing);
        assert_eq!(loaded, Ok(2));
        Err::<(), ()>(())
    });
    let others = async {
        let others: Vec<_> = (0..50)
            .map(|_| {
                let gate = gate.clone();
                testing::spawn(cache().get_or_load("turn:1", hour, async move || {
                    gate.acquire().await.unwrap().forget();
                    Ok::<u64, ()>(1)
                }))
            })
            .collect();
        // All of them wait for the leader.
        while cache().stats().misses < 1 {
            yield_now().await;
        }
        for _ in 0..100 {
            yield_now().await;
        }
        fail.notify_one();
        others
    };
    let (changed, others) = tokio::join!(changing, others);
    changed.unwrap_err();
    leader.await.unwrap().unwrap_err();
    gate.add_permits(50);
    for other in others {
        assert_eq!(other.await.unwrap(), Ok(1), "not what nobody has committed");
    }
}

#[tokio::test]
async fn what_a_transaction_has_changed_is_not_shared_with_those_who_load_in_turn() {
    testing::scope(in_turn()).await;
}
