//! Processes that do not crash: commits, rollbacks, and callers that go away.

use cache_runtime::deferred;
use tokio::sync::oneshot;

use super::child::{change, change_in_transaction};
use super::place::{Kind, Member, Place, UPDATE, of_item};
use crate::app::SOON;

pub(super) async fn a_transaction_removes_at_once_and_leaves_no_row<DB: Kind>(place: Place<DB>) {
    place.item("a").await;
    place.item("b").await;
    let Member {
        cache,
        pool,
        outbox,
    } = &place.process;
    let begun = pool.begin().await.unwrap();
    let changed = outbox.transaction(begun, async |tx| {
        change::<DB>(tx, cache, "a").await?;
        change::<DB>(tx, cache, "b").await?;
        Ok::<_, sqlx::Error>("done")
    });
    assert_eq!(changed.await.unwrap(), "done");
    // No drain: the removals were made before the transaction returned.
    let other = place.another().await;
    assert_eq!((other.read("a").await, other.read("b").await), (2, 2));
    place.process.outbox_is_empty().await;
    place.process.leave("a", of_item("a")).await;
    let next = DB::number(pool, "SELECT MAX(id) FROM cache_outbox").await;
    assert_eq!(next, 2, "there was one INSERT for both removals");
}

pub(super) async fn a_rollback_removes_nothing_and_leaves_no_row<DB: Kind>(place: Place<DB>) {
    place.item("a").await;
    let Member {
        cache,
        pool,
        outbox,
    } = &place.process;
    let begun = pool.begin().await.unwrap();
    let failed = outbox.transaction(begun, async |tx| {
        change::<DB>(tx, cache, "a").await?;
        Err::<(), _>(sqlx::Error::RowNotFound)
    });
    assert!(matches!(failed.await, Err(sqlx::Error::RowNotFound)));

    let mut tx = pool.begin().await.unwrap();
    DB::execute(&mut tx, UPDATE, "a", 2).await.unwrap();
    let recorded = outbox.record(&mut tx, [of_item("a")]).await.unwrap();
    tx.rollback().await.unwrap();
    recorded.rolled_back();
    nothing_happened(&place).await;
}

pub(super) async fn a_panic_or_a_dropped_transaction_rolls_back_and_removes_nothing<DB: Kind>(
    place: Place<DB>,
) {
    place.item("a").await;
    let (cache, outbox) = (place.process.cache.clone(), place.process.outbox.clone());
    let begun = place.process.pool.begin().await.unwrap();
    let panicked = tokio::spawn(async move {
        let body = async |tx: &mut DB::Connection| -> sqlx::Result<()> {
            change::<DB>(tx, &cache, "a").await?;
            panic!("the body panics");
        };
        outbox.transaction(begun, body).await
    });
    assert!(panicked.await.unwrap_err().is_panic());
    nothing_happened(&place).await;

    let Member {
        cache,
        pool,
        outbox,
    } = &place.process;
    let begun = pool.begin().await.unwrap();
    let (arrived, arrival) = oneshot::channel();
    let dropped = outbox.transaction(begun, async |tx| {
        change::<DB>(tx, cache, "a").await?;
        arrived.send(()).unwrap();
        std::future::pending::<sqlx::Result<()>>().await
    });
    tokio::select! {
        _ = dropped => panic!("it waits for ever"),
        arrived = arrival => arrived.unwrap(),
    }
    nothing_happened(&place).await;
}

/// The item is as it was, in the database and in Redis, and no removal was made.
async fn nothing_happened<DB: Kind>(place: &Place<DB>) {
    // The next statement waits until the database has rolled back.
    place.process.execute(UPDATE, "a", 3).await;
    assert_eq!(place.process.cache.stats().invalidations, 0);
    assert_eq!(place.another().await.read("a").await, 1, "from Redis");
    place.process.execute(UPDATE, "a", 1).await;
    assert_eq!(place.process.rows().await, 0);
}

/// The error may be that of the connection, after the database has committed.
pub(super) async fn a_commit_that_fails_is_followed_by_the_removals<DB: Kind>(place: Place<DB>) {
    place.item("a").await;
    let Member {
        cache,
        pool,
        outbox,
    } = &place.process;
    let table = "CREATE TABLE parts (
        name TEXT PRIMARY KEY, whole TEXT REFERENCES parts (name) DEFERRABLE INITIALLY DEFERRED)";
    place.process.execute_plain(table).await;
    let begun = pool.begin().await.unwrap();
    let failed = outbox.transaction(begun, async |tx| {
        let orphan = "INSERT INTO parts (name, whole) VALUES ('part', 'missing')";
        DB::execute_plain(tx, orphan).await?;
        change::<DB>(tx, cache, "a").await
    });
    assert!(failed.await.is_err(), "the commit checks the reference");
    assert_eq!(cache.stats().invalidations, 1);
    place.process.execute(UPDATE, "a", 3).await;
    assert_eq!(place.process.read("a").await, 3, "removed at once");
    assert_eq!(place.process.rows().await, 0, "rolled back");
}

pub(super) async fn whoever_drops_a_recorded_removal_makes_it<DB: Kind>(place: Place<DB>) {
    place.item("a").await;
    let Member { pool, outbox, .. } = &place.process;
    let mut tx = pool.begin().await.unwrap();
    DB::execute(&mut tx, UPDATE, "a", 2).await.unwrap();
    let recorded = outbox.record(&mut tx, [of_item("a")]).await.unwrap();
    tx.commit().await.unwrap();
    drop(recorded);
    assert_eq!(place.process.read("a").await, 2, "this process at once");
    assert_eq!(place.process.rows().await, 1, "for everybody");
    outbox.drain().await.unwrap();
    assert_eq!(place.another().await.read("a").await, 2);
    assert_eq!(place.process.rows().await, 0);
}

pub(super) async fn removals_after_the_record_of_a_scope_are_made_too<DB: Kind>(place: Place<DB>) {
    place.item("a").await;
    place.item("b").await;
    let Member {
        cache,
        pool,
        outbox,
    } = &place.process;
    let done = deferred(async {
        let mut tx = pool.begin().await?;
        change::<DB>(&mut tx, cache, "a").await?;
        assert_eq!(outbox.record_deferred(&mut tx).await?, 1);
        change::<DB>(&mut tx, cache, "b").await?;
        tx.commit().await
    });
    done.await.unwrap();
    let other = place.another().await;
    assert_eq!((other.read("a").await, other.read("b").await), (2, 2));
    place.process.outbox_is_empty().await;

    // An error after the record may be that of the commit.
    place.process.execute(UPDATE, "a", 1).await;
    let failed = deferred(async {
        let mut tx = pool.begin().await?;
        change::<DB>(&mut tx, cache, "a").await?;
        assert_eq!(outbox.record_deferred(&mut tx).await?, 1);
        assert_eq!(outbox.record_deferred(&mut tx).await?, 0, "already there");
        tx.commit().await?;
        Err::<(), _>(sqlx::Error::WorkerCrashed)
    });
    assert!(failed.await.is_err());
    assert_eq!(
        cache.stats().invalidations,
        2,
        "one for both removals above"
    );
    assert_eq!(place.process.read("a").await, 2);
    assert_eq!(place.process.rows().await, 1, "left to a drain");
    assert_eq!(
        outbox
            .record_deferred(&mut *pool.acquire().await.unwrap())
            .await
            .unwrap(),
        0
    );
    tokio::time::timeout(SOON, change_in_transaction(&place.process, "b"))
        .await
        .expect("the outbox works on");
}

/// The transaction of the outbox is the outermost one: a scope around it that ends with an error takes nothing back.
pub(super) async fn what_has_committed_is_removed_whatever_surrounds_it<DB: Kind>(
    place: Place<DB>,
) {
    for name in ["a", "b"] {
        place.item(name).await;
    }
    let Member {
        cache,
        pool,
        outbox,
    } = &place.process;
    let failed = deferred(async {
        let begun = pool.begin().await.unwrap();
        let changed = outbox.transaction(begun, async |tx| change::<DB>(tx, cache, "a").await);
        changed.await.unwrap();
        let mut tx = pool.begin().await.unwrap();
        DB::execute(&mut tx, UPDATE, "b", 2).await.unwrap();
        let recorded = outbox.record(&mut tx, [of_item("b")]).await.unwrap();
        tx.commit().await.unwrap();
        assert!(recorded.remove().await.is_durable());
        Err::<(), ()>(())
    });
    failed.await.unwrap_err();
    let other = place.another().await;
    assert_eq!((other.read("a").await, other.read("b").await), (2, 2));
    place.process.outbox_is_empty().await;
}
