//! Information for operators: hot keys, recent removals, the instance, and a connection test.

use crate::cache::Cache;
use crate::common::random;
use crate::common::sync::is_within_runtime;
use crate::error::Error;
use crate::redis::ConnectionTest;
use crate::redis::connection_test;
use crate::telemetry::hot_keys::{HotKey, RecentInvalidation};
use crate::telemetry::instance::Instance;

impl Cache {
    /// Starts to collect the data for [`Cache::hottest_keys`] and [`Cache::recent_invalidations`], and with feature
    /// `axum` the history that the admin routes tell; or stops and discards it. Off by default; `http::admin_router`
    /// turns it on.
    ///
    /// ```
    /// # let cache = cache_runtime::Cache::new(Default::default()).unwrap();
    /// cache.watch(true);
    /// ```
    pub fn watch(&self, on: bool) {
        self.inner.watch.turn(on);
        #[cfg(feature = "axum")]
        self.turn_history(on);
    }

    /// The most requested keys of cached functions in this process, the hottest first. One call in eight is sampled,
    /// and 256 keys are tracked at a time; each count comes with its uncertainty. Keys of more than 1,024 bytes are
    /// not counted.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use cache_runtime::cached;
    ///
    /// #[cached(ttl = "1m", key = "square:<n>")]
    /// async fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// cache_runtime::cache().watch(true);
    /// for _ in 0..1000 {
    ///     square(3).await;
    /// }
    /// assert_eq!(cache_runtime::cache().hottest_keys(10)[0].key, "square:3");
    /// # }
    /// ```
    #[must_use]
    pub fn hottest_keys(&self, limit: usize) -> Vec<HotKey> {
        self.inner.watch.hottest(limit)
    }

    /// The last hundred removals made by this process, the newest first.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # let cache = cache_runtime::Cache::new(Default::default()).unwrap();
    /// cache.watch(true);
    /// let _ = cache.invalidate_prefix("jobs:").await;
    /// assert_eq!(cache.recent_invalidations()[0].patterns, ["jobs:"]);
    /// # }
    /// ```
    #[must_use]
    pub fn recent_invalidations(&self) -> Vec<RecentInvalidation> {
        self.inner.watch.latest_removals()
    }

    /// Identifies this cache among those of other processes, and from the same process before a restart.
    ///
    /// ```
    /// let one = cache_runtime::Cache::new(Default::default()).unwrap();
    /// let other = cache_runtime::Cache::new(Default::default()).unwrap();
    /// assert_ne!(one.instance().id, other.instance().id);
    /// assert_eq!(one.instance(), one.clone().instance());
    /// ```
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.inner.instance
    }

    /// Tests Redis on a separate connection: connect, `SET`, `GET`, `DEL`. For a start-up check or a command-line
    /// option; the cache itself does not need it and is not affected by it.
    ///
    /// # Errors
    ///
    /// No Redis is configured, or a step failed. The message names the step and the cause, without credentials: a
    /// time-out, a refused connection, a wrong password, a missing permission, TLS on a plain port or the reverse.
    pub async fn test_connection(&self) -> Result<ConnectionTest, Error> {
        let Some(tier) = self.inner.shards.tiers().next() else {
            return Err(Error::config(
                "no Redis is configured: set REDIS_URL, such as redis://localhost:6379",
            ));
        };
        if !is_within_runtime() {
            return Err(Error::config(
                "a connection can be tested within a tokio runtime only: call this by `Runtime::block_on`, say",
            ));
        }
        let limit = self.inner.config.connect_timeout;
        let scratch = format!(
            "{}%test:{:x}",
            tier.prefix(),
            u128::from_le_bytes(random::bytes())
        );
        connection_test(&tier.target, limit, &scratch).await
    }
}
