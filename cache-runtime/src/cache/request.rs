//! A read of one key, without the types of the function, and its possible outcomes.

use std::sync::Arc;

use crate::cache::load::Load;
use crate::common::random;
use crate::entry::TypeOps;
use crate::entry::policy::{Aged, Decision, Moment, Near, Policy, decide};
use crate::key::CacheKey;
use crate::local::flight::{Flight, Outcome};
use crate::local::memory::StoredValue;
use crate::redis::Lease;
use crate::telemetry::function::Function;
use crate::telemetry::outcome::{HitTier, Reason};

/// A read of one key, without the types of the function.
pub(crate) struct Request<'a> {
    pub(crate) key: &'a CacheKey,
    pub(crate) ops: &'static TypeOps,
    /// `None`: as the cache is set.
    pub(crate) near: Option<Near>,
    /// The tags of the entry that are known before the load.
    pub(crate) tags: &'a [String],
    /// The literal beginnings of the tags that depend on the result.
    pub(crate) open_tags: &'a [String],
    /// Whether the result type can represent a cached absence.
    pub(crate) takes_none: bool,
    /// Whether the call removes entries; then it must not rely on the entry at its key.
    pub(crate) removes: bool,
    pub(crate) policy: &'static Policy,
    pub(crate) demand: Demand,
    pub(crate) function: Option<&'static Function>,
}

/// Which values the call accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Any value that the policy allows a reader.
    Any,
    /// Any value that the policy allows in place of a body that failed or is slow.
    Fallback,
    /// A fresh value of another version than this one: for a refresh.
    NewerThan(u64),
    /// No stored value and no load that this process has already begun: only a load that begins now.
    OnlyALoad,
}

/// A value found in memory or Redis.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) kept: StoredValue,
    pub(crate) tier: HitTier,
    pub(crate) aged: Aged,
    /// The version of the value, for a refresh.
    pub(crate) version: u64,
    /// Whether the value is to be refreshed in the background.
    pub(crate) refresh: bool,
}

/// The outcome of a read.
pub(crate) enum ReadOutcome {
    Hit(Hit),
    /// The outcome of another call's load. `true`: the load had ended before this call joined it.
    Coalesced(Outcome, bool),
    /// The caller runs the body, and ends the load.
    Load(Box<Load>),
    /// The caller runs the body, limited to a few at a time, after a load whose result could not be shared. `true`:
    /// that load had failed.
    RunLimited(Arc<Flight<Box<Lease>>>, bool),
    /// The caller runs the body without the cache.
    RunUncached(Reason),
}

impl<'a> Request<'a> {
    /// A manual read of a key: no function, no policy.
    pub(crate) fn plain(key: &'a CacheKey, ops: &'static TypeOps) -> Self {
        Self {
            key,
            ops,
            near: None,
            tags: &[],
            open_tags: &[],
            takes_none: false,
            removes: false,
            policy: &Policy::PLAIN,
            demand: Demand::Any,
            function: None,
        }
    }

    /// Whether a value of this age is served, and whether it is refreshed.
    pub(crate) fn judge(&self, aged: Aged, version: u64, absent: bool) -> Decision {
        let policy = if absent { &Policy::PLAIN } else { self.policy };
        match self.demand {
            Demand::Any => decide(aged, policy, Moment::Lookup, random::fraction),
            Demand::Fallback => decide(aged, policy, Moment::Fallback, random::fraction),
            Demand::NewerThan(known) if version != known && aged.age < aged.ttl => Decision::Fresh,
            Demand::NewerThan(_) | Demand::OnlyALoad
                if aged.age < aged.ttl.saturating_add(policy.grace()) =>
            {
                Decision::Reload
            }
            Demand::NewerThan(_) | Demand::OnlyALoad => Decision::Refuse,
        }
    }
}

impl Hit {
    /// Whether the value is past its TTL.
    pub(crate) fn is_stale(&self) -> bool {
        self.aged.is_stale()
    }
}
