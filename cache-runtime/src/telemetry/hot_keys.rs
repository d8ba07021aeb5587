//! The hottest keys and the latest removals, for operators. Memory use is bounded. It is off by default: then a read
//! only checks a flag.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

use crate::key::Pattern;
use crate::telemetry::invalidation::{Durability, Invalidation};

/// One call in this many is sampled.
const ONE_IN: u64 = 8;

/// The number of keys that are tracked at a time.
const KEYS: usize = 256;

/// After this time, earlier counts weigh half: the hottest keys are those of the last minutes.
const HALF_LIFE: Duration = Duration::from_secs(60);

/// The number of removals that are kept.
const REMOVALS: usize = 100;

/// The number of patterns kept of one removal, and of characters kept of one pattern.
const PATTERNS: usize = 8;
const LONGEST: usize = 256;

/// A key that is requested often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HotKey {
    /// The key.
    pub key: String,
    /// The function that requests it.
    pub function: &'static str,
    /// The calls of the last minutes, estimated from a sample of one in eight. Older calls count less: half after a
    /// minute.
    pub calls: u64,
    /// The error of `calls`, in either direction: for 95 of 100 keys the true number is within it. It is large for
    /// small counts: one sampled call is reported as 8, and there may have been 42. It is the sum of the sampling
    /// error, of the count that the key may have inherited from a key that it replaced among the 256 tracked ones, and
    /// of the samples that were skipped because two calls came at the same time.
    pub uncertain_by: u64,
}

/// A removal that this process made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecentInvalidation {
    /// The time of the removal, in milliseconds since 1970.
    pub at_ms: u64,
    /// The patterns of the removal, at most the first eight.
    pub patterns: Vec<String>,
    /// How many more patterns it had.
    pub more_patterns: usize,
    /// The number of entries removed.
    pub removed: u64,
    /// Which processes the removal has reached.
    pub durability: Durability,
}

/// The data collected for operators.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    on: AtomicBool,
    hot: Mutex<Hot>,
    /// The number of samples that were skipped.
    missed: AtomicU64,
    removals: Mutex<VecDeque<RecentInvalidation>>,
}

impl Watch {
    /// Starts to collect data, or stops and discards it.
    pub(crate) fn turn(&self, on: bool) {
        self.on.store(on, Relaxed);
        if !on {
            *self.hot.lock() = Hot::default();
            self.missed.store(0, Relaxed);
            self.removals.lock().clear();
        }
    }

    /// The hottest keys, the hottest first.
    pub(crate) fn hottest(&self, limit: usize) -> Vec<HotKey> {
        let mut hot = self.hot.lock();
        hot.fade(Instant::now());
        hot.missed += self.missed.swap(0, Relaxed);
        hot.hottest(limit)
    }

    /// The latest removals, the newest first.
    pub(crate) fn latest_removals(&self) -> Vec<RecentInvalidation> {
        self.removals.lock().iter().rev().cloned().collect()
    }

    /// Counts a request of a cached function for a key.
    pub(crate) fn record_call(&self, key: &str, function: &'static str) {
        if !self.on.load(Relaxed) || !is_drawn() {
            return;
        }
        // A call never waits for the lock; a skipped sample is counted in the uncertainty.
        let Some(mut hot) = self.hot.try_lock() else {
            self.missed.fetch_add(1, Relaxed);
            return;
        };
        hot.fade(Instant::now());
        hot.missed += self.missed.swap(0, Relaxed);
        hot.count(key, function);
    }

    /// Records a removal that is done.
    pub(crate) fn removed(&self, patterns: &[Pattern], done: Invalidation) {
        if !self.on.load(Relaxed) || patterns.is_empty() {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let removal = RecentInvalidation {
            at_ms: u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX),
            patterns: shown(patterns),
            more_patterns: patterns.len().saturating_sub(PATTERNS),
            removed: done.removed,
            durability: done.durability,
        };
        let mut removals = self.removals.lock();
        if removals.len() == REMOVALS {
            removals.pop_front();
        }
        removals.push_back(removal);
    }
}

impl Watch {
    /// Adds the number of entries that were deleted in the background after a removal.
    pub(crate) fn counted(&self, patterns: &[Pattern], removed: u64) {
        if removed == 0 || !self.on.load(Relaxed) {
            return;
        }
        let shown = shown(patterns);
        let mut removals = self.removals.lock();
        let latest = removals.iter_mut().rev();
        if let Some(latest) = latest.into_iter().find(|removal| {
            shown
                .iter()
                .any(|pattern| removal.patterns.contains(pattern))
        }) {
            latest.removed += removed;
        }
    }
}

/// The patterns as text for operators: limited in number and length.
fn shown(patterns: &[Pattern]) -> Vec<String> {
    patterns
        .iter()
        .take(PATTERNS)
        .map(|pattern| pattern.to_string().chars().take(LONGEST).collect())
        .collect()
}

/// True for one call in [`ONE_IN`], at random: a fixed step could coincide with the pattern of a handler's calls.
fn is_drawn() -> bool {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(crate::common::random::number() | 1);
    }
    STATE.with(|state| {
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        x.is_multiple_of(ONE_IN)
    })
}

/// The space-saving algorithm: A. Metwally, D. Agrawal and A. El Abbadi, "Efficient Computation of Frequent and Top-k
/// Elements in Data Streams", ICDT 2005. A new key replaces the key with the lowest count and inherits that count. So
/// a count is never too low, and too high by at most the inherited count.
#[derive(Debug)]
struct Hot {
    counted: Vec<Counted>,
    places: HashMap<Box<str>, usize>,
    faded: Instant,
    has_faded: bool,
    /// The number of samples that were skipped; each may have been of any key.
    missed: u64,
}

#[derive(Debug)]
struct Counted {
    key: Box<str>,
    function: &'static str,
    count: u64,
    /// The part of `count` that was inherited from the replaced key.
    inherited: u64,
}

impl Default for Hot {
    fn default() -> Self {
        Self {
            counted: Vec::new(),
            places: HashMap::new(),
            faded: Instant::now(),
            has_faded: false,
            missed: 0,
        }
    }
}

impl Hot {
    fn count(&mut self, key: &str, function: &'static str) {
        if let Some(&place) = self.places.get(key) {
            self.counted[place].count += 1;
            return;
        }
        // A long key would need as much memory as a thousand short ones.
        if key.len() > 4 * LONGEST {
            return;
        }
        let new = |inherited| Counted {
            key: key.into(),
            function,
            count: inherited + 1,
            inherited,
        };
        if self.counted.len() < KEYS {
            self.places.insert(key.into(), self.counted.len());
            self.counted.push(new(0));
            return;
        }
        let least = self.counted.iter().enumerate();
        if let Some((place, least)) = least.min_by_key(|(_, counted)| counted.count) {
            self.places.remove(&least.key);
            self.places.insert(key.into(), place);
            self.counted[place] = new(least.count);
        }
    }

    fn fade(&mut self, now: Instant) {
        let lives = now.saturating_duration_since(self.faded).as_secs() / HALF_LIFE.as_secs();
        if lives == 0 {
            return;
        }
        self.faded = now;
        self.has_faded = true;
        let lives = u32::try_from(lives).unwrap_or(u32::MAX);
        for counted in &mut self.counted {
            counted.count = counted.count.checked_shr(lives).unwrap_or(0);
            counted.inherited = counted.inherited.checked_shr(lives).unwrap_or(0);
        }
        self.missed = self.missed.checked_shr(lives).unwrap_or(0);
        self.counted.retain(|counted| counted.count > 0);
        self.places = (self.counted.iter().enumerate())
            .map(|(place, counted)| (counted.key.clone(), place))
            .collect();
    }

    fn hottest(&self, limit: usize) -> Vec<HotKey> {
        let mut order: Vec<&Counted> = self.counted.iter().collect();
        order.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        let shown = |counted: &&Counted| HotKey {
            key: counted.key.to_string(),
            function: counted.function,
            calls: counted.count * ONE_IN,
            uncertain_by: self.uncertainty(counted),
        };
        order.iter().take(limit).map(shown).collect()
    }

    /// How many calls an estimate may be off, in either direction.
    ///
    /// Halving rounds down. All rounding losses of one count sum to less than one (1/2 + 1/4 + …); the same holds for
    /// the skipped samples.
    fn uncertainty(&self, counted: &Counted) -> u64 {
        let rounded = if self.has_faded { 2 } else { 0 };
        let samples = counted.inherited + self.missed + rounded;
        samples * ONE_IN + sampling_error(counted.count)
    }
}

/// How many calls there may have been above the estimate `seen` × [`ONE_IN`] of a sample of `seen`, with 95 %
/// confidence; below the estimate, the error is at most as large.
///
/// Each of n calls is drawn independently with p = 1/8, so the number drawn is binomial. E. B. Wilson, "Probable
/// Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927): n is plausible while `|seen − np| ≤ z
/// √(np(1 − p))`, which for m = np gives `m ≤ seen + z²q/2 + √(z²q·seen + z⁴q²/4)`, with q = 1 − p. Unlike the plain
/// standard error it holds for small counts as well; for large ones it approaches the standard error, z·√(56·seen)
/// calls. After a halving it is too large rather than too small: a count that weighs half has a quarter of the
/// variance.
fn sampling_error(seen: u64) -> u64 {
    /// The square of z for 95 %, two-sided.
    const Z2: f64 = 1.96 * 1.96;
    let z2q = Z2 * (1.0 - 1.0 / ONE_IN as f64);
    let beyond = z2q / 2.0 + (z2q * seen as f64 + z2q * z2q / 4.0).sqrt();
    (beyond * ONE_IN as f64).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;

    #[tokio::test]
    async fn hot_keys_come_through_a_crowd_and_memory_stays_bounded() {
        let mut hot = Hot::default();
        for number in 0..50_000_u32 {
            hot.count(&format!("cold:{number}"), "f");
            if number % 4 == 0 {
                hot.count("hot", "f");
            }
            if number % 8 == 0 {
                hot.count("warm", "f");
            }
        }
        assert_eq!((hot.counted.len(), hot.places.len()), (KEYS, KEYS));
        let hottest = hot.hottest(2);
        assert_eq!(
            (hottest[0].key.as_str(), hottest[1].key.as_str()),
            ("hot", "warm")
        );
        let calls = 50_000 / 4 * ONE_IN;
        // Every call was counted here, so only the inherited count can be wrong.
        let inherited = hottest[0].uncertain_by - sampling_error(hottest[0].calls / ONE_IN);
        assert!(hottest[0].calls >= calls && hottest[0].calls - inherited <= calls);
    }

    /// Samples many keys as calls do, and counts for how many of them the true number is within the reported error.
    #[tokio::test]
    async fn a_sampled_count_is_as_uncertain_as_it_says() {
        for calls in [1_u64, 10, 100, 3_000] {
            let mut hot = Hot::default();
            for key in 0..KEYS {
                let drawn = (0..calls).filter(|_| is_drawn()).count();
                (0..drawn).for_each(|_| hot.count(&format!("key:{key}"), "f"));
            }
            let told = hot.hottest(KEYS);
            let within = |told: &&HotKey| told.calls.abs_diff(calls) <= told.uncertain_by;
            // A key that was never sampled is not listed; `sampling_error(0)` is its error.
            let unseen = if calls <= sampling_error(0) {
                KEYS - told.len()
            } else {
                0
            };
            let within = told.iter().filter(within).count() + unseen;
            // 95 of 100 are expected: 243 ± 4 of 256 keys.
            assert!(
                within >= KEYS * 85 / 100,
                "{within} of {KEYS}, {calls} calls each"
            );
        }
        // The error stays small enough to be useful: 12 % of 2,400 calls, of which 300 were sampled.
        assert_eq!(
            (sampling_error(0), sampling_error(1), sampling_error(300)),
            (27, 34, 268)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_halving_rounds_and_samples_that_were_left_out_are_uncertain_too() {
        let mut hot = Hot::default();
        hot.count("a", "f");
        let alone = hot.hottest(1)[0].uncertain_by;
        assert_eq!(alone, sampling_error(1));
        hot.missed = 4;
        assert_eq!(hot.hottest(1)[0].uncertain_by, alone + 4 * ONE_IN);
        hot.count("a", "f");
        hot.fade(Instant::now() + HALF_LIFE);
        assert_eq!(hot.hottest(1)[0].uncertain_by, alone + (2 + 2) * ONE_IN);
    }

    #[tokio::test]
    async fn a_sample_that_finds_the_counts_in_use_is_left_out_and_counted_as_such() {
        let watch = Watch::default();
        watch.on.store(true, Relaxed);
        {
            let _in_use = watch.hot.lock();
            while watch.missed.load(Relaxed) == 0 {
                watch.record_call("a", "f");
            }
        }
        while watch.hot.lock().counted.is_empty() {
            watch.record_call("a", "f");
        }
        assert!(watch.hot.lock().missed >= 1);
        assert_eq!(watch.missed.load(Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_hot_fades() {
        let mut hot = Hot::default();
        for _ in 0..100 {
            hot.count("old", "f");
        }
        hot.fade(Instant::now() + HALF_LIFE);
        assert_eq!(hot.hottest(1)[0].calls, 50 * ONE_IN);
        hot.fade(Instant::now() + HALF_LIFE * 100);
        assert!(hot.counted.is_empty() && hot.places.is_empty());
        hot.count("new", "f");
        assert_eq!(hot.hottest(9).len(), 1);
    }

    #[tokio::test]
    async fn removals_are_remembered_while_somebody_watches_and_no_more_than_a_hundred() {
        let cache = Cache::new(crate::CacheConfig::default()).unwrap();
        let _ = cache.invalidate_prefix("unseen:").await;
        cache.watch(true);
        for number in 0..150 {
            let _ = cache
                .invalidate_pattern(&format!("a:{number}:*"))
                .await
                .unwrap();
        }
        let recent = cache.recent_invalidations();
        assert_eq!(
            (recent.len(), recent[0].patterns[0].as_str()),
            (REMOVALS, "a:149:")
        );
        cache.watch(false);
        assert!(cache.recent_invalidations().is_empty());
    }
}
