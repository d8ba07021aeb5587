//! Users, and who follows whom.

pub mod routes;
pub mod store;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::extract::Canonical;
use crate::text;

/// A user as the API shows one to a certain reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct User {
    /// Their number.
    pub id: i64,
    /// Their name.
    pub name: String,
    /// What they do.
    pub headline: String,
    /// How many follow them.
    pub followers: i64,
    /// How many they follow.
    pub following: i64,
    /// Whether the reader does: what makes this list personal.
    pub followed: bool,
}

/// Which users a list shows.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct UserFilter {
    /// A part of the name.
    pub search: Option<String>,
}

impl Canonical for UserFilter {
    fn canonical(mut self) -> Result<Self, ApiError> {
        self.search = text::filter("search", self.search.as_deref())?;
        Ok(self)
    }
}

/// What a follow or an unfollow led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Followed {
    /// The other user.
    pub user_id: i64,
    /// Whether the reader follows them now.
    pub followed: bool,
    /// How many do.
    pub followers: i64,
}
