//! What an operator looks at beside the counters: the hottest keys and the latest removals. Bounded, and off until somebody
//! wants to know: then a read costs one look at a flag.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

use crate::key::Pattern;
use crate::telemetry::invalidation::{Durability, Invalidation};

/// One call in so many is looked at.
const ONE_IN: u64 = 8;

/// Keys that are counted at once.
const KEYS: usize = 256;

/// After so long what was counted counts half: the hottest keys are those of the last minutes.
const HALF_LIFE: Duration = Duration::from_secs(60);

/// Removals that are remembered.
const REMOVALS: usize = 100;

/// Patterns of one removal, and characters of one pattern, that are remembered.
const PATTERNS: usize = 8;
const LONGEST: usize = 256;

/// A key that is asked for often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HotKey {
    /// The key.
    pub key: String,
    /// The function that asks for it.
    pub function: &'static str,
    /// Calls of the last minutes, older ones counting less (half, a minute later); estimated from one in eight.
    pub calls: u64,
    /// How far that may be off, to either side: the true figure is within it for 95 of 100 keys. Large for small counts:
    /// one call seen is 8, and may have been 42. It adds up what the sample leaves open, what a key may have inherited from
    /// one that it replaced among the 256 counted, and samples that were left out because two calls came at once.
    pub uncertain_by: u64,
}

/// A removal that this process made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecentInvalidation {
    /// When it was done, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it named; the first eight of many.
    pub patterns: Vec<String>,
    /// Entries that went.
    pub removed: u64,
    /// Whom it binds.
    pub durability: Durability,
}

/// What is watched.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    on: AtomicBool,
    hot: Mutex<Hot>,
    /// Samples that the counts lack.
    missed: AtomicU64,
    removals: Mutex<VecDeque<RecentInvalidation>>,
}

impl Watch {
    /// Begins to watch, or ends it and forgets.
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

    /// A cached function asks for a key.
    pub(crate) fn saw(&self, key: &str, function: &'static str) {
        if !self.on.load(Relaxed) || !is_drawn() {
            return;
        }
        // Nobody waits to be counted; but the counts say that they may lack it.
        let Some(mut hot) = self.hot.try_lock() else {
            self.missed.fetch_add(1, Relaxed);
            return;
        };
        hot.fade(Instant::now());
        hot.missed += self.missed.swap(0, Relaxed);
        hot.count(key, function);
    }

    /// A removal is done.
    pub(crate) fn removed(&self, patterns: &[Pattern], done: Invalidation) {
        if !self.on.load(Relaxed) || patterns.is_empty() {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let removal = RecentInvalidation {
            at_ms: u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX),
            patterns: shown(patterns),
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
    /// Adds the number of entries that were unlinked behind a removal.
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

/// Patterns as those who watch see them: some, and not too long.
fn shown(patterns: &[Pattern]) -> Vec<String> {
    patterns
        .iter()
        .take(PATTERNS)
        .map(|pattern| pattern.to_string().chars().take(LONGEST).collect())
        .collect()
}

/// One in [`ONE_IN`], at random: a fixed step would fall in with the pattern of a handler's calls.
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

/// Space-saving: A. Metwally, D. Agrawal and A. El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data
/// Streams", ICDT 2005. A new key takes the place of the least one, and its count; so a count is never too low, and too high
/// by at most what it took over.
#[derive(Debug)]
struct Hot {
    counted: Vec<Counted>,
    places: HashMap<Box<str>, usize>,
    faded: Instant,
    has_faded: bool,
    /// Samples that were left out; each may have been of any key.
    missed: u64,
}

#[derive(Debug)]
struct Counted {
    key: Box<str>,
    function: &'static str,
    count: u64,
    /// Of it, what may have been the predecessor's.
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
        // A long key would cost what a thousand short ones do.
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

    /// By how many calls an estimate may be off, to either side.
    ///
    /// Halving rounds down: what it has ever taken from one count sums to less than one (1/2 + 1/4 + …); the same goes for
    /// what was left out.
    fn uncertainty(&self, counted: &Counted) -> u64 {
        let rounded = if self.has_faded { 2 } else { 0 };
        let samples = counted.inherited + self.missed + rounded;
        samples * ONE_IN + sampling_error(counted.count)
    }
}

/// How many calls there may have been beyond the `seen` × [`ONE_IN`] that a sample of `seen` stands for, with 95 of 100;
/// fewer than those by at most as many.
///
/// Of n calls, each is drawn with p = 1/8 by itself, so the number drawn is binomial. E. B. Wilson, "Probable Inference, the
/// Law of Succession, and Statistical Inference", JASA 22 (1927): n is plausible while `|seen − np| ≤ z √(np(1 − p))`, which
/// for m = np gives `m ≤ seen + z²q/2 + √(z²q·seen + z⁴q²/4)`, with q = 1 − p. Unlike the plain standard error it holds
/// for small counts as well; for large ones it tends to it, z·√(56·seen) calls. After a halving it is too large if
/// anything: a count that weighs a half has a quarter of the variance.
fn sampling_error(seen: u64) -> u64 {
    /// z of 95 %, two-sided, squared.
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
        // Nothing was sampled here, so only what was inherited could be wrong.
        let inherited = hottest[0].uncertain_by - sampling_error(hottest[0].calls / ONE_IN);
        assert!(hottest[0].calls >= calls && hottest[0].calls - inherited <= calls);
    }

    /// Draws as calls do, for each of many keys, and counts for how many the truth is within what is said.
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
            // A key that was never drawn is not told; `sampling_error(0)` speaks for it.
            let unseen = if calls <= sampling_error(0) {
                KEYS - told.len()
            } else {
                0
            };
            let within = told.iter().filter(within).count() + unseen;
            // 95 of 100 are to be expected, of 256 keys 243 ± 4.
            assert!(
                within >= KEYS * 85 / 100,
                "{within} of {KEYS}, {calls} calls each"
            );
        }
        // Not so large as to say nothing: 12 % of 2,400 calls seen as 300.
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
                watch.saw("a", "f");
            }
        }
        while watch.hot.lock().counted.is_empty() {
            watch.saw("a", "f");
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
