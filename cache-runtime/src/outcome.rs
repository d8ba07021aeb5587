//! How the cached calls of one request went, told to whoever asked beforehand.
//!
//! A task-local: it costs a call that nobody asked about one look at a thread-local.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

tokio::task_local! {
    static REPORT: Arc<Counts>;
}

#[derive(Debug, Default)]
struct Counts {
    hits: AtomicU32,
    memory_hits: AtomicU32,
    misses: AtomicU32,
    bypasses: AtomicU32,
    /// Of the oldest value served, in ms.
    age: AtomicU64,
}

/// How the cached calls inside a future went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// Calls answered from the cache: no body ran for them, and none was waited for.
    pub hits: u32,
    /// Of the hits, those that the memory of this process answered.
    pub memory_hits: u32,
    /// Calls that ran their body, or waited for another call's.
    pub misses: u32,
    /// Calls that could not use the cache.
    pub bypasses: u32,
    /// Age of the oldest value that was served from the cache, to the millisecond; zero without a hit.
    pub age: Duration,
}

impl Observed {
    /// `HIT` when every cached call was one, `MISS` when one was not, `BYPASS` when one could not use the cache, and
    /// `None` when nothing cached was called.
    #[must_use]
    pub fn as_str(&self) -> Option<&'static str> {
        match self {
            Self { misses: 1.., .. } => Some("MISS"),
            Self { bypasses: 1.., .. } => Some("BYPASS"),
            Self { hits: 1.., .. } => Some("HIT"),
            _ => None,
        }
    }
}

/// Runs a future and reports how the cached calls in it went. Calls in tasks that it spawns are not seen.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use cache_runtime::cached;
///
/// #[cached(ttl = "1m", key = "square:<n>")]
/// async fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// let (nine, observed) = cache_runtime::observe(square(3)).await;
/// assert_eq!((nine, observed.as_str()), (9, Some("MISS")));
/// let (_, observed) = cache_runtime::observe(square(3)).await;
/// assert_eq!(observed.as_str(), Some("HIT"));
/// # }
/// ```
pub async fn observe<F: Future>(future: F) -> (F::Output, Observed) {
    let counts = Arc::new(Counts::default());
    let output = REPORT.scope(counts.clone(), future).await;
    let observed = Observed {
        hits: counts.hits.load(Relaxed),
        memory_hits: counts.memory_hits.load(Relaxed),
        misses: counts.misses.load(Relaxed),
        bypasses: counts.bypasses.load(Relaxed),
        age: Duration::from_millis(counts.age.load(Relaxed)),
    };
    (output, observed)
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// With the value's age.
    Hit(Duration),
    Miss,
    Bypass,
}

/// A hit, of this process's memory or not; its age is only worked out where somebody asked.
pub(crate) fn note_hit(age: impl FnOnce() -> Duration, in_memory: bool) {
    let asked =
        REPORT.try_with(|counts| counts.memory_hits.fetch_add(u32::from(in_memory), Relaxed));
    if asked.is_ok() {
        note(Event::Hit(age()));
    }
}

pub(crate) fn note(event: Event) {
    // No report: nobody asked.
    let _ = REPORT.try_with(|counts| {
        let counter = match event {
            Event::Hit(age) => {
                counts
                    .age
                    .fetch_max(u64::try_from(age.as_millis()).unwrap_or(u64::MAX), Relaxed);
                &counts.hits
            }
            Event::Miss => &counts.misses,
            Event::Bypass => &counts.bypasses,
        };
        counter.fetch_add(1, Relaxed);
    });
}
