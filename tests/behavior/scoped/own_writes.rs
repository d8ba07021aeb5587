//! Cached functions that a writer calls in its own body: they see what it has written, and nothing of it is stored before
//! the writer has succeeded, and the transaction around it has been committed.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use cache_runtime::{assert_hit, assert_miss, cache, cached, deferred};
use tokio::sync::Notify;

use crate::places::everywhere;

/// The row, as the database would give it to the one connection of this task.
static ROW: AtomicU64 = AtomicU64::new(1);

fn in_database() -> u64 {
    ROW.load(SeqCst)
}

#[cached(ttl = "1h", key = "v:<id>")]
async fn value(id: u64) -> u64 {
    in_database()
}

#[cached(ttl = "1h", key = "other:<id>")]
async fn other(id: u64) -> u64 {
    in_database()
}

#[cached(ttl = "1h", key = "tagged:<id>", tags = "row:<result>")]
async fn tagged(id: u64) -> u64 {
    in_database()
}

#[cached(put, key = "v:<id>:copy")]
async fn copy(id: u64) -> u64 {
    in_database()
}

/// Updates the row, and reads it again through the cache.
#[cached(invalidates = "v:<id>")]
async fn update(id: u64, to: u64) -> Result<u64, u64> {
    ROW.store(to, SeqCst);
    let read = value(id).await;
    assert_eq!(read, to, "a writer reads what it has written");
    copy(id).await;
    value::refresh(id).await;
    if to == 0 { Err(read) } else { Ok(read) }
}

/// What it removes is known from its result.
#[cached(invalidates = ["v:<result>", "#row:<result>"])]
async fn update_by_result(id: u64, to: u64) -> u64 {
    ROW.store(to, SeqCst);
    assert_eq!(value(id).await, to);
    assert_eq!(tagged(id).await, to);
    id
}

#[cached(invalidates = "v:<id>")]
async fn update_by_hand(id: u64, to: u64) -> u64 {
    ROW.store(to, SeqCst);
    let read = cache().get_or_load(format!("v:{id}"), Duration::from_secs(60), || async {
        Ok::<_, ()>(in_database())
    });
    read.await.unwrap()
}

#[cached(ttl = "1h", key = "sum:<id>", invalidates = "v:", skip(to))]
async fn recalculate(id: u64, to: u64) -> u64 {
    ROW.store(to, SeqCst);
    value(id).await
}

async fn start_at(row: u64) {
    ROW.store(row, SeqCst);
    value::refresh(1).await;
    tagged::refresh(1).await;
    assert_eq!(assert_hit!(value(1)), row);
}

async fn writers() {
    start_at(1).await;
    assert_eq!(update(1, 2).await, Ok(2));
    assert_eq!(assert_miss!(value(1)), 2, "nothing was stored by the body");

    start_at(3).await;
    update_by_result(1, 4).await;
    assert_eq!(assert_miss!(value(1)), 4);

    start_at(5).await;
    assert_eq!(update_by_hand(1, 6).await, 6);
    assert_eq!(assert_miss!(value(1)), 6);

    start_at(7).await;
    assert_eq!(recalculate(7, 8).await, 8);
    assert_eq!(assert_miss!(value(1)), 8);
}

#[tokio::test]
async fn a_writer_reads_what_it_has_written() {
    everywhere(writers).await;
}

/// A writer that fails has rolled back its own transaction.
async fn failures() {
    start_at(1).await;
    assert_eq!(update(1, 0).await, Err(0));
    ROW.store(1, SeqCst);
    // A `refresh` removes what it may not replace.
    assert_eq!(assert_miss!(value(1)), 1);
    let copied = cache().get::<u64>("v:1:copy").await;
    assert_eq!(copied, None, "a `put` in the body has stored nothing");
}

#[tokio::test]
async fn a_writer_that_fails_leaves_nothing_of_what_it_read() {
    everywhere(failures).await;
}

async fn transactions() {
    for commits in [false, true] {
        start_at(1).await;
        let ended = deferred(async {
            update(1, 2).await.map_err(|_| ())?;
            assert_eq!(value(1).await, 2);
            if commits { Ok(()) } else { Err(()) }
        });
        assert_eq!(ended.await.is_ok(), commits);
        if commits {
            assert_eq!(assert_miss!(value(1)), 2);
        } else {
            ROW.store(1, SeqCst);
            assert_eq!(
                assert_hit!(value(1)),
                1,
                "what was rolled back is not there"
            );
        }
    }
}

#[tokio::test]
async fn nothing_that_is_rolled_back_is_stored() {
    everywhere(transactions).await;
}

#[cached(invalidates = "v:<id>")]
async fn fails(id: u64) -> Result<(), u64> {
    ROW.store(0, SeqCst);
    Err(id)
}

/// The transaction goes on after the failure, and still sees the change.
async fn failures_in_transactions() {
    start_at(1).await;
    let rolled_back = deferred(async {
        fails(1).await.unwrap_err();
        assert_eq!(value(1).await, 0, "not from the cache");
        // A savepoint: its own removals are dropped, and what surrounds it still holds.
        let inner = deferred(async {
            assert_eq!(value(1).await, 0);
            Err::<(), ()>(())
        });
        assert!(inner.await.is_err());
        assert_eq!(value(1).await, 0);
        Err::<(), ()>(())
    });
    assert!(rolled_back.await.is_err());
    ROW.store(1, SeqCst);
    assert_eq!(assert_hit!(value(1)), 1);
}

#[tokio::test]
async fn what_a_failed_writer_has_changed_is_not_stored_until_the_transaction_ends() {
    everywhere(failures_in_transactions).await;
}

#[cached(invalidates = "v:<id>")]
async fn panics(id: u64) {
    ROW.store(9, SeqCst);
    assert_eq!(value(id).await, 9);
    panic!("as planned");
}

#[cached(invalidates = "v:<id>")]
async fn never_ends(id: u64, read: &Notify) {
    ROW.store(9, SeqCst);
    assert_eq!(value(id).await, 9);
    read.notify_one();
    pending::<()>().await;
}

async fn dropped(in_transaction: bool) {
    start_at(1).await;
    let read = Notify::new();
    let work = async {
        match in_transaction {
            true => deferred(async {
                never_ends(1, &read).await;
                Ok::<_, ()>(())
            })
            .await
            .unwrap(),
            false => never_ends(1, &read).await,
        }
    };
    tokio::select! {
        () = work => panic!("it never ends"),
        () = read.notified() => {}
    }
    // It is not known whether it was committed, so the key is removed. Here it was not.
    ROW.store(1, SeqCst);
    assert_eq!(assert_miss!(value(1)), 1);
}

async fn panicked(in_transaction: bool) {
    start_at(1).await;
    let work = async {
        match in_transaction {
            true => deferred(async {
                panics(1).await;
                Ok::<_, ()>(())
            })
            .await
            .unwrap(),
            false => panics(1).await,
        }
    };
    {
        let mut work = pin!(work);
        let panicked = poll_fn(|context| {
            match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
                Ok(polled) => polled.map(|()| false),
                Err(_) => Poll::Ready(true),
            }
        });
        assert!(panicked.await);
    }
    ROW.store(1, SeqCst);
    assert_eq!(assert_miss!(value(1)), 1);
}

async fn unfinished() {
    for in_transaction in [false, true] {
        dropped(in_transaction).await;
        panicked(in_transaction).await;
    }
}

#[tokio::test]
async fn a_writer_that_is_dropped_or_panics_leaves_nothing_of_what_it_read() {
    everywhere(unfinished).await;
}

static SLOW: AtomicBool = AtomicBool::new(false);

#[cached(ttl = "1h", key = "v:slow:<id>", skip(go_on))]
async fn slow(id: u64, go_on: &Notify) -> u64 {
    SLOW.store(true, SeqCst);
    go_on.notified().await;
    in_database()
}

#[cached(invalidates = "v:slow:<id>", skip(go_on))]
async fn update_slow(id: u64, go_on: &Notify) -> u64 {
    ROW.store(2, SeqCst);
    go_on.notify_one();
    id
}

async fn overtaken() {
    ROW.store(1, SeqCst);
    SLOW.store(false, SeqCst);
    let go_on = Notify::new();
    let rolled_back = deferred(async {
        let updating = async {
            while !SLOW.load(SeqCst) {
                tokio::task::yield_now().await;
            }
            update_slow(1, &go_on).await
        };
        let (read, _) = tokio::join!(slow(1, &go_on), updating);
        assert_eq!(read, 2);
        Err::<(), ()>(())
    });
    assert!(rolled_back.await.is_err());
    ROW.store(1, SeqCst);
    go_on.notify_one();
    assert_eq!(assert_miss!(slow(1, &go_on)), 1);
}

#[tokio::test]
async fn a_load_that_the_transaction_overtakes_is_not_stored() {
    everywhere(overtaken).await;
}

#[cached(invalidates = "v:<id>")]
async fn reads_others(id: u64) -> u64 {
    assert_hit!(other(id));
    id
}

async fn others() {
    ROW.store(1, SeqCst);
    other::refresh(1).await;
    reads_others(1).await;
    assert_hit!(other(1));
    // A writer that has succeeded has changed only what its result names.
    value::refresh(1).await;
    let committed = deferred(async {
        update_by_result(2, 1).await;
        assert_hit!(value(1));
        Ok::<_, ()>(())
    });
    committed.await.unwrap();
}

#[tokio::test]
async fn what_a_writer_does_not_remove_it_reads_from_the_cache() {
    everywhere(others).await;
}
