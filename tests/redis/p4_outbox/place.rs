//! A database with a table of items and an outbox, and processes that use it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::outbox::{Outbox, OutboxDatabase};
use cache_runtime::{Cache, CacheConfig, Pattern, cached};
use cache_tests::{RedisServer, eventually};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Pool, Postgres, Sqlite};
use tempfile::TempDir;

use super::postgres_server::PostgresServer;
use crate::app::SOON;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A kind of database in which the promises are tried.
pub(super) trait Kind: OutboxDatabase {
    /// What keeps the database, and its URL. `None` if it is not installed.
    fn start() -> Option<(Keeper, String)>;

    fn open(url: &str) -> BoxFuture<'_, Pool<Self>>;

    /// Executes a statement with two parameters, `$1` and `$2`.
    fn execute<'a>(
        connection: &'a mut Self::Connection,
        statement: &'static str,
        name: &'a str,
        value: i64,
    ) -> BoxFuture<'a, sqlx::Result<()>>;

    fn execute_plain<'a>(
        connection: &'a mut Self::Connection,
        statement: &'static str,
    ) -> BoxFuture<'a, sqlx::Result<()>>;

    /// The first number that a statement returns.
    fn number<'a>(pool: &'a Pool<Self>, statement: &'static str) -> BoxFuture<'a, i64>;

    /// Makes all rows of the outbox a minute older.
    const AGE_A_MINUTE: &'static str;

    /// Sets the clock of all rows of the outbox an hour ahead.
    const FROM_THE_FUTURE: &'static str;

    /// The item's value.
    fn value<'a>(pool: &'a Pool<Self>, name: &'a str) -> BoxFuture<'a, i64>;
}

#[expect(dead_code, reason = "kept until it is dropped")]
pub(super) enum Keeper {
    Folder(TempDir),
    Server(PostgresServer),
}

pub(super) const UPDATE: &str = "UPDATE items SET value = $2 WHERE name = $1";

macro_rules! statements {
    () => {
        fn execute<'a>(
            connection: &'a mut Self::Connection,
            statement: &'static str,
            name: &'a str,
            value: i64,
        ) -> BoxFuture<'a, sqlx::Result<()>> {
            let query = sqlx::query(statement).bind(name).bind(value);
            Box::pin(async move { query.execute(connection).await.map(drop) })
        }

        fn execute_plain<'a>(
            connection: &'a mut Self::Connection,
            statement: &'static str,
        ) -> BoxFuture<'a, sqlx::Result<()>> {
            let query = sqlx::raw_sql(statement);
            Box::pin(async move { query.execute(connection).await.map(drop) })
        }

        fn number<'a>(pool: &'a Pool<Self>, statement: &'static str) -> BoxFuture<'a, i64> {
            let select = sqlx::query_scalar(statement);
            Box::pin(async move { select.fetch_one(pool).await.unwrap() })
        }

        fn value<'a>(pool: &'a Pool<Self>, name: &'a str) -> BoxFuture<'a, i64> {
            let select = sqlx::query_scalar("SELECT value FROM items WHERE name = $1").bind(name);
            Box::pin(async move { select.fetch_one(pool).await.unwrap() })
        }
    };
}

impl Kind for Sqlite {
    fn start() -> Option<(Keeper, String)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("database").display().to_string();
        Some((Keeper::Folder(folder), file))
    }

    fn open(file: &str) -> BoxFuture<'_, Pool<Self>> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(3 * SOON);
        Box::pin(async move { Pool::connect_with(options).await.unwrap() })
    }

    const AGE_A_MINUTE: &'static str = "UPDATE cache_outbox SET recorded_at = recorded_at - 60000";
    const FROM_THE_FUTURE: &'static str =
        "UPDATE cache_outbox SET recorded_at = recorded_at + 3600000";

    statements!();
}

impl Kind for Postgres {
    fn start() -> Option<(Keeper, String)> {
        let server = PostgresServer::start()?;
        let url = server.url();
        Some((Keeper::Server(server), url))
    }

    fn open(url: &str) -> BoxFuture<'_, Pool<Self>> {
        Box::pin(async move { Pool::connect(url).await.unwrap() })
    }

    const AGE_A_MINUTE: &'static str =
        "UPDATE cache_outbox SET recorded_at = recorded_at - INTERVAL '1 minute'";
    const FROM_THE_FUTURE: &'static str =
        "UPDATE cache_outbox SET recorded_at = recorded_at + INTERVAL '1 hour'";

    statements!();
}

/// A database, a Redis, and a process that has a connection to both.
pub(super) struct Place<DB: Kind> {
    pub(super) redis: RedisServer,
    pub(super) url: String,
    pub(super) process: Member<DB>,
    _keeper: Keeper,
}

/// A process of the fleet, with a cache and an outbox whose grace is over at once.
pub(super) struct Member<DB: Kind> {
    pub(super) cache: Cache,
    pub(super) pool: Pool<DB>,
    pub(super) outbox: Outbox<DB>,
}

impl<DB: Kind> Place<DB> {
    /// `None` if the database is not installed, which was said.
    pub(super) async fn open() -> Option<Self> {
        let (keeper, url) = DB::start()?;
        let redis = RedisServer::start();
        let process = Member::start(&redis.url(), &url).await;
        process.outbox.create_table().await.unwrap();
        let table = "CREATE TABLE items (name TEXT PRIMARY KEY, value BIGINT)";
        process.execute_plain(table).await;
        Some(Self {
            redis,
            url,
            process,
            _keeper: keeper,
        })
    }

    /// An item with the value 1, whose entry stands in Redis.
    pub(super) async fn item(&self, name: &str) {
        let insert = "INSERT INTO items (name, value) VALUES ($1, $2)";
        self.process.execute(insert, name, 1).await;
        assert_eq!(self.process.read(name).await, 1);
        self.process.stores_are_done().await;
        // What another process reads is in Redis.
        let other = self.another().await;
        assert_eq!(other.read(name).await, 1);
        let stats = other.cache.stats();
        assert_eq!((stats.redis_hits, stats.misses), (1, 0), "{name}");
    }

    /// A process that has just started.
    pub(super) async fn another(&self) -> Member<DB> {
        Member::start(&self.redis.url(), &self.url).await
    }
}

impl<DB: Kind> Member<DB> {
    pub(super) async fn start(redis: &str, database: &str) -> Self {
        let config = CacheConfig::default().redis_url(redis).budget(SOON);
        Self::with(config, database).await
    }

    pub(super) async fn with(config: CacheConfig, database: &str) -> Self {
        let cache = Cache::new(config).unwrap();
        let pool = DB::open(database).await;
        let outbox = Outbox::new(pool.clone(), cache.clone()).grace(Duration::ZERO);
        let member = Self {
            cache,
            pool,
            outbox,
        };
        member.reaches_redis().await;
        member
    }

    pub(super) async fn reaches_redis(&self) {
        eventually(3 * SOON, "a connection", async || {
            let health = self.cache.health().await;
            health.stats.redis_available.then_some(())
        })
        .await;
    }

    async fn stores_are_done(&self) {
        eventually(SOON, "the stores", async || {
            let stats = self.cache.stats();
            (stats.stores >= stats.loads).then_some(())
        })
        .await;
    }

    /// Reads through the cache.
    pub(super) async fn read(&self, name: &str) -> i64 {
        let pool = self.pool.clone();
        let named = name.to_owned();
        let load: Load = Arc::new(move || {
            let (pool, name) = (pool.clone(), named.clone());
            Box::pin(async move { DB::value(&pool, &name).await })
        });
        item(&self.cache, name, load).await
    }

    pub(super) async fn execute(&self, statement: &'static str, name: &str, value: i64) {
        let mut connection = self.pool.acquire().await.unwrap();
        DB::execute(&mut connection, statement, name, value)
            .await
            .unwrap();
    }

    /// Executes a statement without parameters.
    pub(super) async fn execute_plain(&self, statement: &'static str) {
        let mut connection = self.pool.acquire().await.unwrap();
        DB::execute_plain(&mut connection, statement).await.unwrap();
    }

    /// Commits the value 2 and a row with the removal, and does not make it: what a crash after the commit leaves.
    pub(super) async fn leave(&self, name: &str, removal: Pattern) {
        let mut tx = self.pool.begin().await.unwrap();
        DB::execute(&mut tx, UPDATE, name, 2).await.unwrap();
        let recorded = self.outbox.record(&mut tx, [removal]).await.unwrap();
        tx.commit().await.unwrap();
        recorded.rolled_back();
    }

    /// How many rows wait in the outbox.
    pub(super) async fn rows(&self) -> u64 {
        self.outbox.backlog().await.unwrap().waiting
    }

    pub(super) async fn outbox_is_empty(&self) {
        eventually(SOON, "an empty outbox", async || {
            (self.rows().await == 0).then_some(())
        })
        .await;
    }
}

type Load = Arc<dyn Fn() -> BoxFuture<'static, i64> + Send + Sync>;

#[cached(ttl = "5m", key = "item:<name>", tags = ["named:<name>"], cache = cache, skip(cache, load))]
async fn item(cache: &Cache, name: &str, load: Load) -> i64 {
    load().await
}

/// The removal of an item's entry.
pub(super) fn of_item(name: &str) -> Pattern {
    Pattern::key(&item::key(name))
}

/// The removal of everything that has the item's tag.
pub(super) fn tagged(name: &str) -> Pattern {
    Pattern::tag(cache_runtime::Tag::of("named").segment(name))
}
