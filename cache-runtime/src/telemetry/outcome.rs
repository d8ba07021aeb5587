//! Reports how the cached calls of one request went, to an observer that was set before them.
//!
//! The observer is a task-local. Without one, a call only pays for a lookup of a thread-local.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

tokio::task_local! {
    static REPORT: Arc<Report>;
    /// The key of the call that is being polled, if the observer wants keys.
    static KEY: Arc<str>;
}

#[derive(Debug, Default)]
struct Report {
    options: ObserverOptions,
    observed: Mutex<Observed>,
}

/// The options of an observer for the calls that it observes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ObserverOptions {
    /// Reads do not return the stored value, but a newer one.
    pub(crate) fresh: bool,
    /// The report contains the keys.
    pub(crate) keys: bool,
    /// The request has credentials (`Authorization`).
    pub(crate) authorized: bool,
}

/// The number of calls that are reported one by one; further ones are only counted.
const MAX_CALLS: usize = 64;

/// The result of [`observe`]: how the cached calls inside a future went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// Calls answered from the cache, without running or waiting for a body.
    pub hits: u32,
    /// The hits that were answered from this process's memory.
    pub memory_hits: u32,
    /// The hits whose value was past its TTL.
    pub stale: u32,
    /// Calls that ran their body, or waited for the load of another call.
    pub misses: u32,
    /// Calls that could not use the cache.
    pub bypasses: u32,
    /// Age of the oldest value that was served from the cache, in whole milliseconds; zero without a hit.
    pub age: Duration,
    calls: Vec<CallOutcome>,
    /// The keys, at the same positions as in `calls`; shorter if no observer wants keys.
    keys: Vec<Option<Arc<str>>>,
}

/// How one cached call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CallOutcome {
    /// The name of the function in the statistics; `None` for a manual operation.
    pub function: Option<&'static str>,
    /// The kind of result that the caller got.
    pub status: Status,
    /// The tier that answered; `None` if none did.
    pub tier: Option<HitTier>,
    /// The age of the value in whole milliseconds; zero if the body ran.
    pub age: Duration,
    /// The TTL of the value; zero if the value was not to be cached.
    pub ttl: Duration,
    /// How long after its TTL the function allows the value to be served while it is refreshed (`stale`).
    pub stale: Duration,
    /// How long after its TTL the function allows the value to be served when the body fails or is slow
    /// (`stale_on_error`).
    pub stale_on_error: Duration,
    /// Whether the body ran and its result goes into the cache.
    pub stored: bool,
    /// The reason for the status.
    pub reason: Reason,
    /// Whether the caller got an error: from its own body, from another call's, or from a `timeout`.
    pub failed: bool,
    /// Whether the function declares its result to be the same for everyone (`public`).
    pub public: bool,
    /// The request headers that the function declares its key to depend on (`vary`), in lower case.
    pub vary: &'static [&'static str],
}

/// The kind of result that the caller of a cached function got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// A fresh value from the cache.
    Hit,
    /// A value past its TTL, which the function's options allow.
    Stale,
    /// The result of a load that another call had started.
    Coalesced,
    /// The result of the call's own body.
    Miss,
    /// The result of the call's own body, without using the cache.
    Bypass,
}

impl Status {
    /// The name of the status in spans.
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

/// Why a cached call has its [`Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// The cache held a fresh value.
    Fresh,
    /// The cache held a value that is being refreshed in the background.
    Refreshing,
    /// The body failed, and an older value was served instead.
    BodyFailed,
    /// The body was too slow, and an older value was served instead.
    BodySlow,
    /// The cache held no value.
    Absent,
    /// The stored value has expired, belongs to another version of the type or to another run of the server, or is
    /// damaged.
    Unusable,
    /// Another program has a value at the key, which is left alone: nothing can be stored there.
    Foreign,
    /// Redis was unavailable, and memory held no value.
    RedisAway,
    /// Redis does not push removals to this process, so it keeps no values of functions that are not `async` while Redis is
    /// in use.
    Unheard,
    /// Another call was loading the value.
    Shared,
    /// The key was removed repeatedly while the call waited, or too many loads are under way.
    Contended,
    /// An argument that cannot be part of a key.
    NoKey,
    /// The request has credentials that are not part of the key.
    Credentials,
    /// The function always runs its body (`put`, `refresh`).
    Asked,
    /// The call is inside [`crate::deferred()`], after something that removes its key.
    InTransaction,
    /// The call is inside the body of a function that invalidates its key.
    OwnWrite,
    /// The cache is switched off ([`CacheConfig::enabled`](crate::CacheConfig::enabled)).
    Off,
    /// The function or the cache is in shadow mode ([`CacheConfig::shadow`](crate::CacheConfig::shadow)): values are stored and
    /// compared, and none is served.
    Shadow,
}

impl Reason {
    /// The reason as it is serialized: `absent`, `redis-away`, `body-slow`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Refreshing => "refreshing",
            Self::BodyFailed => "body-failed",
            Self::BodySlow => "body-slow",
            Self::Absent => "absent",
            Self::Unusable => "unusable",
            Self::Foreign => "foreign",
            Self::RedisAway => "redis-away",
            Self::Unheard => "unheard",
            Self::Shared => "shared",
            Self::Contended => "contended",
            Self::NoKey => "no-key",
            Self::Credentials => "credentials",
            Self::Asked => "asked",
            Self::InTransaction => "in-transaction",
            Self::OwnWrite => "own-write",
            Self::Off => "off",
            Self::Shadow => "shadow",
        }
    }
}

/// The tier that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum HitTier {
    /// The memory of this process.
    Memory,
    /// Redis.
    Redis,
}

impl Observed {
    /// `MISS` if a body ran or was waited for, else `BYPASS` if a call could not use the cache, else `STALE` if a
    /// value was past its TTL, else `HIT` if there were hits. `None` if no cached function was called.
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

    /// The first 64 calls, in the order in which they ended.
    #[must_use]
    pub fn calls(&self) -> &[CallOutcome] {
        &self.calls
    }

    /// The key of a call, if the observer wants keys.
    #[cfg(feature = "axum")]
    pub(crate) fn key(&self, call: usize) -> Option<&str> {
        self.keys.get(call)?.as_deref()
    }

    /// The number of calls that were only counted.
    #[cfg(feature = "axum")]
    pub(crate) fn omitted(&self) -> usize {
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
            // A load that had ended before the call began counts as a hit.
            Status::Coalesced if call.reason == Reason::Fresh => self.hits += 1,
            Status::Coalesced | Status::Miss => self.misses += 1,
            Status::Bypass => self.bypasses += 1,
        }
        if self.calls.len() < MAX_CALLS {
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

/// Like [`observe`], with options. Options of a surrounding observer apply as well.
pub(crate) async fn observe_as<F: Future>(
    options: ObserverOptions,
    future: F,
) -> (F::Output, Observed) {
    let observer = Observer::new(options);
    let mut future = pin!(future);
    let output = poll_fn(|context| observer.watch(|| future.as_mut().poll(context))).await;
    (output, observer.finish())
}

/// Collects what the calls report that are polled under its watch.
#[derive(Debug)]
pub(crate) struct Observer(Arc<Report>);

impl Observer {
    /// Create it where the observed future is polled: the options of a surrounding observer are added.
    pub(crate) fn new(options: ObserverOptions) -> Self {
        let outer = observer_options();
        Self(Arc::new(Report {
            options: ObserverOptions {
                fresh: options.fresh || outer.fresh,
                authorized: options.authorized || outer.authorized,
                ..options
            },
            observed: Mutex::default(),
        }))
    }

    /// Polls the observed future.
    pub(crate) fn watch<T>(&self, poll: impl FnOnce() -> T) -> T {
        REPORT.sync_scope(self.0.clone(), poll)
    }

    /// What has been reported.
    pub(crate) fn finish(&self) -> Observed {
        std::mem::take(&mut *self.0.observed.lock())
    }
}

/// The options of the observer of the current task; the default without one.
pub(crate) fn observer_options() -> ObserverOptions {
    REPORT.try_with(|report| report.options).unwrap_or_default()
}

/// Polls a call, or a part of it, with its key set for the observer.
pub(crate) fn naming<T>(key: Option<&Arc<str>>, poll: impl FnOnce() -> T) -> T {
    match key {
        Some(key) => KEY.sync_scope(key.clone(), poll),
        None => poll(),
    }
}

/// Reports a call to the observer, if there is one; only then is the outcome computed.
pub(super) fn tell_observer(outcome: impl FnOnce() -> CallOutcome) {
    // Without an observer there is nothing to report.
    let _ = REPORT.try_with(|report| {
        let mut outcome = outcome();
        outcome.age = to_the_millisecond(outcome.age);
        let mut observed = report.observed.lock();
        observed.add(outcome);
        if report.options.keys && observed.keys.len() < MAX_CALLS {
            observed.keys.push(KEY.try_with(Arc::clone).ok());
        }
    });
}

fn to_the_millisecond(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
