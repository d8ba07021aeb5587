//! multi-tier-cache, default features (moka in front of Redis): `CacheManager::new_with_invalidation`, its README's set-up
//! for several instances, which the plain `CacheSystem` does not match; `get_or_compute_typed`, which lets one caller
//! load; `invalidate` and `invalidate_pattern`. No tags.

use std::sync::Arc;
use std::time::Duration;

use multi_tier_cache::error::CacheError;
use multi_tier_cache::{
    CacheManager, CacheStrategy, InvalidationConfig, L1Cache, L2Cache, MokaCacheConfig,
};

use super::{At, Boxed, Handle, Kind, Peer, Removal};
use crate::row::Row;

pub const MULTI_TIER: Kind = Kind {
    name: "multi-tier-cache",
    shared: true,
    connect: |url| {
        Box::pin(async move {
            let connect = async {
                let memory = Arc::new(L1Cache::new(MokaCacheConfig::default())?);
                let redis = Arc::new(L2Cache::with_url(&url).await?);
                let config = InvalidationConfig::default();
                CacheManager::new_with_invalidation(memory, redis, &url, config).await
            };
            let manager = connect.await.map_err(|error| error.to_string())?;
            Ok(Arc::new(MultiTier(manager)) as Handle)
        })
    },
};

struct MultiTier(CacheManager);

impl Peer for MultiTier {
    fn read(&self, at: At, row: Arc<Row>) -> Boxed<'_, Result<u64, String>> {
        Box::pin(async move {
            let load = || async move { row.load().await.map_err(CacheError::InternalError) };
            let strategy = CacheStrategy::Custom(Duration::from_secs(3600));
            let read = self.0.get_or_compute_typed(&at.key(), strategy, load).await;
            read.map_err(|error| error.to_string())
        })
    }

    fn remove(&self, what: Removal, at: At) -> Boxed<'_, Option<Result<&'static str, String>>> {
        Box::pin(async move {
            let done = match what {
                Removal::Key => self.0.invalidate(&at.key()).await,
                Removal::Prefix => {
                    self.0
                        .invalidate_pattern(&format!("{}*", at.prefix()))
                        .await
                }
                Removal::Tag => return None,
                Removal::Everything => self.0.invalidate_pattern("*").await,
            };
            Some(done.map(|()| "ok").map_err(|error| error.to_string()))
        })
    }
}
