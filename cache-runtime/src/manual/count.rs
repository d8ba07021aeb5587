//! What the cache holds, for those who look before they remove.

use std::pin::pin;

use crate::cache::Cache;
use crate::error::Error;
use crate::key::Pattern;
use crate::redis::RedisUsage;

impl Cache {
    /// How many entries [`Cache::invalidate_pattern`] would remove now. Nothing is removed.
    ///
    /// Redis is asked where it is there, within the time of background work (`REDIS_COMMAND_TIMEOUT` for each step), else
    /// memory. It walks the entries that may match, a thousand at a time: for a person who asks, not for a request path.
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
    /// A pattern that is refused.
    pub async fn count_matching(&self, pattern: &str) -> Result<u64, Error> {
        let pattern = Pattern::parse(pattern).map_err(|why| Error::pattern(why.to_string()))?;
        if let Some(tier) = &self.inner.tier
            && let Some(session) = tier.session(&self.budget()).await
            && let Ok(counted) = session.count(&pattern).await
        {
            return Ok(counted);
        }
        Ok(self.inner.local.memory.count_matching(&pattern))
    }

    /// What Redis says of itself, if it is there and answers within a call's budget.
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
        let tier = self.inner.tier.as_ref()?;
        let budget = self.budget();
        let session = tier.session(&budget).await?;
        budget
            .spend_on(&session, pin!(session.redis_usage()))
            .await
            .ok()
    }
}
