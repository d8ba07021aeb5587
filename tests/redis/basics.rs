//! Hits, misses and removals between caches that share one server.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, CacheKey, Durability, cached, observe};
use cache_tests::RedisServer;

fn cache_on(server: &RedisServer) -> Cache {
    // What a call may wait for is not the question here.
    let patient = Duration::from_secs(10);
    Cache::new(
        CacheConfig::default()
            .redis_url(server.url())
            .budget(patient),
    )
    .unwrap()
}

static RUNS: AtomicU32 = AtomicU32::new(0);

#[cached(ttl = "list", key = "jobs:list:<skip>:<limit>", cache = cache, skip(cache))]
async fn list(cache: &Cache, skip: u32, limit: u32) -> Vec<u32> {
    RUNS.fetch_add(1, SeqCst);
    (skip..skip + limit).collect()
}

#[tokio::test]
async fn reads_by_hand_are_counted_by_the_tier_that_answers() {
    let server = RedisServer::start();
    let (writer, reader) = (cache_on(&server), cache_on(&server));
    for key in ["a", "b"] {
        writer
            .set(key, &7_u32, Duration::from_secs(60))
            .await
            .unwrap();
    }
    let tiers = || {
        let stats = reader.stats();
        (stats.redis_hits, stats.memory_hits, stats.misses)
    };
    assert_eq!(reader.get::<u32>("a").await, Some(7));
    assert_eq!(tiers(), (1, 0, 0));
    assert_eq!(reader.get::<u32>("a").await, Some(7));
    assert_eq!(tiers(), (1, 1, 0));
    let keys = ["a", "b", "c"].map(CacheKey::new);
    assert_eq!(
        reader.get_many::<u32>(&keys).await,
        [Some(7), Some(7), None]
    );
    assert_eq!(tiers(), (2, 2, 1));
}

/// A load's caller does not wait until its value is stored; whoever removes it at once still learns that it was there.
#[tokio::test]
async fn a_removal_counts_what_a_load_has_just_returned() {
    let server = RedisServer::start();
    let cache = cache_on(&server);
    for start in 0..20 {
        list(&cache, start, 3).await;
        assert_eq!(
            list::invalidate(&cache, start, 3).await.removed,
            1,
            "{start}"
        );
        list(&cache, start, 3).await;
        assert_eq!(list::invalidate_all(&cache).await.removed, 1, "{start}");
    }
}

#[tokio::test]
async fn a_second_call_is_a_hit_in_redis_then_in_memory() {
    let server = RedisServer::start();
    let cache = cache_on(&server);
    let (value, first) = observe(list(&cache, 0, 3)).await;
    assert_eq!((value, first.as_str()), (vec![0, 1, 2], Some("MISS")));
    let (value, second) = observe(list(&cache, 0, 3)).await;
    assert_eq!((value, second.as_str()), (vec![0, 1, 2], Some("HIT")));
    cache_tests::eventually(Duration::from_secs(2), "the store", async || {
        (cache.stats().stores == 1).then_some(())
    })
    .await;
    let (_, third) = observe(list(&cache, 0, 3)).await;
    assert_eq!(third.as_str(), Some("HIT"));
    let (_, fourth) = observe(list(&cache, 0, 3)).await;
    assert_eq!(fourth.as_str(), Some("HIT"));
    let stats = cache.stats();
    assert_eq!(RUNS.load(SeqCst), 1);
    assert!(stats.redis_hits >= 1 && stats.memory_hits >= 1, "{stats:?}");
    assert_eq!(server.entries(), ["jobs:list:0:3"]);

    let other = cache_on(&server);
    let (_, elsewhere) = observe(list(&other, 0, 3)).await;
    assert_eq!(elsewhere.as_str(), Some("HIT"), "another process reads it");
    let gone = other.invalidate_prefix("jobs:").await;
    assert_eq!((gone.removed, gone.durability), (1, Durability::Durable));
    cache_tests::eventually(Duration::from_secs(2), "the push", async || {
        (!cache.exists(CacheKey::new("jobs:list:0:3")).await).then_some(())
    })
    .await;
    let (_, after) = observe(list(&cache, 0, 3)).await;
    assert_eq!(after.as_str(), Some("MISS"));
}
