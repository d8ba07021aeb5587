//! How the cached calls of one request went, told to whoever asked beforehand.
//!
//! A task-local: it costs a call that nobody asked about one look at a thread-local.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

tokio::task_local! {
    static REPORT: Arc<Report>;
    /// The key of the call that is being polled, where the report wants keys.
    static KEY: Arc<str>;
}

#[derive(Debug, Default)]
struct Report {
    options: ObserverOptions,
    observed: Mutex<Observed>,
}

/// What an observer asks of the calls that it observes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ObserverOptions {
    /// Reads run their bodies, and refresh what stands.
    pub(crate) fresh: bool,
    /// The report names the keys.
    pub(crate) keys: bool,
    /// The request bears credentials (`Authorization`).
    pub(crate) authorized: bool,
}

/// Calls that are told one by one; further ones are only counted.
const TOLD: usize = 64;

/// How the cached calls inside a future went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// Calls answered from the cache: no body ran for them, and none was waited for.
    pub hits: u32,
    /// Of the hits, those that the memory of this process answered.
    pub memory_hits: u32,
    /// Of the hits, those that were past their lifetime.
    pub stale: u32,
    /// Calls that ran their body, or waited for another call's.
    pub misses: u32,
    /// Calls that could not use the cache.
    pub bypasses: u32,
    /// Age of the oldest value that was served from the cache, to the millisecond; zero without a hit.
    pub age: Duration,
    calls: Vec<CallOutcome>,
    /// By place in `calls`; shorter where nobody asked.
    keys: Vec<Option<Arc<str>>>,
}

/// How one cached call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CallOutcome {
    /// The function's name in the statistics; `None` for an operation by hand.
    pub function: Option<&'static str>,
    /// What the caller got.
    pub status: Status,
    /// Which tier answered, where one did.
    pub tier: Option<HitTier>,
    /// How old the value was, to the millisecond; zero where the body ran.
    pub age: Duration,
    /// The value's whole lifetime; zero where it has none, because the cache was not to keep it.
    pub ttl: Duration,
    /// How long past its lifetime the function lets it be served while it is refreshed (`stale`).
    pub stale: Duration,
    /// How long past its lifetime the function lets it stand in for a body that fails or is slow (`stale_on_error`).
    pub stale_on_error: Duration,
    /// The body ran, and its result goes into the cache.
    pub stored: bool,
    /// Reason it went so.
    pub reason: Reason,
    /// The caller got an error: its own body's, another call's, or that of a `timeout`.
    pub failed: bool,
    /// The function says that its answer is for everyone (`public`).
    pub public: bool,
    /// Request headers that the function says its key depends on (`vary`), in lower case.
    pub vary: &'static [&'static str],
}

/// What the caller of a cached function got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// A fresh value from the cache.
    Hit,
    /// A value past its lifetime, as the function's options allow.
    Stale,
    /// The result of a load that another call had under way.
    Coalesced,
    /// Its own body's result.
    Miss,
    /// Its own body's result, past the cache.
    Bypass,
}

impl Status {
    /// The word in spans.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Coalesced => "coalesced",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }
}

/// Reason a cached call went as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// A fresh value was there.
    Fresh,
    /// A value was there whose refresh runs behind the caller's back.
    Refreshing,
    /// The body failed, and an older value stood in for it.
    BodyFailed,
    /// The body was too slow, and an older value stood in for it.
    BodySlow,
    /// Nothing was there.
    Absent,
    /// What was there is past its time, of another version of the type, of another server run, or damaged.
    Unusable,
    /// Redis is away, and memory had nothing.
    RedisAway,
    /// Another call was loading the value.
    Shared,
    /// The key was removed again and again while the call waited, or too much is under way.
    Contended,
    /// An argument that cannot be part of a key.
    NoKey,
    /// The request bears credentials that the key does not hold.
    Credentials,
    /// The function always runs its body (`put`, `refresh`).
    Asked,
    /// Inside of [`crate::deferred()`], after something that removes the key.
    InTransaction,
}

impl Reason {
    /// The word for it, as it is serialized: `absent`, `redis-away`, `body-slow`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Refreshing => "refreshing",
            Self::BodyFailed => "body-failed",
            Self::BodySlow => "body-slow",
            Self::Absent => "absent",
            Self::Unusable => "unusable",
            Self::RedisAway => "redis-away",
            Self::Shared => "shared",
            Self::Contended => "contended",
            Self::NoKey => "no-key",
            Self::Credentials => "credentials",
            Self::Asked => "asked",
            Self::InTransaction => "in-transaction",
        }
    }
}

/// The tier that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum HitTier {
    /// This process's memory.
    Memory,
    /// Redis.
    Redis,
}

impl Observed {
    /// `MISS` when a body ran or was waited for, `BYPASS` when a call could not use the cache, `STALE` when a value was
    /// past its lifetime, `HIT` when every cached call was a hit, and `None` when nothing cached was called.
    #[must_use]
    pub fn as_str(&self) -> Option<&'static str> {
        match self {
            Self { misses: 1.., .. } => Some("MISS"),
            Self { bypasses: 1.., .. } => Some("BYPASS"),
            Self { stale: 1.., .. } => Some("STALE"),
            Self { hits: 1.., .. } => Some("HIT"),
            _ => None,
        }
    }

    /// The calls one by one, in the order in which they ended; the first 64 of them.
    #[must_use]
    pub fn calls(&self) -> &[CallOutcome] {
        &self.calls
    }

    /// The key of a call, where the observer wanted keys.
    #[cfg(feature = "axum")]
    pub(crate) fn key(&self, call: usize) -> Option<&str> {
        self.keys.get(call)?.as_deref()
    }

    /// Calls of which only the number is known.
    #[cfg(feature = "axum")]
    pub(crate) fn untold(&self) -> usize {
        let all = self.hits as usize + self.misses as usize + self.bypasses as usize;
        all.saturating_sub(self.calls.len())
    }

    fn add(&mut self, call: CallOutcome) {
        match call.status {
            Status::Hit | Status::Stale => {
                self.hits += 1;
                self.memory_hits += u32::from(call.tier == Some(HitTier::Memory));
                self.stale += u32::from(call.status == Status::Stale);
                self.age = self.age.max(call.age);
            }
            // A load that had ended before the call came is as good as a hit.
            Status::Coalesced if call.reason == Reason::Fresh => self.hits += 1,
            Status::Coalesced | Status::Miss => self.misses += 1,
            Status::Bypass => self.bypasses += 1,
        }
        if self.calls.len() < TOLD {
            self.calls.push(call);
        }
    }
}

/// Runs a future and reports how the cached calls in it went. Calls in tasks that it spawns are not seen.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use cache_runtime::{Status, cached};
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
/// assert_eq!(observed.calls()[0].status, Status::Hit);
/// # }
/// ```
pub async fn observe<F: Future>(future: F) -> (F::Output, Observed) {
    observe_as(ObserverOptions::default(), future).await
}

/// The same, for an observer that wants more. What a surrounding one wants holds as well.
pub(crate) async fn observe_as<F: Future>(
    options: ObserverOptions,
    future: F,
) -> (F::Output, Observed) {
    let outer = observer_options();
    let report = Arc::new(Report {
        options: ObserverOptions {
            fresh: options.fresh || outer.fresh,
            authorized: options.authorized || outer.authorized,
            ..options
        },
        observed: Mutex::default(),
    });
    let output = REPORT.scope(report.clone(), future).await;
    let observed = std::mem::take(&mut *report.observed.lock());
    (output, observed)
}

/// What the observer of the current task asks for; nothing without one.
pub(crate) fn observer_options() -> ObserverOptions {
    REPORT.try_with(|report| report.options).unwrap_or_default()
}

/// Polls a call, or a part of it, whose key the observer wants to know.
pub(crate) fn naming<T>(key: Option<&Arc<str>>, poll: impl FnOnce() -> T) -> T {
    match key {
        Some(key) => KEY.sync_scope(key.clone(), poll),
        None => poll(),
    }
}

/// Tells whoever asked; what there is to tell is only worked out then.
pub(crate) fn note(outcome: impl FnOnce() -> CallOutcome) {
    // No report: nobody asked.
    let _ = REPORT.try_with(|report| {
        let mut outcome = outcome();
        outcome.age = to_the_millisecond(outcome.age);
        let mut observed = report.observed.lock();
        observed.add(outcome);
        if report.options.keys && observed.keys.len() < TOLD {
            observed.keys.push(KEY.try_with(Arc::clone).ok());
        }
    });
}

fn to_the_millisecond(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
