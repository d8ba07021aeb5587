//! The outbox in Postgres.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{Error, PgConnection, Postgres, Row as _};

use crate::outbox::database::{OutboxDatabase, Row, Statements, millis};

impl OutboxDatabase for Postgres {
    const CREATE_TABLE: &'static str = include_str!("postgres.sql");
}

/// Two processes that create a table at the same time may both fail, `IF NOT EXISTS` or not. The lock is released with the
/// implicit transaction that several statements in one text form.
const LOCK_AND_CREATE: &str = concat!(
    "SELECT pg_advisory_xact_lock(7166182912561475941);\n",
    include_str!("postgres.sql")
);

const INSERT: &str = "INSERT INTO cache_outbox (namespace, patterns) VALUES ($1, $2) RETURNING id";

/// A row from the future was written before the clock was set back.
const ROWS: &str = "\
SELECT id, patterns FROM cache_outbox
WHERE namespace = $1 AND id > $2 AND problem IS NULL AND (
    recorded_at <= clock_timestamp() - $3 * INTERVAL '1 millisecond' OR recorded_at > clock_timestamp())
ORDER BY id LIMIT $4";

/// Two deletions of the same rows in different orders would wait for each other.
const DELETE: &str = "\
DELETE FROM cache_outbox WHERE id IN (
    SELECT id FROM cache_outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED)";

const SET_ASIDE: &str = "UPDATE cache_outbox SET problem = $2 WHERE id = $1";

const BACKLOG: &str = "\
SELECT COUNT(*) - COUNT(problem), COUNT(problem), COALESCE(
    EXTRACT(EPOCH FROM clock_timestamp() - MIN(recorded_at) FILTER (WHERE problem IS NULL)) * 1000, 0)::BIGINT
FROM cache_outbox WHERE namespace = $1";

impl Statements for Postgres {
    fn create_table(connection: &mut PgConnection) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let create = sqlx::raw_sql(LOCK_AND_CREATE);
            create.execute(connection).await.map(drop)
        })
    }

    fn insert<'a>(
        connection: &'a mut PgConnection,
        namespace: &'a str,
        patterns: &'a str,
    ) -> BoxFuture<'a, Result<i64, Error>> {
        let insert = sqlx::query_scalar(INSERT).bind(namespace).bind(patterns);
        Box::pin(insert.fetch_one(connection))
    }

    fn rows<'a>(
        connection: &'a mut PgConnection,
        namespace: &'a str,
        after: i64,
        age: Duration,
        at_most: i64,
    ) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        // Not an integer, whose product with the interval Postgres would not know.
        let age = millis(age) as f64;
        let select = sqlx::query(ROWS).bind(namespace).bind(after);
        let select = select.bind(age).bind(at_most).fetch_all(connection);
        Box::pin(async move {
            let rows = select.await?;
            rows.iter()
                .map(|row| {
                    Ok(Row {
                        id: row.try_get(0)?,
                        patterns: row.try_get(1).ok(),
                    })
                })
                .collect()
        })
    }

    fn delete<'a>(
        connection: &'a mut PgConnection,
        ids: &'a [i64],
    ) -> BoxFuture<'a, Result<(), Error>> {
        let delete = sqlx::query(DELETE).bind(ids);
        Box::pin(async move { delete.execute(connection).await.map(drop) })
    }

    fn set_aside<'a>(
        connection: &'a mut PgConnection,
        id: i64,
        problem: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let update = sqlx::query(SET_ASIDE).bind(id).bind(problem);
        Box::pin(async move { update.execute(connection).await.map(drop) })
    }

    fn backlog<'a>(
        connection: &'a mut PgConnection,
        namespace: &'a str,
    ) -> BoxFuture<'a, Result<(i64, i64, i64), Error>> {
        let select = sqlx::query_as(BACKLOG).bind(namespace);
        Box::pin(select.fetch_one(connection))
    }
}
