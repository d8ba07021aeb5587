//! Whether a value may be served: one pure function ([`decide`]) decides from the age of a value, the policy and the outcome.
//!
//! ```text
//!  written            ttl            ttl + stale         ttl + stale_on_error
//!     |─── fresh ──────|── stale ──────────|──────────────────────|
//!     |        ░early░ |  served, one      |  body runs first;    |  body runs; its failure is
//!     |                |  refresh behind   |  stands in for it    |  what the caller gets
//! ```
//!
//! Stale-while-revalidate and stale-if-error: RFC 5861. Early refresh: XFetch, from A. Vattani, F. Chierichetti and
//! K. Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015.

use std::time::Duration;

use crate::entry::{CodecKind, Compression};

/// Whether memory may answer while Redis is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Near {
    /// Yes: it follows Redis with the delay of an invalidation push.
    On,
    /// No: every read asks Redis.
    Off,
    /// Only with copies of at most this age.
    AtMost(Duration),
}

/// Whether memory or the body answers a call while Redis is unavailable. Removals by other processes do not arrive then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outage {
    /// Memory, with values up to a certain age ([`CacheConfig::outage_max_age`](crate::CacheConfig::outage_max_age)).
    Memory,
    /// The body.
    Bypass,
}

/// The options of a function for serving values, besides the TTL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// How long after its TTL a value is served while it is refreshed.
    pub(crate) stale: Duration,
    /// How long after its TTL a value is served if the body fails or is slow.
    pub(crate) stale_on_error: Duration,
    /// How long after a failure the older value is served without another attempt.
    pub(crate) retry: Duration,
    /// How early a value is refreshed before its end; XFetch's beta.
    pub(crate) early: Option<f64>,
    /// How long a call waits at most.
    pub(crate) timeout: Option<Duration>,
    /// How long a call waits for its body if there is a stale value to serve.
    pub(crate) soft_timeout: Option<Duration>,
    /// By how many percent a TTL is shortened at most.
    pub(crate) jitter: u8,
    /// Whether memory answers while Redis is unavailable.
    pub(crate) outage: Option<Outage>,
    pub(crate) codec: CodecKind,
    /// The compression, and the size in bytes from which it is used.
    pub(crate) compress: Option<(Compression, usize)>,
    /// Of how many hits one is compared with what the body returns now; zero: none.
    pub(crate) verify: u32,
    /// Whether values are stored and compared, and none is served.
    pub(crate) shadow: bool,
}

/// The age of a value, and its TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aged {
    pub(crate) age: Duration,
    pub(crate) ttl: Duration,
    /// The duration of its load.
    pub(crate) took: Duration,
}

impl Aged {
    /// Whether the value is past its TTL.
    pub(crate) fn is_stale(self) -> bool {
        self.age >= self.ttl
    }
}

/// The situation in which the decision is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A reader has found the value.
    Lookup,
    /// The body has failed, or the call no longer waits for it.
    Fallback,
}

/// The decision about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Serve it.
    Fresh,
    /// Serve it, and refresh it in the background.
    Refresh,
    /// Serve it in place of the body's result.
    Fallback,
    /// Run the body first; if it fails, decide again.
    Reload,
    /// Do not serve it.
    Refuse,
}

impl Policy {
    pub(crate) const PLAIN: Self = Self {
        stale: Duration::ZERO,
        stale_on_error: Duration::ZERO,
        retry: Duration::from_secs(1),
        early: None,
        timeout: None,
        soft_timeout: None,
        jitter: 0,
        outage: None,
        codec: CodecKind::DEFAULT,
        compress: None,
        verify: 0,
        shadow: false,
    };

    /// How long after its TTL a value may be served at all.
    pub(crate) fn grace(&self) -> Duration {
        self.stale.max(self.stale_on_error)
    }

    /// A TTL at random between `1 - jitter` and 1 of the requested one, so that values stored together do not expire
    /// together. Never longer than requested.
    pub(crate) fn with_jitter(&self, ttl: Duration, luck: impl FnOnce() -> f64) -> Duration {
        if self.jitter == 0 {
            return ttl;
        }
        let shorter = ttl.mul_f64(f64::from(self.jitter) / 100.0 * luck().clamp(0.0, 1.0));
        ttl.saturating_sub(shorter)
            .max(Duration::from_millis(1).min(ttl))
    }
}

/// Decides what happens with a value. `luck` returns a random number in 0..1, and is called only if it matters.
pub(crate) fn decide(
    aged: Aged,
    policy: &Policy,
    moment: Moment,
    luck: impl FnOnce() -> f64,
) -> Decision {
    let Aged { age, ttl, took } = aged;
    if age < ttl {
        let early = moment == Moment::Lookup
            && policy
                .early
                .is_some_and(|beta| is_early(ttl - age, took, beta, luck));
        return if early {
            Decision::Refresh
        } else {
            Decision::Fresh
        };
    }
    let past = age - ttl;
    match moment {
        Moment::Lookup if past < policy.stale => Decision::Refresh,
        Moment::Lookup if past < policy.grace() => Decision::Reload,
        Moment::Fallback if past < policy.grace() => Decision::Fallback,
        Moment::Lookup | Moment::Fallback => Decision::Refuse,
    }
}

/// XFetch, moved ahead by one load time: a background refresh must *end* before the value does, whereas the paper's
/// refresh runs within the call. Each reader draws independently; the nearer the end, the more likely is a refresh.
fn is_early(left: Duration, took: Duration, beta: f64, luck: impl FnOnce() -> f64) -> bool {
    // With a clock in milliseconds, a fast load seems to take no time.
    let took = took.max(Duration::from_millis(1)).as_secs_f64() * beta;
    let left = left.as_secs_f64();
    // The logarithm of the smallest number drawn, 2^-32, is -22.2: further from the end, no refresh can be early.
    if left > took * 23.2 {
        return false;
    }
    let luck = luck().clamp(f64::from(u32::MAX).recip(), 1.0);
    took * (1.0 - luck.ln()) >= left
}

#[cfg(test)]
mod tests;
