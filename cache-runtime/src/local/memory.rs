//! The memory tier: one bounded store in two roles.
//!
//! While Redis is up it is a *near cache*: filled only by tracked reads, emptied key by key by Redis's own pushes. While
//! Redis is down (or none is configured) it is the *fallback*: loads fill it directly.
//!
//! Reads take no lock of ours. Every change goes through one writer lock, under which the caller's own condition is
//! checked ([`Memory::fill`]): a removal either precedes that check, which then fails, or follows the fill and takes the
//! copy out.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use quick_cache::sync::Cache as Store;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};
use tokio::time::Instant;

use super::index::Index;
use crate::common::sync::Mutex;
use crate::entry::TypeOps;
use crate::entry::policy::Aged;
use crate::key::Pattern;

/// A kept value, of whatever type; `None` is a cached absence.
pub(crate) type StoredValue = Option<Arc<dyn Any + Send + Sync>>;

/// What the memory tier holds of one key.
#[derive(Debug)]
pub(crate) struct MemoryEntry {
    pub(crate) value: StoredValue,
    /// The operations of the value's type.
    #[cfg_attr(
        not(feature = "axum"),
        allow(dead_code, reason = "only the admin routes tell values")
    )]
    pub(crate) ops: &'static TypeOps,
    pub(crate) template: u64,
    pub(crate) tags: Box<[String]>,
    /// Bytes of the encoded value.
    pub(crate) bytes: usize,
    /// Identifies the value, if it came from Redis.
    pub(crate) version: u64,
    /// How long the value is fresh, counted from its birth.
    pub(crate) ttl: Duration,
    /// How long its load took.
    pub(crate) took: Duration,
    /// From this time on the copy is not used.
    pub(crate) expires: Instant,
    /// When this copy was made.
    pub(crate) filled: Instant,
    /// How old the value was when this copy was made.
    pub(crate) aged: Duration,
}

impl MemoryEntry {
    /// How old the value is.
    pub(crate) fn age(&self) -> Duration {
        self.at(Instant::now()).age
    }

    /// How old the value is at that time.
    pub(crate) fn at(&self, now: Instant) -> Aged {
        Aged {
            age: self.aged + now.saturating_duration_since(self.filled),
            ttl: self.ttl,
            took: self.took,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Memory {
    store: Store<Box<str>, Arc<MemoryEntry>, Weight, std::hash::RandomState, Evicted>,
    writer: Mutex<Index>,
    evictions: AtomicU64,
}

impl Memory {
    pub(crate) fn new(entries: usize, bytes: u64) -> Self {
        // One weight serves both bounds: an entry weighs its bytes, but at least the byte bound divided by the entry
        // bound.
        let least = (bytes / entries.max(1) as u64).max(1);
        let capacity = least * entries.max(1) as u64;
        // A shard refuses an entry larger than itself: few shards for a small store.
        let shards = (entries / 512).clamp(1, 16);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(entries.max(1))
            .weight_capacity(capacity)
            .shards(shards)
            .build()
            .unwrap_or_else(|_| unreachable!("both required options are given"));
        let store = Store::with_options(
            options,
            Weight { least },
            std::hash::RandomState::new(),
            Evicted,
        );
        Self {
            store,
            writer: Mutex::new(Index::default()),
            evictions: AtomicU64::new(0),
        }
    }

    /// The copy of a key, if it has not expired.
    pub(crate) fn get(&self, key: &str, now: Instant) -> Option<Arc<MemoryEntry>> {
        self.store.get(key).filter(|copy| now < copy.expires)
    }

    /// Puts a copy in, if `permitted` still returns true under the writer lock. Returns what `permitted` returned.
    pub(crate) fn fill(
        &self,
        key: &str,
        copy: MemoryEntry,
        permitted: impl FnOnce() -> bool,
    ) -> bool {
        let mut index = self.writer.lock();
        if !permitted() {
            return false;
        }
        let now = copy.filled;
        let copy = Arc::new(copy);
        let mut evicted = Vec::new();
        self.store
            .insert_with_lifecycle(key.into(), copy.clone(), &mut evicted);
        for (evicted, copy) in evicted {
            index.remove(&evicted, &copy.tags);
            // An evicted copy of the same key is either the one that was replaced or, if it found no room, the new one.
            // The key alone does not tell which, but neither is an eviction of another entry.
            if *evicted != *key && copy.expires > now {
                self.evictions.fetch_add(1, Relaxed);
            }
        }
        // The index is updated only now: the evicted copies include the replaced one, and perhaps the new one.
        if self.store.peek(key).is_some() {
            index.insert(key, &copy.tags);
        }
        // The store does not sweep by itself. Each fill checks a few more entries, so that expired ones leave a busy
        // cache without a task that walks over it.
        for key in index.sample(4) {
            if self
                .store
                .peek(&*key)
                .is_none_or(|copy| copy.expires <= now)
            {
                self.take(&mut index, &key);
            }
        }
        true
    }

    /// Removes one key. True when there was a live copy.
    pub(crate) fn remove(&self, key: &str) -> bool {
        let mut index = self.writer.lock();
        self.take(&mut index, key)
    }

    /// Removes what a pattern names, except one key. Returns how many live copies were removed.
    pub(crate) fn remove_matching(&self, pattern: &Pattern, spared: Option<&str>) -> u64 {
        let mut index = self.writer.lock();
        let keys = match pattern {
            Pattern::Key(key) => vec![key.as_str().into()],
            _ => index.matching(pattern),
        };
        let mut removed = 0;
        for key in keys.iter().filter(|key| spared != Some(&***key)) {
            removed += u64::from(self.take(&mut index, key));
        }
        removed
    }

    /// How many live copies a pattern names.
    pub(crate) fn count_matching(&self, pattern: &Pattern) -> u64 {
        let index = self.writer.lock();
        let keys = match pattern {
            Pattern::Key(key) => vec![key.as_str().into()],
            _ => index.matching(pattern),
        };
        let now = Instant::now();
        let is_live = |key: &str| self.store.peek(key).is_some_and(|copy| now < copy.expires);
        keys.iter().filter(|key| is_live(key)).count() as u64
    }

    pub(crate) fn clear(&self) {
        let mut index = self.writer.lock();
        self.store.clear();
        index.clear();
    }

    /// How many entries there are, with expired ones that were not swept yet.
    pub(crate) fn len(&self) -> usize {
        self.store.len()
    }

    /// The bytes of all entries, each counted with at least the least weight.
    #[cfg(any(test, feature = "metrics", feature = "axum"))]
    pub(crate) fn weight(&self) -> u64 {
        self.store.weight()
    }

    /// The largest weight allowed.
    #[cfg(any(feature = "metrics", feature = "axum"))]
    pub(crate) fn capacity(&self) -> u64 {
        self.store.capacity()
    }

    /// How many copies were evicted before they expired.
    #[cfg(any(test, feature = "metrics", feature = "axum"))]
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions.load(Relaxed)
    }

    fn take(&self, index: &mut Index, key: &str) -> bool {
        let Some((_, copy)) = self.store.remove(key) else {
            return false;
        };
        index.remove(key, &copy.tags);
        Instant::now() < copy.expires
    }
}

#[derive(Clone, Debug)]
struct Weight {
    least: u64,
}

impl Weighter<Box<str>, Arc<MemoryEntry>> for Weight {
    fn weight(&self, key: &Box<str>, copy: &Arc<MemoryEntry>) -> u64 {
        ((key.len() + copy.bytes) as u64).max(self.least)
    }
}

/// Hands the evicted entries to the caller, who takes them out of the index.
#[derive(Clone, Debug)]
struct Evicted;

impl Lifecycle<Box<str>, Arc<MemoryEntry>> for Evicted {
    type RequestState = Vec<(Box<str>, Arc<MemoryEntry>)>;

    fn on_evict(&self, state: &mut Self::RequestState, key: Box<str>, copy: Arc<MemoryEntry>) {
        state.push((key, copy));
    }
}

/// When a lifetime ends. One that would overflow an [`Instant`] is cut to a year.
pub(crate) fn after(now: Instant, life: Duration) -> Instant {
    now.checked_add(life)
        .unwrap_or_else(|| now + Duration::from_secs(86400 * 365))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::type_ops;

    fn copy(value: u32, tags: &[&str], life: Duration) -> MemoryEntry {
        let now = Instant::now();
        MemoryEntry {
            value: Some(Arc::new(value)),
            ops: type_ops::<u32>(),
            template: 0,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            bytes: 8,
            version: 0,
            ttl: life,
            took: Duration::ZERO,
            expires: now + life,
            filled: now,
            aged: Duration::ZERO,
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    fn has(memory: &Memory, key: &str) -> bool {
        memory.get(key, Instant::now()).is_some()
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn a_prefix_takes_its_own_and_nothing_else() {
        let memory = Memory::new(100, 1 << 20);
        for key in [
            "jobs:list:0",
            "jobs:list:1",
            "jobs:stats",
            "jobsx",
            "users:1",
        ] {
            assert!(memory.fill(key, copy(1, &[], MINUTE), || true));
        }
        assert_eq!(
            memory.remove_matching(&pattern("jobs:"), Some("jobs:stats")),
            2
        );
        assert!(has(&memory, "jobs:stats"), "spared");
        assert!(has(&memory, "jobsx") && has(&memory, "users:1"));
    }

    #[test]
    fn tags_and_globs() {
        let memory = Memory::new(100, 1 << 20);
        memory.fill("a:1", copy(1, &["author:7"], MINUTE), || true);
        memory.fill("a:2", copy(1, &["author:71"], MINUTE), || true);
        memory.fill("b:1:roles", copy(1, &[], MINUTE), || true);
        assert_eq!(memory.remove_matching(&pattern("#author:7"), None), 1);
        assert!(!has(&memory, "a:1") && has(&memory, "a:2"));
        assert_eq!(memory.remove_matching(&pattern("*:roles"), None), 1);
        memory.fill("c:1", copy(1, &["x", "y"], MINUTE), || true);
        memory.fill("c:2", copy(1, &["x"], MINUTE), || true);
        assert_eq!(memory.remove_matching(&pattern("#x+#y"), None), 1);
        assert!(has(&memory, "c:2"));
        assert_eq!(memory.remove_matching(&pattern("c:2"), None), 1);
        assert_eq!(memory.remove_matching(&Pattern::all(), None), 1);
        assert_eq!(memory.len(), 0);
    }

    #[test]
    fn a_fill_that_is_not_permitted_any_more_stays_out() {
        let memory = Memory::new(100, 1 << 20);
        assert!(!memory.fill("k", copy(1, &[], MINUTE), || false));
        assert!(!has(&memory, "k"));
    }

    #[test]
    fn bounded_by_entries_and_by_bytes() {
        let memory = Memory::new(64, 64 * 1024);
        for number in 0..10_000 {
            memory.fill(&format!("k:{number}"), copy(number, &["t"], MINUTE), || {
                true
            });
        }
        assert!(memory.len() <= 64, "{}", memory.len());
        // A copy that finds no room itself does not count as an eviction.
        assert!(memory.evictions() <= 10_000 - memory.len() as u64);
        assert!(
            memory.writer.lock().len() <= 2 * 64,
            "the index shrinks with the store"
        );
        for number in 0..1_000 {
            let large = MemoryEntry {
                bytes: 8 * 1024,
                ..copy(number, &[], MINUTE)
            };
            memory.fill(&format!("l:{number}"), large, || true);
        }
        assert!(memory.weight() <= 64 * 1024, "{}", memory.weight());
    }

    #[test]
    fn whatever_was_evicted_a_removal_finds_all_that_is_held() {
        for removal in ["*", "k:", "#t", "#t*", "*:*"] {
            let memory = Memory::new(64, 64 * 1024);
            for number in 0..5_000_u32 {
                // Copies have all sizes, some larger than the store. Keys are filled again, and some are read, which
                // keeps them in.
                let copy = MemoryEntry {
                    bytes: 7_usize.pow(number % 7),
                    ..copy(number, &["t"], MINUTE)
                };
                memory.fill(&format!("k:{}", number * 7 % 97), copy, || true);
                has(&memory, &format!("k:{}", number * 13 % 97));
                if number % 500 == 499 {
                    memory.remove_matching(&pattern(removal), None);
                    assert_eq!(memory.len(), 0, "{removal} after {number}");
                    assert_eq!(memory.writer.lock().len(), 0);
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn expired_copies_are_not_served_and_are_swept_by_later_fills() {
        let memory = Memory::new(1000, 1 << 20);
        for number in 0..100 {
            memory.fill(
                &format!("old:{number}"),
                copy(number, &[], Duration::from_secs(1)),
                || true,
            );
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!has(&memory, "old:5"));
        for number in 0..100 {
            memory.fill(&format!("new:{number}"), copy(number, &[], MINUTE), || true);
        }
        assert!(memory.len() <= 110, "{} entries are left", memory.len());
    }

    #[test]
    fn replacing_a_copy_moves_its_tags() {
        let memory = Memory::new(100, 1 << 20);
        memory.fill("k", copy(1, &["old"], MINUTE), || true);
        memory.fill("k", copy(2, &["new"], MINUTE), || true);
        assert_eq!(memory.evictions(), 0, "replaced is not evicted");
        assert_eq!(memory.remove_matching(&Pattern::tag("old"), None), 0);
        assert_eq!(memory.remove_matching(&Pattern::tag("new"), None), 1);
    }

    #[test]
    fn a_copy_that_replaced_another_can_still_be_removed_by_prefix_and_tag() {
        for removal in ["a:", "*:1", "#t"] {
            let memory = Memory::new(100, 1 << 20);
            memory.fill("a:1", copy(1, &["t"], MINUTE), || true);
            memory.fill("a:1", copy(2, &["t"], MINUTE), || true);
            assert_eq!(
                memory.remove_matching(&pattern(removal), None),
                1,
                "{removal}"
            );
            assert!(
                !has(&memory, "a:1") && memory.writer.lock().len() == 0,
                "{removal}"
            );
        }
    }
}
