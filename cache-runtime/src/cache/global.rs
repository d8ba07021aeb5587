//! The one cache of a program that needs no other.

use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::cache::Cache;
use crate::cache::config::CacheConfig;
use crate::error::Error;

static GLOBAL: OnceCell<Cache> = OnceCell::new();

/// How long [`shutdown`] waits for stores and removals that are under way.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Makes the global cache. Once, before the first cached call; it neither waits nor connects.
///
/// # Errors
///
/// A setting that cannot be right, or a global cache that exists already.
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

/// The global cache; made from the environment when [`init`] has not made it. A setting that cannot be right then means
/// memory only, and one line at `error` level: a cache is no reason for a program not to run.
pub fn cache() -> &'static Cache {
    GLOBAL.get_or_init(|| {
        let from_environment = CacheConfig::from_env().and_then(Cache::new);
        from_environment.unwrap_or_else(|error| {
            tracing::error!(%error, "the cache settings cannot be used: memory only");
            match Cache::new(CacheConfig::default()) {
                Ok(cache) => cache,
                Err(_) => unreachable!("the defaults are valid; a unit test makes a cache of them"),
            }
        })
    })
}

/// The global cache if there is one already.
#[cfg(feature = "axum")]
pub(crate) fn existing() -> Option<&'static Cache> {
    GLOBAL.get()
}

/// Closes the global cache in order: waits, up to five seconds, for stores that are under way and for removals that wait
/// for Redis, then disconnects. While Redis is away it waits for one more attempt to connect, a second at most; removals that
/// wait then are in the journal (`CACHE_JOURNAL`), or lost with an error in the log. Without a global cache it does nothing. Calls made later go without Redis.
pub async fn shutdown() {
    if let Some(cache) = GLOBAL.get() {
        cache.close(SHUTDOWN).await;
    }
}
