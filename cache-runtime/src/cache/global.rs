//! The global cache, which is used unless a call names another one.

use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::cache::Cache;
use crate::cache::config::CacheConfig;
use crate::error::Error;

static GLOBAL: OnceCell<Cache> = OnceCell::new();

/// How long [`shutdown`] waits for stores and removals that are under way.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Creates the global cache. Call it once, before the first cached call. It neither waits nor connects.
///
/// # Errors
///
/// A setting is invalid, or the global cache already exists.
///
/// ```no_run
/// # fn main() -> Result<(), cache_runtime::Error> {
/// use cache_runtime::CacheConfig;
///
/// cache_runtime::init(CacheConfig::from_env()?.namespace("shop"))?;
/// # Ok(())
/// # }
/// ```
pub fn init(config: CacheConfig) -> Result<&'static Cache, Error> {
    let mut made = false;
    let cache = GLOBAL.get_or_try_init(|| {
        made = true;
        Cache::new(config)
    })?;
    if made {
        Ok(cache)
    } else {
        Err(Error::initialized())
    }
}

/// The global cache. If [`init`] was not called, it is created from environment variables. If one of them is invalid,
/// the cache uses memory only and logs one line at `error` level: a cache must not keep a program from running.
pub fn cache() -> &'static Cache {
    #[cfg(feature = "testing")]
    if let Some(cache) = of_the_scope() {
        return cache;
    }
    GLOBAL.get_or_init(|| {
        let from_environment = CacheConfig::from_env().and_then(Cache::new);
        from_environment.unwrap_or_else(|error| {
            tracing::error!(%error, "a cache setting in the environment is invalid: the cache uses memory only, with default settings; correct it and restart");
            match Cache::new(CacheConfig::default()) {
                Ok(cache) => cache,
                Err(_) => unreachable!("the defaults are valid; a unit test makes a cache of them"),
            }
        })
    })
}

/// The global cache, if it exists already.
#[cfg(feature = "axum")]
pub(crate) fn existing() -> Option<&'static Cache> {
    #[cfg(feature = "testing")]
    if let Some(cache) = of_the_scope() {
        return Some(cache);
    }
    GLOBAL.get()
}

/// The cache that is the global one for the current test.
#[cfg(feature = "testing")]
fn of_the_scope() -> Option<&'static Cache> {
    crate::common::inherited::current()?.downcast_ref()
}

/// Closes the global cache: waits up to five seconds for stores under way and for removals that wait for Redis, then
/// disconnects. If Redis is unavailable, it waits for one more attempt to connect, at most a second; removals that are
/// still waiting then are in the journal (`CACHE_JOURNAL`), or lost with an error in the log. Without a global cache
/// it does nothing. Later calls do not use Redis.
pub async fn shutdown() {
    #[cfg(feature = "testing")]
    if let Some(cache) = of_the_scope() {
        return cache.close(SHUTDOWN).await;
    }
    if let Some(cache) = GLOBAL.get() {
        cache.close(SHUTDOWN).await;
    }
}
