//! A program that uses the cache, so that there is something to look at.

use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, cached};
use cache_tests::{RedisServer, eventually};

/// What is never reached on a healthy machine, however busy.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A process with a cache.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) cache: Cache,
}

#[cached(ttl = "5m", key = "article:<id>", tags = ["author:<author>", "all"], codec = "json", cache = store.cache, skip(store, author))]
async fn read_article(store: &Store, id: u32, author: u32) -> Vec<String> {
    let _ = store;
    vec![format!("article {id}"), format!("von {author}, größer")]
}

#[cached(ttl = "5m", key = "page:<id>", codec = "json", compress = "zstd", cache = store.cache, skip(store))]
async fn read_page(store: &Store, id: u32) -> String {
    let _ = store;
    format!("page {id} ").repeat(1000)
}

#[cached(ttl = "5m", key = "maybe:<id>", none_ttl = "1m", cache = store.cache, skip(store))]
async fn read_maybe(store: &Store, id: u32) -> Option<u32> {
    let _ = (store, id);
    None
}

impl Store {
    /// A process that has reached the server.
    pub(crate) async fn on(server: &RedisServer, namespace: &str) -> Self {
        Self::at(&server.url(), namespace).await
    }

    /// A process that has reached the server, or all masters of the cluster, of this URL.
    pub(crate) async fn at(url: &str, namespace: &str) -> Self {
        let config = CacheConfig::default()
            .redis_url(url)
            .namespace(namespace)
            .budget(SOON);
        let store = Self {
            cache: Cache::new(config).unwrap(),
        };
        eventually(SOON, "a connection", async || {
            let health = store.cache.health().await;
            health.stats.redis_available.then_some(())
        })
        .await;
        store
    }

    /// Stores a value by hand, which is acknowledged when this returns.
    pub(crate) async fn set(&self, key: &str, value: &str) {
        let value = value.to_owned();
        let set = self.cache.set(key, &value, Duration::from_secs(300));
        set.await.unwrap();
    }

    pub(crate) async fn article(&self, id: u32, author: u32) {
        let before = self.cache.stats().stores;
        read_article(self, id, author).await;
        self.has_stored(before + 1).await;
    }

    pub(crate) async fn page(&self, id: u32) {
        let before = self.cache.stats().stores;
        read_page(self, id).await;
        self.has_stored(before + 1).await;
    }

    pub(crate) async fn absence(&self, id: u32) {
        let before = self.cache.stats().stores;
        read_maybe(self, id).await;
        self.has_stored(before + 1).await;
    }

    async fn has_stored(&self, stores: u64) {
        eventually(SOON, "a store", async || {
            (self.cache.stats().stores >= stores).then_some(())
        })
        .await;
    }

    /// Waits until the catalogue names so many keys.
    pub(crate) async fn is_catalogued(&self, entries: u64) {
        eventually(SOON, "the catalogue to be written", async || {
            let usage = self.cache.redis_usage().await?;
            (usage.ours >= entries).then_some(())
        })
        .await;
    }
}
