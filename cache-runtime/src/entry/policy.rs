//! What may be served, decided from age, policy and outcome by one pure function ([`decide`]).
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

/// May the memory tier answer while Redis is up?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Near {
    /// Yes: it follows Redis within the delay of a push.
    On,
    /// No: every read asks Redis.
    Off,
    /// A copy at most so old.
    AtMost(Duration),
}

/// What a function asks of its values beyond their lifetime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// Past the ttl, how long a value is served while it is refreshed.
    pub(crate) stale: Duration,
    /// Past the ttl, how long a value stands in for a body that fails or is slow.
    pub(crate) stale_on_error: Duration,
    /// After a failure, how long the older value stands in without another attempt.
    pub(crate) retry: Duration,
    /// How eagerly a value is refreshed before its end; XFetch's beta.
    pub(crate) early: Option<f64>,
    /// How long a call waits at most.
    pub(crate) timeout: Option<Duration>,
    /// How long a call waits while there is a stale value that it could have.
    pub(crate) soft_timeout: Option<Duration>,
    /// By how many percent a lifetime is shortened at most.
    pub(crate) jitter: u8,
    /// Memory answers while Redis is away.
    pub(crate) memory_in_outage: bool,
    pub(crate) codec: CodecKind,
    /// How, and from how many bytes on.
    pub(crate) compress: Option<(Compression, usize)>,
}

/// How old a value is, and how old it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aged {
    pub(crate) age: Duration,
    pub(crate) ttl: Duration,
    /// What its load took.
    pub(crate) took: Duration,
}

/// When the question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A reader has found it.
    Found,
    /// The body has failed, or its reader will not wait for it any longer.
    Pressed,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Serve it.
    Fresh,
    /// Serve it, and refresh it behind the caller's back.
    Refresh,
    /// Serve it in place of what could not be had.
    StandIn,
    /// Run the body first; then ask again if that fails.
    Reload,
    /// It is of no use any more.
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
        memory_in_outage: true,
        codec: CodecKind::Bincode,
        compress: None,
    };

    /// Past its ttl, how long a value is of any use.
    pub(crate) fn grace(&self) -> Duration {
        self.stale.max(self.stale_on_error)
    }

    /// A lifetime spread over `1 - jitter` to 1 of what was asked for, so that what was stored together does not expire
    /// together. Never longer: a ttl is a promise.
    pub(crate) fn spread(&self, ttl: Duration, luck: impl FnOnce() -> f64) -> Duration {
        if self.jitter == 0 {
            return ttl;
        }
        let shorter = ttl.mul_f64(f64::from(self.jitter) / 100.0 * luck().clamp(0.0, 1.0));
        ttl.saturating_sub(shorter)
            .max(Duration::from_millis(1).min(ttl))
    }
}

/// The one decision. `luck`, in 0..1, is asked for only where it matters.
pub(crate) fn decide(
    aged: Aged,
    policy: &Policy,
    moment: Moment,
    luck: impl FnOnce() -> f64,
) -> Decision {
    let Aged { age, ttl, took } = aged;
    if age < ttl {
        let early = moment == Moment::Found
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
        Moment::Found if past < policy.stale => Decision::Refresh,
        Moment::Found if past < policy.grace() => Decision::Reload,
        Moment::Pressed if past < policy.grace() => Decision::StandIn,
        Moment::Found | Moment::Pressed => Decision::Refuse,
    }
}

/// XFetch, moved ahead by one load time: a refresh behind the caller's back must *end* before the value does, where the
/// paper's ends in the caller's own time. Each reader draws for itself; the nearer the end, the likelier.
fn is_early(left: Duration, took: Duration, beta: f64, luck: impl FnOnce() -> f64) -> bool {
    // A clock of milliseconds cannot tell a quick load from none.
    let took = took.max(Duration::from_millis(1)).as_secs_f64() * beta;
    let left = left.as_secs_f64();
    // ln of the least luck that is drawn, 2^-32, is -22.2: beyond that nobody is early.
    if left > took * 23.2 {
        return false;
    }
    let luck = luck().clamp(f64::from(u32::MAX).recip(), 1.0);
    took * (1.0 - luck.ln()) >= left
}

#[cfg(test)]
mod tests;
