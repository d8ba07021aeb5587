//! Loading what visitors ask for first, before they do.
//!
//! A deployment starts with an empty memory, and without Redis with an empty cache; the first visitor
//! of each page would pay for it. Where another process has left an entry in Redis it is found there,
//! and nothing is loaded.

use std::future::Future;
use std::pin::Pin;

use cache_runtime::{Cache, CacheKey, WarmReport};

use crate::db::Db;
use crate::{jobs, posts};

/// A call that fills the cache, and the key that it fills. Boxed: each function returns a future of
/// its own.
pub(crate) type Warming = (CacheKey, Pin<Box<dyn Future<Output = bool> + Send>>);

pub(crate) fn warming<T, E>(
    key: CacheKey,
    call: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Warming {
    (key, Box::pin(async move { call.await.is_ok() }))
}

/// The first pages of jobs and posts, the overview and the feed, a few at a time, with one line in the
/// log for each.
pub async fn first_pages(cache: &Cache, db: &Db) -> WarmReport {
    let calls = jobs::routes::first_pages(db).chain(posts::routes::first_pages(db));
    cache
        .warm(calls)
        .concurrency(AT_ONCE)
        .on_progress(|at| {
            tracing::info!(key = %at.key, failed = at.failed, "warming {}/{}", at.done, at.total);
        })
        .await
}

/// Visitors are served meanwhile, and most of the database is theirs.
const AT_ONCE: usize = 2;
