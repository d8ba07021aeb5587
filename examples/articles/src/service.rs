//! The service layer, and all the caching there is.
//!
//! Whoever calls these methods, a handler, a job or a test, gets the same entries and removes the
//! same entries. Nothing here knows of HTTP, and nothing below knows of the cache.
//!
//! Three rules keep it plain:
//!
//! - A read that finds nothing returns `None`, which is not kept unless `none_ttl` says so.
//! - A write that finds nothing fails, and after a failure nothing is removed.
//! - A write names what it makes wrong, once, beside itself.

mod error;
mod store;

use std::sync::Arc;

use cache_runtime::cached;

pub use error::ServiceError;

use crate::article::{Article, NewArticle, Summary, TagCount, Text, User};
use crate::db::Db;
use crate::page::{Listing, Page};
use crate::ttl::{ARTICLES_DETAIL, ARTICLES_LIST, TAGS, USERS};

/// What can be done with articles. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ArticleService {
    db: Db,
}

impl ArticleService {
    /// The service over this database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// One page of the articles, newest first.
    ///
    /// Of an `Arc` a hit clones the pointer, not a hundred summaries.
    ///
    /// # Errors
    ///
    /// When the database cannot answer; so with all that follow.
    #[cached(ttl = ARTICLES_LIST, key = "articles:list:<page.skip>:<page.limit>")]
    pub async fn list(&self, page: Page) -> Result<Arc<Listing<Summary>>, ServiceError> {
        Ok(Arc::new(store::list(&self.db, page).await?))
    }

    /// One article. `None` is not kept: who asks again asks the database.
    #[cached(ttl = ARTICLES_DETAIL, key = "articles:<id>")]
    pub async fn article(&self, id: i64) -> Result<Option<Article>, ServiceError> {
        Ok(store::find(self.db.pool(), id).await?)
    }

    /// The number of the article of this name.
    ///
    /// Old links and guesses arrive here, and the same ones again and again: `none_ttl` remembers
    /// that there is none. Only the number is kept, so a change of the article does not concern it.
    #[cached(ttl = ARTICLES_DETAIL, key = "articles:slug:<slug>", none_ttl = "30s")]
    pub async fn number(&self, slug: &str) -> Result<Option<i64>, ServiceError> {
        Ok(store::number(&self.db, slug).await?)
    }

    /// One user. No write here concerns them; a change made elsewhere shows when this expires.
    // cache-map: allow(unremoved) no write of this service concerns users
    #[cached(ttl = USERS, key = "users:<id>")]
    pub async fn user(&self, id: i64) -> Result<Option<User>, ServiceError> {
        Ok(store::user(&self.db, id).await?)
    }

    /// All tags, the most used first.
    #[cached(ttl = TAGS, key = "tags")]
    pub async fn tags(&self) -> Result<Arc<Vec<TagCount>>, ServiceError> {
        Ok(Arc::new(store::tags(&self.db).await?))
    }

    /// Adds an article. It may belong on any page, so all of them go; and with them what
    /// [`number`](Self::number) may remember: that there is none of this name.
    ///
    /// # Errors
    ///
    /// [`ServiceError::TitleTaken`], [`ServiceError::NoSuchAuthor`].
    #[cached(invalidates = ["articles:list:", "tags", "articles:slug:<result.slug>"])]
    pub async fn create(&self, new: NewArticle) -> Result<Article, ServiceError> {
        store::create(&self.db, &new).await
    }

    /// Changes an article. Its name in links stays.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NoSuchArticle`].
    #[cached(invalidates = ["articles:<id>", "articles:list:", "tags"])]
    pub async fn update(&self, id: i64, text: Text) -> Result<Article, ServiceError> {
        store::update(&self.db, id, &text).await
    }

    /// Deletes an article, and returns what it was: only the row knew its name in links.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NoSuchArticle`].
    #[cached(invalidates = ["articles:<id>", "articles:list:", "tags", "articles:slug:<result.slug>"])]
    pub async fn delete(&self, id: i64) -> Result<Article, ServiceError> {
        store::delete(&self.db, id).await
    }
}
