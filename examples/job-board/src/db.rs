//! The database: one pool, two kinds of transaction, and a count of the statements it runs.
//!
//! The pool is private. Every statement goes through [`Db::counted`] or [`Tx::counted`], so what
//! `X-Sql` reports is what really ran.

mod counter;
mod seed;

use std::str::FromStr;
use std::time::{Duration, Instant};

use cache_runtime::Cache;
use cache_runtime::outbox::Outbox;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};
use tokio::time::sleep;

pub use counter::{X_SQL, count_statements};

/// A cheap handle on the connection pool.
#[derive(Debug, Clone)]
pub struct Db {
    pool: SqlitePool,
}

impl Db {
    /// Opens the database behind `url` and, if it is empty, creates and fills it.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, or holds the tables of another version of this example.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            match Self::try_open(url).await {
                Err(error) if is_busy(&error) && Instant::now() < deadline => {
                    sleep(Duration::from_millis(20)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Fails if another program is at its first start: SQLite does not wait for `busy_timeout` when
    /// a new file changes to WAL.
    /// Source: <https://www.sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode>.
    async fn try_open(url: &str) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            // Readers do not wait for the writer, nor it for them.
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL a power cut can lose the last commits, never the file.
            .synchronous(SqliteSynchronous::Normal)
            // Two writers queue instead of failing.
            .busy_timeout(Duration::from_secs(5));
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        let pool = SqlitePoolOptions::new()
            // A database in memory is gone with its last connection: keep one, for good. With
            // `min_connections`, two would be opened at once, and both would change a new file to WAL.
            .max_connections(if in_memory { 1 } else { CONNECTIONS })
            .idle_timeout(None)
            .max_lifetime(None)
            // A request that cannot even get a connection should say so while its client listens.
            .acquire_timeout(Duration::from_secs(3))
            .connect_with(options)
            .await?;
        let db = Self { pool };
        db.create().await?;
        Ok(db)
    }

    /// The pool, for exactly one statement.
    pub fn counted(&self) -> &SqlitePool {
        counter::add_one();
        &self.pool
    }

    /// Starts a transaction that only reads: all its statements see one state of the data.
    pub async fn snapshot(&self) -> Result<Tx, sqlx::Error> {
        self.pool.begin().await.map(Tx)
    }

    /// Starts a transaction that writes.
    ///
    /// It takes the write lock at once. One that began by reading could only fail if somebody else
    /// wrote before its own first write; waiting here is what `busy_timeout` is for.
    pub async fn write(&self) -> Result<Tx, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map(Tx)
    }

    /// What keeps the removals of this database's transactions. Its own statements are not counted: they are the cache's.
    pub fn outbox(&self, cache: &Cache) -> Outbox<Sqlite> {
        Outbox::new(self.pool.clone(), cache.clone())
    }

    /// Waits for running statements, then closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Tables and seed in one transaction: a first start that is interrupted leaves nothing behind,
    /// and of two first starts at once the second finds the work of the first.
    async fn create(&self) -> Result<(), sqlx::Error> {
        let mut tx = self.write().await?;
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(tx.counted())
            .await?;
        if found == SCHEMA_VERSION {
            return Ok(());
        }
        if found != 0 {
            let problem = format!(
                "the database has schema version {found}, this program needs {SCHEMA_VERSION}: \
                 delete the file or name another one"
            );
            return Err(sqlx::Error::Configuration(problem.into()));
        }
        sqlx::raw_sql(include_str!("db/schema.sql"))
            .execute(tx.counted())
            .await?;
        seed::fill(&mut tx).await?;
        // Pragmas take no bound values; the `stamp` test keeps this in step with the constant.
        sqlx::raw_sql("PRAGMA user_version = 1; ANALYZE;")
            .execute(tx.counted())
            .await?;
        tx.commit().await
    }
}

/// Whether somebody else holds the lock that a statement needed.
pub fn is_busy(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(|of_sqlite| of_sqlite.code());
    // Extended codes, such as 261 (busy in recovery), keep the plain one in their lowest byte.
    code.and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

/// A transaction; rolled back when dropped before [`commit`](Self::commit).
#[derive(Debug)]
pub struct Tx(Transaction<'static, Sqlite>);

impl Tx {
    /// The connection, for exactly one statement.
    pub fn counted(&mut self) -> &mut SqliteConnection {
        counter::add_one();
        &mut self.0
    }

    /// Writes down what has been removed so far in the surrounding `deferred`, so that it is removed even if this process
    /// dies right after the commit. To be called last.
    pub async fn record(&mut self, outbox: &Outbox<Sqlite>) -> Result<(), sqlx::Error> {
        outbox.record_deferred(&mut self.0).await.map(drop)
    }

    /// Makes it last.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.0.commit().await
    }
}

/// Changes whenever `schema.sql` or the seed does.
pub const SCHEMA_VERSION: i64 = 1;

/// SQLite runs one writer at a time and as many readers as there are cores to run them.
const CONNECTIONS: u32 = 8;

/// How long a start waits for the first start of another program, which fills the tables.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// <https://www.sqlite.org/rescode.html#busy>
const SQLITE_BUSY: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stamp() -> Result<(), sqlx::Error> {
        let db = Db::open("sqlite::memory:").await?;
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(db.counted())
            .await?;
        assert_eq!(found, SCHEMA_VERSION);
        Ok(())
    }

    #[tokio::test]
    async fn a_second_start_finds_what_the_first_left() -> Result<(), Box<dyn std::error::Error>> {
        let file = std::env::temp_dir().join(format!("job-board-test-{}.db", std::process::id()));
        let url = format!("sqlite://{}", file.display());
        let first = Db::open(&url).await?;
        sqlx::query("UPDATE users SET headline = 'kept' WHERE id = 1")
            .execute(first.counted())
            .await?;
        first.close().await;

        let second = Db::open(&url).await?;
        let headline: String = sqlx::query_scalar("SELECT headline FROM users WHERE id = 1")
            .fetch_one(second.counted())
            .await?;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(second.counted())
            .await?;
        second.close().await;
        std::fs::remove_file(&file)?;
        assert_eq!(
            (headline.as_str(), mode.as_str()),
            ("kept", "wal"),
            "seeding twice, or no WAL"
        );
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn first_starts_at_the_same_time_all_succeed() -> Result<(), Box<dyn std::error::Error>> {
        for round in 0..2 {
            let name = format!("job-board-first-{}-{round}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder)?;
            let url = format!("sqlite://{}", folder.join("test.db").display());
            let starts: Vec<_> = (0..4)
                .map(|_| {
                    let url = url.clone();
                    tokio::spawn(async move { Db::open(&url).await })
                })
                .collect();
            for start in starts {
                start.await??.close().await;
            }
            std::fs::remove_dir_all(&folder)?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn another_version_is_refused() -> Result<(), Box<dyn std::error::Error>> {
        let file = std::env::temp_dir().join(format!("job-board-old-{}.db", std::process::id()));
        let url = format!("sqlite://{}", file.display());
        let db = Db::open(&url).await?;
        sqlx::raw_sql("PRAGMA user_version = 99")
            .execute(db.counted())
            .await?;
        db.close().await;

        let refused = Db::open(&url).await.map(drop).map_err(|e| e.to_string());
        std::fs::remove_file(&file)?;
        assert!(
            matches!(&refused, Err(text) if text.contains("version 99")),
            "{refused:?}"
        );
        Ok(())
    }
}
