//! Reason the service could not do what it was asked.

use std::error::Error;
use std::fmt;

use crate::db;

/// A reason.
///
/// It is `Clone`, so that callers who wait for one load together can be told of its failure
/// together, instead of each trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceError {
    /// There is no article of this number.
    NoSuchArticle,
    /// There is no user of this number, so nobody to write an article.
    NoSuchAuthor,
    /// Another article has this title, or one that makes the same link.
    TitleTaken,
    /// The database has too much to do; trying again later makes sense.
    Busy,
    /// The database has failed, and the log says how.
    Broken,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchArticle => "no such article",
            Self::NoSuchAuthor => "`author_id` names no user",
            Self::TitleTaken => "`title` is too much like another article's",
            Self::Busy => "too busy; try again in a moment",
            Self::Broken => "our fault; it has been logged",
        })
    }
}

impl Error for ServiceError {}

/// What the database says goes to the log; a caller learns what it can act upon.
impl From<sqlx::Error> for ServiceError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::PoolTimedOut) || db::is_busy(&error) {
            tracing::warn!(%error, "the database is busy");
            Self::Busy
        } else {
            tracing::error!(%error, source = error.source(), "a query failed");
            Self::Broken
        }
    }
}
