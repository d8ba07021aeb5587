//! One listener for all that happens in the caches of a process.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::error::Error;
use crate::key::Pattern;
use crate::telemetry::invalidation::Invalidation;
use crate::telemetry::outcome::{CallOutcome, tell_observer};

/// Something that happened in a cache of this process, for [`on_event`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum CacheEvent<'a> {
    /// A call of a cached function, or a manual read, has its result: a hit, a miss, a call that waited for another, or one that
    /// did not use the cache. [`CallOutcome::stored`] tells whether its result goes into the cache.
    Call(&'a CallOutcome),
    /// This process has made a removal: by a function with `invalidates`, by hand, or for a caller that was dropped. If it is
    /// [`queued`](crate::Durability::Queued), other processes do not know of it yet. Removals that wait for a commit
    /// ([`deferred`](crate::deferred())) come when they are made.
    Removal(&'a [Pattern], Invalidation),
    /// An attempt to connect to Redis has failed, the first one since it was connected or since the start. In a Redis Cluster
    /// this comes for each of the 16 buckets of keys that is concerned.
    RedisLost,
    /// Redis is connected: for the first time, or again. In a Redis Cluster this comes for each bucket.
    RedisConnected,
    /// A value in the cache differs from what the function returns now, and nothing has removed it: an invalidation is missing. See
    /// the option `verify`, and [`CacheConfig::shadow`](crate::CacheConfig::shadow).
    Mismatch(&'a Mismatch<'a>),
}

/// A value in the cache that differs from what its function returns, for [`CacheEvent::Mismatch`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Mismatch<'a> {
    /// The function's name in the statistics.
    pub function: &'static str,
    /// The key of the value. It may contain personal data, so log lines have only its hash.
    pub key: &'a str,
    /// How long ago the value was stored.
    pub age: Duration,
}

type Listener = Box<dyn Fn(CacheEvent<'_>) + Send + Sync>;

static LISTENER: OnceCell<Listener> = OnceCell::new();

/// Calls the listener for whatever happens in any cache of this process from now on, for counters of your own or to pass
/// removals on to a CDN.
///
/// It is called where the event happens, on the path of the call: it must return soon, and must not block. Hand longer work to
/// a task, through a bounded channel for example. If it panics, the panic is caught and logged once. Refreshes in the
/// background are no calls.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use cache_runtime::{CacheEvent, Status, on_event};
///
/// static STALE: AtomicU64 = AtomicU64::new(0);
///
/// # fn main() -> Result<(), cache_runtime::Error> {
/// on_event(|event| {
///     if let CacheEvent::Call(call) = event
///         && call.status == Status::Stale
///     {
///         STALE.fetch_add(1, Ordering::Relaxed);
///     }
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// There is a listener already. It stays; let it call what the second one would have done.
pub fn on_event(listener: impl Fn(CacheEvent<'_>) + Send + Sync + 'static) -> Result<(), Error> {
    LISTENER.set(Box::new(listener)).map_err(|_| {
        Error::config(
            "`on_event` was called twice, and a process has one listener: let the first one do what the second should do",
        )
    })
}

/// Reports a call to the observer and to the listener, if there are any; only then is the outcome computed.
pub(crate) fn record(outcome: impl FnOnce() -> CallOutcome) {
    if LISTENER.get().is_none() {
        return tell_observer(outcome);
    }
    let outcome = outcome();
    tell(CacheEvent::Call(&outcome));
    tell_observer(|| outcome);
}

/// Tells the listener, if there is one.
pub(crate) fn tell(event: CacheEvent<'_>) {
    static SAID: AtomicBool = AtomicBool::new(false);
    let Some(listener) = LISTENER.get() else {
        return;
    };
    if catch_unwind(AssertUnwindSafe(|| listener(event))).is_err()
        && !SAID.swap(true, Ordering::Relaxed)
    {
        tracing::error!(
            event = %Named(event),
            "the listener that was given to on_event has panicked; the call goes on, and further panics of it are not logged"
        );
    }
}

/// The kind of an event, without what it contains.
struct Named<'a>(CacheEvent<'a>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            CacheEvent::Call(_) => "call",
            CacheEvent::Removal(..) => "removal",
            CacheEvent::RedisLost => "redis lost",
            CacheEvent::RedisConnected => "redis connected",
            CacheEvent::Mismatch(_) => "mismatch",
        })
    }
}
