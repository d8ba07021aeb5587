//! Loading what people ask for first, before they do.
//!
//! A process starts with an empty memory, and without Redis with an empty cache; whoever comes first would pay for it. What
//! another process has left in Redis is found there, and not loaded again.

use std::future::Future;
use std::pin::Pin;

use cache_runtime::{Cache, CacheKey, WarmReport};

use crate::db::Db;
use crate::{dashboard, employees};

/// A call that fills the cache, and the key that it fills. Boxed: each function returns a future of its own.
pub(crate) type Warming = (CacheKey, Pin<Box<dyn Future<Output = bool> + Send>>);

pub(crate) fn warming<T, E>(
    key: CacheKey,
    call: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Warming {
    (key, Box::pin(async move { call.await.is_ok() }))
}

/// Dashboards and the first pages, two at a time, with one line in the log for each: people are served meanwhile, and most
/// of the database is theirs.
pub async fn before_work(cache: &Cache, db: &Db) -> WarmReport {
    cache
        .warm(dashboard::first(db).chain(employees::routes::first_pages(db)))
        .concurrency(2)
        .on_progress(|at| {
            tracing::info!(key = %at.key, failed = at.failed, "warming {}/{}", at.done, at.total);
        })
        .await
}
