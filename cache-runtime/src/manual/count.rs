//! Counting entries: how many a pattern matches, and how many Redis holds.

use std::pin::pin;

use crate::cache::Cache;
use crate::error::Error;
use crate::key::Pattern;
use crate::redis::RedisUsage;

impl Cache {
    /// The number of entries that [`Cache::invalidate_pattern`] would remove now. Nothing is removed.
    ///
    /// Asks Redis if it is available, with the time limit of background work (`REDIS_COMMAND_TIMEOUT` for each step),
    /// else memory. It iterates over the entries that may match, a thousand at a time. Use it in tools for operators,
    /// not in request handlers.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # let cache = cache_runtime::Cache::new(Default::default()).unwrap();
    /// cache.set("jobs:list:0", &1, std::time::Duration::from_secs(60)).await.unwrap();
    /// assert_eq!(cache.count_matching("jobs:").await.unwrap(), 1);
    /// assert_eq!(cache.get::<i32>("jobs:list:0").await, Some(1));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The pattern is invalid.
    pub async fn count_matching(&self, pattern: &str) -> Result<u64, Error> {
        let pattern = Pattern::parse(pattern).map_err(|why| Error::pattern(why.to_string()))?;
        if let Some(session) = self.session(&self.budget()).await
            && let Ok(counted) = session.count(&pattern).await
        {
            return Ok(counted);
        }
        Ok(self.inner.local.memory.count_matching(&pattern))
    }

    /// Memory use and key counts of Redis; `None` if it is not available or does not answer within the budget of a
    /// call.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # let cache = cache_runtime::Cache::new(Default::default()).unwrap();
    /// if let Some(redis_usage) = cache.redis_usage().await {
    ///     println!("{} of {} keys in Redis are ours", redis_usage.ours, redis_usage.keys);
    /// }
    /// # }
    /// ```
    pub async fn redis_usage(&self) -> Option<RedisUsage> {
        let budget = self.budget();
        let session = self.session(&budget).await?;
        budget
            .spend_on(&session, pin!(session.redis_usage()))
            .await
            .ok()
    }
}
