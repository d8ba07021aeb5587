//! The statements that the outbox needs from a database.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Error;

/// A database that can hold an outbox: [`sqlx::Sqlite`] with the feature `outbox-sqlite`, [`sqlx::Postgres`] with
/// `outbox-postgres`.
///
/// The trait is sealed: other crates cannot implement it.
pub trait OutboxDatabase: Statements {
    /// The statement that makes the table, for migrations. [`Outbox::create_table`](super::Outbox::create_table) executes
    /// it.
    const CREATE_TABLE: &'static str;
}

/// The statements on the table. All times are those of the database's clock.
pub trait Statements: sqlx::Database {
    /// Makes the table, unless it exists.
    fn create_table(connection: &mut Self::Connection) -> BoxFuture<'_, Result<(), Error>>;

    /// Inserts a row, and returns its id. No other row ever has this id.
    fn insert<'a>(
        connection: &'a mut Self::Connection,
        namespace: &'a str,
        patterns: &'a str,
    ) -> BoxFuture<'a, Result<i64, Error>>;

    /// The first rows with larger ids than `after` that are at least this old and were not set aside.
    fn rows<'a>(
        connection: &'a mut Self::Connection,
        namespace: &'a str,
        after: i64,
        age: Duration,
        at_most: i64,
    ) -> BoxFuture<'a, Result<Vec<Row>, Error>>;

    /// Deletes rows. Rows that do not exist, or that somebody else is deleting now, are passed over.
    fn delete<'a>(
        connection: &'a mut Self::Connection,
        ids: &'a [i64],
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Sets a row aside, with the reason.
    fn set_aside<'a>(
        connection: &'a mut Self::Connection,
        id: i64,
        problem: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// The number of rows that wait, the number of those set aside, and the age of the oldest that waits in milliseconds.
    fn backlog<'a>(
        connection: &'a mut Self::Connection,
        namespace: &'a str,
    ) -> BoxFuture<'a, Result<(i64, i64, i64), Error>>;
}

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    pub(super) id: i64,
    /// `None` if the column contains no text.
    pub(super) patterns: Option<String>,
}

/// A duration as the statements take it.
pub(super) fn millis(age: Duration) -> i64 {
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_documentation_shows_the_statements_as_they_are() {
        let document = include_str!("../../docs/outbox.md");
        for statement in [include_str!("sqlite.sql"), include_str!("postgres.sql")] {
            assert!(document.contains(statement), "{statement}");
        }
    }
}
