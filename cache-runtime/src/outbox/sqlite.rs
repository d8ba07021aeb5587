//! The outbox in SQLite.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{Error, Row as _, Sqlite, SqliteConnection};

use crate::outbox::database::{OutboxDatabase, Row, Statements, millis};

impl OutboxDatabase for Sqlite {
    const CREATE_TABLE: &'static str = include_str!("sqlite.sql");
}

/// `julianday` is in all versions of SQLite, and in milliseconds.
const INSERT: &str = "INSERT INTO cache_outbox (namespace, patterns) VALUES (?1, ?2) RETURNING id";

/// A row from the future was written before the clock was set back.
const ROWS: &str = "\
WITH clock (now) AS (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
SELECT id, patterns FROM cache_outbox, clock
WHERE namespace = ?1 AND id > ?2 AND problem IS NULL AND recorded_at NOT BETWEEN now - ?3 + 1 AND now
ORDER BY id LIMIT ?4";

const DELETE: &str = "DELETE FROM cache_outbox WHERE id IN (SELECT value FROM json_each(?1))";

const SET_ASIDE: &str = "UPDATE cache_outbox SET problem = ?2 WHERE id = ?1";

const BACKLOG: &str = "\
WITH clock (now) AS (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
SELECT COUNT(*) - COUNT(problem), COUNT(problem),
    COALESCE(MAX(CASE WHEN problem IS NULL THEN now - recorded_at END), 0)
FROM cache_outbox, clock WHERE namespace = ?1";

impl Statements for Sqlite {
    fn create_table(connection: &mut SqliteConnection) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let create = sqlx::raw_sql(Self::CREATE_TABLE);
            create.execute(connection).await.map(drop)
        })
    }

    fn insert<'a>(
        connection: &'a mut SqliteConnection,
        namespace: &'a str,
        patterns: &'a str,
    ) -> BoxFuture<'a, Result<i64, Error>> {
        let insert = sqlx::query_scalar(INSERT).bind(namespace).bind(patterns);
        Box::pin(insert.fetch_one(connection))
    }

    fn rows<'a>(
        connection: &'a mut SqliteConnection,
        namespace: &'a str,
        after: i64,
        age: Duration,
        at_most: i64,
    ) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        let select = sqlx::query(ROWS).bind(namespace).bind(after);
        let select = select.bind(millis(age)).bind(at_most).fetch_all(connection);
        Box::pin(async move {
            let rows = select.await?;
            rows.iter()
                .map(|row| {
                    Ok(Row {
                        id: row.try_get(0)?,
                        // A column of SQLite may contain anything, whatever its type says.
                        patterns: row.try_get(1).ok(),
                    })
                })
                .collect()
        })
    }

    fn delete<'a>(
        connection: &'a mut SqliteConnection,
        ids: &'a [i64],
    ) -> BoxFuture<'a, Result<(), Error>> {
        // One statement for any number of ids: a list of integers as JSON.
        let delete = sqlx::query(DELETE).bind(format!("{ids:?}"));
        Box::pin(async move { delete.execute(connection).await.map(drop) })
    }

    fn set_aside<'a>(
        connection: &'a mut SqliteConnection,
        id: i64,
        problem: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let update = sqlx::query(SET_ASIDE).bind(id).bind(problem);
        Box::pin(async move { update.execute(connection).await.map(drop) })
    }

    fn backlog<'a>(
        connection: &'a mut SqliteConnection,
        namespace: &'a str,
    ) -> BoxFuture<'a, Result<(i64, i64, i64), Error>> {
        let select = sqlx::query_as(BACKLOG).bind(namespace);
        Box::pin(select.fetch_one(connection))
    }
}
