//! The database of the application that the guide caches, in `docs/book/src/existing-application.md`.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Somebody who writes articles and has favorites.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The primary key.
    pub id: u64,
    /// Compared without case, as by `citext` or `COLLATE NOCASE`.
    pub name: String,
    /// What the user says of themselves.
    pub bio: String,
}

/// An article, as it is shown to somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Article {
    /// The primary key.
    pub slug: String,
    /// The whole user.
    pub author: User,
    /// How many users have it as a favorite.
    pub favorites: usize,
    /// Whether whoever asks is one of them.
    pub favorited: bool,
}

/// Stands in for a pool of connections.
#[derive(Clone, Debug, Default)]
pub struct Db(Arc<Mutex<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    users: Vec<User>,
    /// Slug and author.
    articles: Vec<(String, u64)>,
    /// Slug and user.
    favorites: Vec<(String, u64)>,
}

impl Db {
    /// A database with users of these names, numbered from one.
    #[must_use]
    pub fn with_users(names: &[&str]) -> Self {
        let users = names.iter().zip(1..).map(|(name, id)| User {
            id,
            name: (*name).to_owned(),
            bio: String::new(),
        });
        let db = Self::default();
        db.0.lock().users = users.collect();
        db
    }

    /// The user of a name.
    pub async fn user(&self, name: &str) -> Option<User> {
        let tables = self.0.lock();
        let mut users = tables.users.iter();
        users
            .find(|user| user.name.eq_ignore_ascii_case(name))
            .cloned()
    }

    /// All articles, as the viewer sees them.
    pub async fn articles(&self, viewer: Option<u64>) -> Vec<Article> {
        let tables = self.0.lock();
        let seen = tables.articles.iter().filter_map(|(slug, author)| {
            let of = || tables.favorites.iter().filter(|(of, _)| of == slug);
            Some(Article {
                slug: slug.clone(),
                author: tables.users.iter().find(|user| user.id == *author)?.clone(),
                favorites: of().count(),
                favorited: of().any(|(_, by)| Some(*by) == viewer),
            })
        });
        seen.collect()
    }

    /// Adds an article.
    pub async fn insert_article(&self, slug: &str, author: u64) {
        self.0.lock().articles.push((slug.to_owned(), author));
    }

    /// Adds a favorite.
    pub async fn insert_favorite(&self, slug: &str, user: u64) {
        self.0.lock().favorites.push((slug.to_owned(), user));
    }

    /// Changes what a user says of themselves.
    pub async fn set_bio(&self, id: u64, bio: &str) {
        let mut tables = self.0.lock();
        for user in tables.users.iter_mut().filter(|user| user.id == id) {
            bio.clone_into(&mut user.bio);
        }
    }
}
