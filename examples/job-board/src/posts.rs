//! Posts: short articles by users, and the feed of the latest.

pub mod routes;
pub mod store;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::extract::Canonical;
use crate::text;

/// A post as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Post {
    /// Its number.
    pub id: i64,
    /// Who wrote it.
    pub author_id: i64,
    /// Their name.
    pub author: String,
    /// One line.
    pub title: String,
    /// Any number of lines.
    pub body: String,
    /// `false`: a draft, which its author alone may see.
    pub published: bool,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    pub updated_at: String,
}

/// The front page, the same for everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    /// The newest published posts.
    pub latest: Vec<Post>,
    /// Those who have published most.
    pub authors: Vec<Author>,
}

/// A user by what they have written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Author {
    /// Their number as a user.
    pub id: i64,
    /// Their name.
    pub name: String,
    /// How many posts they have published.
    pub posts: i64,
}

/// A post as its author writes it; `PUT` takes a whole one too.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Post`")]
pub struct NewPost {
    pub title: String,
    pub body: String,
    #[serde(default = "published")]
    pub published: bool,
}

impl Canonical for NewPost {
    fn canonical(mut self) -> Result<Self, ApiError> {
        self.title = text::line("title", &self.title, LONGEST_TITLE)?;
        self.body = text::lines("body", &self.body, LONGEST_BODY)?;
        Ok(self)
    }
}

/// What a `PATCH` changes; what it does not name stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Post`")]
pub struct PostChange {
    pub title: Option<String>,
    pub body: Option<String>,
    pub published: Option<bool>,
}

impl Canonical for PostChange {
    fn canonical(mut self) -> Result<Self, ApiError> {
        self.title = self
            .title
            .map(|title| text::line("title", &title, LONGEST_TITLE))
            .transpose()?;
        self.body = self
            .body
            .map(|body| text::lines("body", &body, LONGEST_BODY))
            .transpose()?;
        Ok(self)
    }
}

impl From<NewPost> for PostChange {
    fn from(whole: NewPost) -> Self {
        Self {
            title: Some(whole.title),
            body: Some(whole.body),
            published: Some(whole.published),
        }
    }
}

fn published() -> bool {
    true
}

const LONGEST_TITLE: usize = 150;
const LONGEST_BODY: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_checked_like_a_whole_post() {
        let change = |title: &str| PostChange {
            title: Some(title.into()),
            ..PostChange::default()
        };
        assert!(change("  ").canonical().is_err());
        assert!(change(&"x".repeat(LONGEST_TITLE + 1)).canonical().is_err());
        let title = change(" On  caching ")
            .canonical()
            .map(|change| change.title);
        assert_eq!(title, Ok(Some("On caching".into())));
    }
}
