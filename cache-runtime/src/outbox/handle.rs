//! The handle of an outbox, and what is written to it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Pool;

use crate::cache::Cache;
use crate::cache::unrecorded::Unrecorded;
use crate::key::Pattern;
use crate::outbox::database::OutboxDatabase;
use crate::outbox::finished::Finished;
use crate::outbox::recorded::Recorded;
use crate::outbox::text;

/// How old a row is before a process makes its removals that has not written it.
const GRACE: Duration = Duration::from_secs(1);

/// How often a process looks for rows that were left behind.
const INTERVAL: Duration = Duration::from_secs(1);

/// The table of the removals that a cache owes after commits. A clone is cheap and refers to the same outbox.
///
/// [The module](crate::outbox) describes how it is used.
pub struct Outbox<DB: OutboxDatabase> {
    pub(super) pool: Pool<DB>,
    pub(super) cache: Cache,
    pub(super) finished: Arc<Finished<DB>>,
    pub(super) grace: Duration,
    pub(super) interval: Duration,
}

/// The rows of an outbox at one moment, for monitoring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backlog {
    /// Rows whose removals are still to be made, or whose deletion is under way.
    pub waiting: u64,
    /// The age of the oldest of them.
    pub oldest: Duration,
    /// Rows that could not be read. Somebody must look at them: the column `problem` says what is wrong.
    pub set_aside: u64,
}

impl<DB: OutboxDatabase> Outbox<DB> {
    /// The outbox of a cache in the database of a pool. It neither connects nor makes the table.
    ///
    /// The pool is used to make and delete rows and to find those that were left behind, by one connection at a time for
    /// each. What is recorded goes through the caller's own connection.
    #[must_use]
    pub fn new(pool: Pool<DB>, cache: Cache) -> Self {
        let finished = Arc::new(Finished::new(pool.clone(), cache.inner.background.clone()));
        Self {
            pool,
            cache,
            finished,
            grace: GRACE,
            interval: INTERVAL,
        }
    }

    /// The age that a row must have before [`Outbox::drain`] makes its removals (1 s), by the database's clock. Until then
    /// they are left to the process that has written the row.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How often a process that has called [`Outbox::start`] drains the outbox (every 1 s; at least 10 ms).
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(10));
        self
    }

    /// Makes the table `cache_outbox`, unless it exists. Several processes may do so at the same time.
    ///
    /// A program that keeps its schema in migrations puts [`OutboxDatabase::CREATE_TABLE`] there instead.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, or does not let this user make a table.
    pub async fn create_table(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        DB::create_table(&mut connection).await
    }

    /// Writes removals to the outbox, in the transaction that is open on the connection, with one `INSERT`. They are rolled
    /// back with it. After the commit, call [`Recorded::remove`].
    ///
    /// A cache without Redis records nothing: its memory ends with the process. The removals are then made after the commit
    /// all the same.
    ///
    /// # Errors
    ///
    /// The `INSERT` has failed, for example because there is no table. Roll the transaction back: after a commit, nothing
    /// would make these removals.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use sqlx::sqlite::SqlitePoolOptions;
    /// use cache_runtime::{Cache, Pattern, outbox::Outbox};
    ///
    /// # let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    /// # sqlx::raw_sql("CREATE TABLE jobs (id INTEGER, title TEXT)").execute(&pool).await?;
    /// # let cache = Cache::new(Default::default())?;
    /// let outbox = Outbox::new(pool.clone(), cache);
    /// outbox.create_table().await?;
    ///
    /// let mut tx = pool.begin().await?;
    /// sqlx::query("UPDATE jobs SET title = ? WHERE id = 7").bind("Cook").execute(&mut *tx).await?;
    /// let recorded = outbox.record(&mut tx, ["job:7".parse::<Pattern>()?, "jobs:".parse()?]).await?;
    /// tx.commit().await?;
    /// recorded.remove().await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn record(
        &self,
        connection: &mut DB::Connection,
        patterns: impl IntoIterator<Item = Pattern>,
    ) -> Result<Recorded<DB>, sqlx::Error> {
        let patterns: Vec<Pattern> = patterns.into_iter().collect();
        let id = self.insert(connection, &patterns).await?;
        let (cache, finished) = (self.cache.clone(), self.finished.clone());
        Ok(Recorded::new(cache, finished, id, patterns))
    }

    /// Writes the removals that the surrounding [`deferred`](crate::deferred()) scope has collected so far through this
    /// cache, in the transaction that is open on the connection, with one `INSERT`. Call it last, right before the commit:
    /// removals that are collected later are not in the outbox. Returns the number of removals written.
    ///
    /// When the scope ends with `Ok`, it makes the removals as always, and the row is deleted. When it ends with `Err` after
    /// this was called, it makes them, too: it cannot know whether the commit took effect.
    ///
    /// Outside of a scope, there is nothing to write: it logs a warning and returns 0.
    ///
    /// # Errors
    ///
    /// The `INSERT` has failed. Return the error from the scope, without a commit.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use sqlx::sqlite::SqlitePoolOptions;
    /// use cache_runtime::{Cache, cached, deferred, outbox::Outbox};
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
    /// deferred(async {
    ///     let mut tx = pool.begin().await?;
    ///     debit(&mut tx, 1).await?;
    ///     debit(&mut tx, 2).await?;
    ///     outbox.record_deferred(&mut tx).await?;
    ///     tx.commit().await
    /// })
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn record_deferred(
        &self,
        connection: &mut DB::Connection,
    ) -> Result<usize, sqlx::Error> {
        let Some(unrecorded) = Unrecorded::of_this_scope(&self.cache) else {
            tracing::warn!(
                "`Outbox::record_deferred` was called outside of a `deferred` scope, where no removals are collected"
            );
            return Ok(0);
        };
        self.record_collected(connection, unrecorded).await
    }

    pub(super) async fn record_collected(
        &self,
        connection: &mut DB::Connection,
        unrecorded: Unrecorded,
    ) -> Result<usize, sqlx::Error> {
        let count = unrecorded.patterns.len();
        let id = self.insert(connection, &unrecorded.patterns).await?;
        let finished = self.finished.clone();
        // Also if no row was needed: the scope learns that the commit is next.
        unrecorded.are_recorded(move || id.into_iter().for_each(|id| finished.delete(id)));
        Ok(count)
    }

    /// The id of the row, if one was needed.
    async fn insert(
        &self,
        connection: &mut DB::Connection,
        patterns: &[Pattern],
    ) -> Result<Option<i64>, sqlx::Error> {
        if patterns.is_empty() || !self.is_shared() {
            return Ok(None);
        }
        let mut seen = HashSet::new();
        let patterns = text::write(patterns.iter().filter(|pattern| seen.insert(*pattern)));
        let id = DB::insert(connection, self.namespace(), &patterns).await?;
        Ok(Some(id))
    }

    /// How many rows there are now. For a gauge, or a check that somebody drains the outbox.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, or there is no table.
    pub async fn backlog(&self) -> Result<Backlog, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let counted = DB::backlog(&mut connection, self.namespace()).await?;
        let [waiting, set_aside, oldest] =
            <[i64; 3]>::from(counted).map(|count| count.try_into().unwrap_or(0));
        Ok(Backlog {
            waiting,
            oldest: Duration::from_millis(oldest),
            set_aside,
        })
    }

    /// The rows of other namespaces in the same table belong to other caches.
    pub(super) fn namespace(&self) -> &str {
        self.cache.inner.config.namespace.trim_end_matches(':')
    }

    /// Whether other processes use what the cache stores. Without Redis, none does.
    pub(super) fn is_shared(&self) -> bool {
        self.cache.inner.shards.have_redis()
    }
}

impl<DB: OutboxDatabase> Clone for Outbox<DB> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            cache: self.cache.clone(),
            finished: self.finished.clone(),
            grace: self.grace,
            interval: self.interval,
        }
    }
}

impl<DB: OutboxDatabase> fmt::Debug for Outbox<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the pool nor the cache: their settings contain addresses.
        f.debug_struct("Outbox")
            .field("namespace", &self.namespace())
            .field("grace", &self.grace)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
