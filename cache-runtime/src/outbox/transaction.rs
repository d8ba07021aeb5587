//! A transaction whose removals are recorded before its commit, and made after it.

use sqlx::Transaction;

use crate::cache::deferred::DeferredRemovals;
use crate::cache::transaction::after_commit;
use crate::cache::unrecorded::Unrecorded;
use crate::outbox::database::OutboxDatabase;
use crate::outbox::handle::Outbox;

impl<DB: OutboxDatabase> Outbox<DB> {
    /// Runs the body inside the transaction and inside a [`deferred`](crate::deferred()) scope. If it returns `Ok`, this
    /// writes the removals that the body asked for to the outbox with one `INSERT`, commits, makes the removals, and has the
    /// row deleted in the background. If the body returns `Err`, this rolls back, and removes nothing.
    ///
    /// The transaction must not be a savepoint inside another one: its removals would come before the commit of the other.
    /// Removals through another cache than the outbox's are made after the commit, but are not in the outbox.
    ///
    /// # Errors
    ///
    /// The error of the body, or that of the database. If the commit itself fails, it may have taken effect all the same, for
    /// example if the connection broke before the answer came. So the removals are made then, and if the commit takes effect
    /// later, the row is there for [`Outbox::drain`].
    ///
    /// # Cancellation
    ///
    /// If the future is dropped before the commit is sent, or if the body panics, the transaction is rolled back, and nothing
    /// is removed. If it is dropped later, the removals are made in this process at once, and are queued for Redis; the row,
    /// if it was committed, stays for [`Outbox::drain`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use sqlx::sqlite::SqlitePoolOptions;
    /// use cache_runtime::{Cache, cached, outbox::Outbox};
    /// use sqlx::SqliteConnection;
    ///
    /// #[cached(invalidates = "account:<id>", skip(db))]
    /// async fn debit(db: &mut SqliteConnection, id: u32) -> sqlx::Result<()> {
    ///     let debit = sqlx::query("UPDATE accounts SET balance = balance - 1 WHERE id = ?");
    ///     debit.bind(id).execute(db).await.map(drop)
    /// }
    ///
    /// # let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    /// # sqlx::raw_sql("CREATE TABLE accounts (id INTEGER, balance INTEGER)").execute(&pool).await?;
    /// # let outbox = Outbox::new(pool.clone(), cache_runtime::cache().clone());
    /// # outbox.create_table().await?;
    /// outbox
    ///     .transaction(pool.begin().await?, async |db| {
    ///         debit(&mut *db, 1).await?;
    ///         debit(&mut *db, 2).await
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn transaction<T, E, F>(
        &self,
        mut transaction: Transaction<'_, DB>,
        body: F,
    ) -> Result<T, E>
    where
        // Not `&mut Transaction`: with its lifetime, the compiler does not see that the future is `Send`.
        F: AsyncFnOnce(&mut DB::Connection) -> Result<T, E>,
        E: From<sqlx::Error>,
    {
        let mut removals = DeferredRemovals::new();
        let outcome = match removals.during(body(&mut transaction)).await {
            Ok(value) => {
                let unrecorded = Unrecorded::of_removals(&removals, &self.cache);
                let recorded = self.record_collected(&mut transaction, unrecorded).await;
                recorded.map(|_| value).map_err(E::from)
            }
            Err(error) => Err(error),
        };
        let value = match outcome {
            Ok(value) => value,
            Err(error) => {
                // If this fails, the connection is broken, and the database rolls back by itself.
                let _ = transaction.rollback().await;
                return Err(error);
            }
        };
        removals.may_be_committed = true;
        removals.is_outermost = true;
        transaction.commit().await?;
        after_commit(removals.make()).await;
        Ok(value)
    }
}
