//! `verify` and `shadow`: a value in the cache is compared with what the body returns, and an invalidation that was forgotten is
//! found.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::testing::{self, Scope};
use cache_runtime::{
    CacheConfig, CacheEvent, CacheStats, Reason, Status, assert_hit, assert_miss, cache, cached,
    observe, on_event,
};
use cache_tests::eventually;
use tokio::sync::Semaphore;

use crate::places::everywhere;

const MINUTE: Duration = Duration::from_secs(60);

/// What the tests of this file change. Each test has its own row, because they may run at the same time.
static ROWS: Mutex<BTreeMap<u64, u64>> = Mutex::new(BTreeMap::new());

fn set(row: u64, value: u64) {
    ROWS.lock().unwrap().insert(row, value);
}

fn get(row: u64) -> u64 {
    ROWS.lock().unwrap().get(&row).copied().unwrap_or(0)
}

#[cached(ttl = "1h", key = "verified:<row>", verify = 1)]
async fn verified(row: u64) -> u64 {
    get(row)
}

#[cached(ttl = "1h", key = "verified:slow:<row>", verify = 1, skip(gate))]
async fn slow(row: u64, gate: &'static Semaphore) -> u64 {
    let value = get(row);
    gate.acquire().await.unwrap().forget();
    value
}

#[cached(ttl = "1h", key = "verified:failing:<row>", verify = 1)]
async fn failing(row: u64) -> Result<Option<u64>, String> {
    match get(row) {
        0 => Err("the database is away".to_owned()),
        1 => Ok(None),
        value => Ok(Some(value)),
    }
}

#[cached(ttl = "1h", key = "verified:map:<row>", verify = 1)]
async fn map(row: u64) -> HashMap<String, u64> {
    let value = get(row);
    (0..100).map(|at| (format!("{at}"), at + value)).collect()
}

#[cached(ttl = "1h", key = "verified:panicking:<row>", verify = 1)]
async fn panicking(row: u64) -> u64 {
    match get(row) {
        0 => panic!("on purpose"),
        value => value,
    }
}

#[cached(ttl = "1h", key = "verified:hanging:<row>", verify = 1)]
async fn hanging(row: u64) -> u64 {
    match get(row) {
        0 => std::future::pending().await,
        value => value,
    }
}

#[cached(ttl = "1h", key = "rarely:<row>", verify = 1_000_000)]
async fn rarely(row: u64) -> u64 {
    get(row)
}

#[cached(
    ttl = "1h",
    key = "shadowed:<row>",
    stale_on_error = "1h",
    timeout = "1m",
    shadow
)]
async fn shadowed(row: u64) -> Result<u64, String> {
    match get(row) {
        0 => Err("the database is away".to_owned()),
        value => Ok(value),
    }
}

#[cached(ttl = "1h", key = "shadowed:held:<row>", shadow, skip(gate, begun))]
async fn held(row: u64, gate: &'static Semaphore, begun: &'static Semaphore) -> u64 {
    begun.add_permits(1);
    gate.acquire().await.unwrap().forget();
    get(row)
}

#[cached(invalidates = ["verified:<row>", "shadowed:<row>"])]
async fn update(row: u64, to: u64) {
    set(row, to);
}

#[cached(ttl = "1h", key = "plain:<row>")]
async fn plain(row: u64) -> u64 {
    get(row)
}

/// A read that is also a write runs each time while the cache is only watched.
#[cached(ttl = "1h", key = "counted:<row>", invalidates = "plain:<row>")]
async fn count_up(row: u64) -> u64 {
    let value = get(row) + 1;
    set(row, value);
    value
}

/// The counters, once nothing is under way in the background.
async fn settled() -> CacheStats {
    cache().close(MINUTE).await;
    cache().stats()
}

async fn has(count: impl Fn(&CacheStats) -> u64, expected: u64) {
    eventually(MINUTE, "the count", async || {
        (count(&cache().stats()) == expected).then_some(())
    })
    .await;
}

async fn is_stored(row: u64) {
    eventually(MINUTE, "the store", async || {
        cache()
            .exists(format!("shadowed:{row}"))
            .await
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn verify_finds_a_write_that_forgets_its_invalidation() {
    everywhere(async || {
        set(1, 10);
        assert_miss!(verified(1));
        // Not each call is a hit: it may share the load before it.
        eventually(MINUTE, "a comparison", async || {
            assert_eq!(verified(1).await, 10);
            (cache().stats().compared > 0).then_some(())
        })
        .await;
        assert_eq!(cache().stats().mismatches, 0);
        set(1, 11);
        // It is served as it is stored: a comparison changes nothing.
        eventually(MINUTE, "the mismatch", async || {
            assert_eq!(verified(1).await, 10);
            (cache().stats().mismatches > 0).then_some(())
        })
        .await;
        update(1, 12).await;
        assert_eq!(verified(1).await, 12);
        assert!(settled().await.compared >= 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_difference_whose_removal_is_under_way_is_no_mismatch() {
    testing::scope(async {
        set(2, 20);
        verified(2).await;
        // Committed, and not removed yet, as between a commit and the removal after it.
        set(2, 21);
        assert_eq!(verified(2).await, 20);
        // The body has run, and its result differs.
        while cache().stats().loads < 2 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(Duration::from_millis(900)).await;
        update(2, 21).await;
        let stats = settled().await;
        assert_eq!((stats.compared, stats.mismatches), (0, 0), "{stats:?}");
    })
    .await;
}

#[tokio::test]
async fn a_value_that_was_replaced_meanwhile_is_not_compared() {
    static GATE: Semaphore = Semaphore::const_new(0);
    testing::scope(async {
        GATE.add_permits(1);
        set(3, 30);
        slow(3, &GATE).await;
        // The body of the comparison waits at the gate.
        assert_hit!(slow(3, &GATE));
        has(|stats| stats.loads, 1).await;
        set(3, 31);
        slow::invalidate(3).await;
        GATE.add_permits(2);
        assert_eq!(slow(3, &GATE).await, 31);
        let stats = settled().await;
        assert_eq!((stats.compared, stats.mismatches), (0, 0), "{stats:?}");
        assert_eq!(stats.loads, 3, "{stats:?}");
    })
    .await;
}

#[tokio::test]
async fn one_comparison_of_a_function_runs_at_a_time_and_no_call_waits_for_it() {
    static GATE: Semaphore = Semaphore::const_new(1);
    testing::scope(async {
        set(4, 40);
        slow(4, &GATE).await;
        for _ in 0..1_000 {
            assert_hit!(slow(4, &GATE));
        }
        GATE.add_permits(1_000);
        let stats = settled().await;
        assert_eq!(stats.memory_hits, 1_000, "{stats:?}");
        assert_eq!((stats.loads, stats.compared), (2, 1), "{stats:?}");
        assert_eq!(GATE.available_permits(), 999);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_comparison_whose_body_never_ends_makes_room_for_the_next() {
    testing::scope(async {
        set(13, 130);
        assert_eq!(hanging(13).await, 130);
        set(13, 0);
        assert_hit!(hanging(13));
        tokio::time::sleep(MINUTE + Duration::from_secs(1)).await;
        set(13, 130);
        assert_hit!(hanging(13));
        assert_eq!(settled().await.compared, 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_panics_while_it_is_compared_makes_room_for_the_next() {
    testing::scope(async {
        set(14, 140);
        assert_eq!(panicking(14).await, 140);
        set(14, 0);
        assert_hit!(panicking(14));
        tokio::time::sleep(Duration::from_secs(1)).await;
        set(14, 140);
        assert_hit!(panicking(14));
        assert_eq!(settled().await.compared, 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn failures_say_nothing_and_a_value_that_is_gone_differs() {
    testing::scope(async {
        set(5, 50);
        failing(5).await.unwrap();
        set(5, 0);
        assert_eq!(failing(5).await, Ok(Some(50)));
        tokio::time::sleep(MINUTE).await;
        assert_eq!(
            (cache().stats().compared, cache().stats().mismatches),
            (0, 0)
        );
        set(5, 1);
        assert_eq!(failing(5).await, Ok(Some(50)));
        let stats = settled().await;
        assert_eq!((stats.compared, stats.mismatches), (1, 1), "{stats:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_map_without_an_order_is_compared_by_its_content() {
    testing::scope(async {
        set(6, 60);
        map(6).await;
        for compared in 1..=20 {
            assert_hit!(map(6));
            has(|stats| stats.compared, compared).await;
        }
        assert_eq!(cache().stats().mismatches, 0);
        set(6, 61);
        assert_hit!(map(6));
        assert_eq!(settled().await.mismatches, 1);
    })
    .await;
}

#[tokio::test]
async fn verify_compares_some_of_the_hits() {
    testing::scope(async {
        set(7, 70);
        for _ in 0..1_000 {
            rarely(7).await;
        }
        // One of a million times a thousand.
        assert!(settled().await.loads <= 2);
    })
    .await;
}

#[tokio::test]
async fn in_shadow_each_call_gets_the_result_of_its_own_body() {
    everywhere(async || {
        set(8, 80);
        let (first, observed) = observe(shadowed(8)).await;
        assert_eq!(first, Ok(80));
        let [call] = observed.calls() else {
            panic!("{observed:?}");
        };
        assert_eq!((call.status, call.reason), (Status::Bypass, Reason::Shadow));
        is_stored(8).await;
        assert_eq!(shadowed(8).await, Ok(80));
        let stats = cache().stats();
        assert_eq!((stats.compared, stats.mismatches), (1, 0), "{stats:?}");
        // Forgotten: the caller sees the change all the same.
        set(8, 81);
        assert_eq!(shadowed(8).await, Ok(81));
        has(|stats| stats.mismatches, 1).await;
        update(8, 82).await;
        assert_eq!(shadowed(8).await, Ok(82));
        is_stored(8).await;
        assert_eq!(shadowed(8).await, Ok(82));
        // An error is an error, although there is an older value.
        set(8, 0);
        assert!(shadowed(8).await.is_err());
        let stats = settled().await;
        assert_eq!(
            (stats.hits(), stats.coalesced, stats.misses),
            (0, 0, 0),
            "{stats:?}"
        );
        // One of the bodies is that of `update`.
        assert_eq!((stats.bypasses, stats.loads), (6, 7), "{stats:?}");
        assert_eq!((stats.shadow_hits, stats.mismatches), (4, 1), "{stats:?}");
        assert_eq!(stats.compared, 3, "{stats:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn in_shadow_no_older_value_stands_in_for_an_error() {
    testing::scope(async {
        set(15, 150);
        assert_eq!(shadowed(15).await, Ok(150));
        // Past its TTL, and within `stale_on_error`.
        tokio::time::advance(61 * MINUTE).await;
        set(15, 0);
        assert!(shadowed(15).await.is_err());
        set(15, 151);
        assert_eq!(shadowed(15).await, Ok(151));
        assert_eq!(settled().await.stale_on_error_hits, 0);
    })
    .await;
}

#[tokio::test]
async fn in_shadow_calls_do_not_wait_for_one_another() {
    static GATE: Semaphore = Semaphore::const_new(0);
    static BEGUN: Semaphore = Semaphore::const_new(0);
    everywhere(async || {
        set(9, 90);
        let calls = futures_util::future::join_all((0..20).map(|_| held(9, &GATE, &BEGUN)));
        let open = async {
            BEGUN.acquire_many(20).await.unwrap().forget();
            GATE.add_permits(20);
        };
        let (results, ()) = tokio::join!(calls, open);
        assert_eq!(results, [90; 20]);
        assert_eq!(settled().await.loads, 20);
    })
    .await;
}

/// Runs the work with a cache that is in shadow mode as a whole.
async fn in_shadow<F: Future<Output = ()>>(work: F) {
    let scope = Scope::with(CacheConfig::default().shadow(true)).unwrap();
    scope.run(work).await;
}

#[tokio::test]
async fn a_whole_cache_in_shadow_mode_serves_nothing() {
    in_shadow(async {
        set(10, 100);
        assert!(cache().is_enabled() && cache().is_shadow());
        assert_eq!((plain(10).await, plain(10).await), (100, 100));
        set(10, 101);
        assert_eq!(plain(10).await, 101);
        assert_eq!((count_up(10).await, count_up(10).await), (102, 103));
        assert_eq!(plain(10).await, 103);
        assert_eq!(plain::refresh(10).await, 103);
        cache().set("by-hand", &1_u64, MINUTE).await.unwrap();
        assert_eq!(cache().get::<u64>("by-hand").await, None);
        assert_eq!(cache().get_many::<u64>(&["by-hand".into()]).await, [None]);
        let loaded = cache().get_or_load("by-hand", MINUTE, async || Ok::<u64, ()>(2));
        assert_eq!(loaded.await, Ok(2));
        let health = cache().health().await;
        assert!(
            health.notes.iter().any(|note| note.contains("shadow mode")),
            "{health:?}"
        );
        let stats = settled().await;
        assert_eq!((stats.hits(), stats.coalesced), (0, 0), "{stats:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_mismatch_is_told_with_its_key() {
    static TOLD: Mutex<Vec<(String, String, Duration)>> = Mutex::new(Vec::new());
    static LISTENS: AtomicBool = AtomicBool::new(false);
    static SEEN: AtomicU64 = AtomicU64::new(0);
    if !LISTENS.swap(true, SeqCst) {
        on_event(|event| {
            if let CacheEvent::Mismatch(mismatch) = event
                && mismatch.key == "shadowed:11"
            {
                let told = (mismatch.function.to_owned(), mismatch.key.to_owned());
                TOLD.lock().unwrap().push((told.0, told.1, mismatch.age));
                SEEN.fetch_add(1, SeqCst);
            }
        })
        .unwrap();
    }
    testing::scope(async {
        set(11, 110);
        shadowed(11).await.unwrap();
        tokio::time::advance(Duration::from_secs(40)).await;
        set(11, 111);
        shadowed(11).await.unwrap();
        settled().await;
        assert_eq!(SEEN.load(SeqCst), 1);
        let told = TOLD.lock().unwrap().split_off(0);
        let [(function, key, age)] = &told[..] else {
            panic!("{told:?}");
        };
        assert!(function.ends_with("shadowed"), "{function}");
        assert_eq!(key, "shadowed:11");
        assert!((41..43).contains(&age.as_secs()), "{age:?}");
    })
    .await;
}
