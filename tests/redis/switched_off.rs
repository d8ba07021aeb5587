//! A cache that is switched off (`CACHE_ENABLED=off`): calls behave as if there were no cache, and other processes still
//! hear of every change.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, CacheKey, Durability, Reason, Status, cached, observe};
use cache_tests::{RedisServer, eventually};

const MINUTE: Duration = Duration::from_secs(60);

fn cache_on(server: &RedisServer, enabled: bool) -> Cache {
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(Duration::from_secs(10))
        .enabled(enabled);
    Cache::new(config).unwrap()
}

static VERSION: AtomicU32 = AtomicU32::new(1);
static LOADS: AtomicU32 = AtomicU32::new(0);

#[cached(ttl = "1h", key = "off:item:<id>", cache = cache, skip(cache))]
async fn item(cache: &Cache, id: u32) -> (u32, u32) {
    LOADS.fetch_add(1, SeqCst);
    (id, VERSION.load(SeqCst))
}

#[cached(invalidates = "off:item:<id>", cache = cache, skip(cache))]
async fn change(cache: &Cache, id: u32) -> u32 {
    VERSION.fetch_add(1, SeqCst) + 1
}

#[cached(put, ttl = "1h", key = "off:item:<id>", cache = cache, skip(cache))]
async fn replace(cache: &Cache, id: u32) -> (u32, u32) {
    (id, VERSION.fetch_add(1, SeqCst) + 1)
}

/// Waits until the cache has stored this many values.
async fn stored(cache: &Cache, values: u64) {
    eventually(MINUTE, "the store", async || {
        (cache.stats().stores == values).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_call_runs_its_body_and_nothing_is_stored() {
    let server = RedisServer::start();
    let cache = cache_on(&server, false);
    assert!(!cache.is_enabled());
    for call in 1..=3 {
        let (_, observed) = observe(item(&cache, 1)).await;
        let [outcome] = observed.calls() else {
            panic!("{observed:?}");
        };
        assert_eq!(
            (outcome.status, outcome.reason),
            (Status::Bypass, Reason::Off)
        );
        assert_eq!(LOADS.load(SeqCst), call);
    }
    item::refresh(&cache, 1).await;
    let key = CacheKey::new("off:by-hand");
    cache.set(key.clone(), &7_u32, MINUTE).await.unwrap();
    cache
        .set_many(&[(key.clone(), 7_u32)], MINUTE)
        .await
        .unwrap();
    let loaded = cache
        .get_or_load(key.clone(), MINUTE, async || Ok::<u32, ()>(8))
        .await;
    assert_eq!(loaded, Ok(8));
    assert_eq!(cache.get::<u32>(key.clone()).await, None);
    assert_eq!(
        cache.get_many::<u32>(std::slice::from_ref(&key)).await,
        [None]
    );
    assert!(!cache.exists(key).await);
    cache.close(MINUTE).await;
    assert_eq!(server.entries(), [""; 0]);
    let stats = cache.stats();
    assert_eq!(
        (stats.bypasses, stats.hits(), stats.stores),
        (4, 0, 0),
        "{stats:?}"
    );
}

#[tokio::test]
async fn entries_of_other_processes_are_not_served_and_stay() {
    let server = RedisServer::start();
    let (on, off) = (cache_on(&server, true), cache_on(&server, false));
    let before = item(&on, 2).await;
    stored(&on, 1).await;
    VERSION.fetch_add(1, SeqCst);
    assert_ne!(item(&off, 2).await, before, "loaded, not read");
    assert_eq!(item(&on, 2).await, before);
}

#[tokio::test]
async fn its_removals_and_replacements_reach_other_processes() {
    let server = RedisServer::start();
    let (on, off) = (cache_on(&server, true), cache_on(&server, false));
    item(&on, 3).await;
    stored(&on, 1).await;
    let version = change(&off, 3).await;
    assert_eq!(item(&on, 3).await, (3, version), "after `invalidates`");

    stored(&on, 2).await;
    let replaced = replace(&off, 3).await;
    assert_eq!(item(&on, 3).await, replaced, "after `put`");

    stored(&on, 3).await;
    off.set("off:item:3", &(3_u32, 99_u32), MINUTE)
        .await
        .unwrap();
    assert_eq!(
        item(&on, 3).await,
        replaced,
        "loaded again, and not `set`'s value"
    );
    assert_eq!(LOADS.load(SeqCst), 4);

    stored(&on, 4).await;
    let refreshed = item::refresh(&off, 3).await;
    assert_eq!(item(&on, 3).await, refreshed, "after `::refresh`");
    assert_eq!(
        LOADS.load(SeqCst),
        6,
        "loaded again, and not the older value"
    );

    let removed = off.invalidate_pattern("off:").await.unwrap();
    assert_eq!(removed.durability, Durability::Durable);
}

#[tokio::test]
async fn health_says_that_it_is_switched_off() {
    let server = RedisServer::start();
    let health = cache_on(&server, false).health().await;
    assert!(
        health
            .notes
            .iter()
            .any(|note| note.contains("CACHE_ENABLED")),
        "{:?}",
        health.notes
    );
    let health = Cache::disabled().health().await;
    assert_eq!((health.backend, health.notes.len()), ("memory", 1));
}
