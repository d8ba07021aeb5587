//! `near` and `outage` for a whole cache: they hold for every function that does not say otherwise, and for manual reads.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, HitTier, Near, Outage, Status, cached, observe};
use cache_tests::{FaultProxy, RedisServer, eventually};

const MINUTE: Duration = Duration::from_secs(60);

static VERSION: AtomicU32 = AtomicU32::new(1);

#[cached(ttl = "1h", key = "wide:plain:<id>", cache = cache, skip(cache))]
async fn plain(cache: &Cache, id: u32) -> u32 {
    VERSION.load(SeqCst)
}

#[cached(ttl = "1h", key = "wide:near:<id>", near = true, outage = "memory", cache = cache, skip(cache))]
async fn near(cache: &Cache, id: u32) -> u32 {
    VERSION.load(SeqCst)
}

#[cached(invalidates = ["wide:plain:<id>", "wide:near:<id>"], cache = cache, skip(cache))]
async fn change(cache: &Cache, id: u32) -> u32 {
    VERSION.fetch_add(1, SeqCst) + 1
}

fn config(url: &str) -> CacheConfig {
    CacheConfig::default()
        .redis_url(url)
        .budget(Duration::from_secs(10))
}

/// The tier that answers, or `None` if the body ran.
async fn tier<F: Future<Output = u32>>(call: F) -> Option<HitTier> {
    let (_, observed) = observe(call).await;
    let [outcome] = observed.calls() else {
        panic!("one call: {observed:?}");
    };
    outcome.tier.filter(|_| outcome.status == Status::Hit)
}

/// Calls until memory answers, or Redis where memory may not.
async fn warmed(cache: &Cache, plain_from: HitTier) {
    eventually(MINUTE, "the copies", async || {
        let of_plain = tier(plain(cache, 1)).await == Some(plain_from);
        let of_near = tier(near(cache, 1)).await == Some(HitTier::Memory);
        (of_plain && of_near).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_near_no_process_reads_an_older_value_than_the_last_removal() {
    for (round_trip, rounds) in [(0, 200), (5, 40)] {
        let server = RedisServer::start();
        let proxy = FaultProxy::in_front_of(&server);
        proxy.set_round_trip(Duration::from_millis(round_trip));
        let writer = Cache::new(config(&server.url())).unwrap();
        let reader = Cache::new(config(&proxy.url()).near(Near::Off)).unwrap();
        warmed(&reader, HitTier::Redis).await;
        for _ in 0..rounds {
            plain(&reader, 1).await;
            let changed = change(&writer, 1).await;
            assert_eq!(plain(&reader, 1).await, changed);
        }
        // Of manual reads, too.
        let hits = reader.stats().memory_hits;
        eventually(MINUTE, "an entry", async || {
            reader.get::<u32>("wide:plain:1").await
        })
        .await;
        for _ in 0..10 {
            reader.get::<u32>("wide:plain:1").await;
        }
        assert_eq!(reader.stats().memory_hits, hits);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_age_asks_redis_again() {
    let server = RedisServer::start();
    let cache = Cache::new(config(&server.url()).near(Near::AtMost(Duration::ZERO))).unwrap();
    warmed(&cache, HitTier::Redis).await;
    for _ in 0..20 {
        assert_eq!(tier(plain(&cache, 1)).await, Some(HitTier::Redis));
        assert_eq!(tier(near(&cache, 1)).await, Some(HitTier::Memory));
    }
}

/// What answers after the server has been killed: a function as the cache is set, and one with settings of its own.
async fn in_an_outage(change: impl FnOnce(CacheConfig) -> CacheConfig) -> [Option<HitTier>; 2] {
    let server = RedisServer::start();
    let cache = Cache::new(change(config(&server.url()))).unwrap();
    warmed(&cache, HitTier::Memory).await;
    cache.set("wide:by-hand", &1_u32, MINUTE).await.unwrap();
    server.kill9();
    eventually(MINUTE, "the outage", async || {
        (!cache.health().await.stats.redis_available).then_some(())
    })
    .await;
    let answers = [tier(plain(&cache, 1)).await, tier(near(&cache, 1)).await];
    // The body's result does not stand in for Redis either.
    assert_eq!(tier(plain(&cache, 1)).await, answers[0]);
    answers
}

#[tokio::test]
async fn by_default_memory_answers_in_an_outage() {
    let answers = in_an_outage(|config| config).await;
    assert_eq!(answers, [Some(HitTier::Memory), Some(HitTier::Memory)]);
}

#[tokio::test]
async fn with_bypass_bodies_answer_in_an_outage() {
    let answers = in_an_outage(|config| config.outage(Outage::Bypass)).await;
    assert_eq!(answers, [None, Some(HitTier::Memory)]);
}

#[tokio::test]
async fn with_an_age_of_zero_bodies_answer_in_an_outage() {
    let answers = in_an_outage(|config| config.outage_max_age(Duration::ZERO)).await;
    assert_eq!(answers, [None, None]);
}
