//! Namespaces that are nested share names in Redis: `45:v:1` of `shop` and `v:1` of `shop:45` stand at one. Neither reads,
//! overwrites or removes what the other has there.

use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, CacheKey};
use cache_tests::RedisServer;

use crate::app::SOON;

const HOUR: Duration = Duration::from_secs(3_600);

/// One of the two: its cache, and what it calls the name that they share.
struct Tenant {
    cache: Cache,
    key: &'static str,
    value: u64,
}

impl Tenant {
    fn new(server: &RedisServer, namespace: &str, key: &'static str, value: u64) -> Self {
        let config = CacheConfig::default()
            .redis_url(server.url())
            .namespace(namespace)
            .budget(SOON);
        Self {
            cache: Cache::new(config).unwrap(),
            key,
            value,
        }
    }

    /// Two processes of each: what one of them holds in memory is not the question.
    fn pairs(server: &RedisServer) -> [[Self; 2]; 2] {
        let outer = || Self::new(server, "shop", "45:v:1", 1);
        let inner = || Self::new(server, "shop:45", "v:1", 2);
        [[outer(), outer()], [inner(), inner()]]
    }

    async fn loads(&self) -> u64 {
        let load = async || Ok::<_, ()>(self.value);
        self.cache.get_or_load(self.key, HOUR, load).await.unwrap()
    }

    /// Every way to remove that covers the name, and what each has taken.
    async fn removes_in_every_way(&self) -> u64 {
        let cache = &self.cache;
        let parent = self.key.strip_suffix("1").unwrap();
        let mut removed = cache.delete(self.key).await.removed;
        for pattern in [self.key, parent, "*:1", "*", "#any:*", "v:", "45:"] {
            removed += cache.invalidate_pattern(pattern).await.unwrap().removed;
        }
        removed += cache.invalidate_prefix("").await.removed;
        removed += cache.invalidate_tag("any").await.removed;
        removed + cache.clear().await.removed
    }
}

#[tokio::test]
async fn neither_reads_overwrites_or_removes_what_the_other_has_at_the_same_name() {
    for owner in [0, 1] {
        let server = RedisServer::start();
        let pairs = Tenant::pairs(&server);
        let ([first, second], [stranger, _]) = match pairs {
            [outer, inner] if owner == 0 => (outer, inner),
            [outer, inner] => (inner, outer),
        };
        let name = "shop:45:v:1";
        first
            .cache
            .set(first.key, &first.value, HOUR)
            .await
            .unwrap();
        let bytes = server.cli(&["GET", name]);

        assert_eq!(stranger.loads().await, stranger.value);
        assert_eq!(stranger.loads().await, stranger.value);
        assert_eq!(stranger.cache.get::<u64>(stranger.key).await, None);
        assert!(!stranger.cache.exists(stranger.key).await);
        let keys = [CacheKey::new(stranger.key)];
        assert_eq!(stranger.cache.get_many::<u64>(&keys).await, [None]);
        let _ = stranger.cache.set(stranger.key, &3_u64, HOUR).await;
        assert_eq!(stranger.removes_in_every_way().await, 0, "owner {owner}");
        assert!(stranger.cache.stats().foreign > 0);

        assert_eq!(server.cli(&["GET", name]), bytes, "owner {owner}");
        for tenant in [&first, &second] {
            let found = tenant.cache.get::<u64>(tenant.key).await;
            assert_eq!(found, Some(first.value), "owner {owner}");
        }
        assert_eq!(second.cache.delete(second.key).await.removed, 1);
        // Now it is free, and the other's.
        assert_eq!(stranger.loads().await, stranger.value);
        cache_tests::eventually(SOON, "the other's value", async || {
            let found = stranger.cache.get::<u64>(stranger.key).await;
            (found == Some(stranger.value)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_load_of_one_keeps_the_other_from_the_name_and_is_stored_all_the_same() {
    let server = RedisServer::start();
    let [[outer, other_outer], [inner, _]] = Tenant::pairs(&server);
    let (begun, wait) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let load = async || {
        begun.notify_one();
        wait.notified().await;
        Ok::<_, ()>(outer.value)
    };
    let loading = outer.cache.get_or_load(outer.key, HOUR, load);
    let meanwhile = async {
        begun.notified().await;
        // A lease of somebody else's: not waited for, not taken, not removed.
        assert_eq!(inner.loads().await, inner.value);
        assert_eq!(inner.removes_in_every_way().await, 0);
        wait.notify_one();
    };
    let (value, ()) = tokio::join!(loading, meanwhile);
    assert_eq!(value, Ok(outer.value));
    cache_tests::eventually(SOON, "the store", async || {
        let found = other_outer.cache.get::<u64>(outer.key).await;
        (found == Some(outer.value)).then_some(())
    })
    .await;
}
