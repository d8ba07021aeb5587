//! One read of one key, without its types, and what it comes to.

use std::sync::Arc;

use crate::cache::load::Loading;
use crate::common::random;
use crate::entry::TypeOps;
use crate::entry::policy::{Aged, Decision, Moment, Near, Policy, decide};
use crate::key::CacheKey;
use crate::local::flight::{Flight, Outcome};
use crate::local::memory::Kept;
use crate::redis::Lease;
use crate::telemetry::function::Function;
use crate::telemetry::outcome::{HitTier, Reason};

/// One read of one key, without its types.
pub(crate) struct Request<'a> {
    pub(crate) key: &'a CacheKey,
    pub(crate) ops: &'static TypeOps,
    pub(crate) near: Near,
    /// Tags of the entry, as far as they are known before the load.
    pub(crate) tags: &'a [String],
    /// Literal beginnings of those that only the result tells.
    pub(crate) open_tags: &'a [String],
    /// The result type has a place for a cached absence.
    pub(crate) takes_none: bool,
    /// The call removes entries, so it must not lean on what stands at its key.
    pub(crate) removes: bool,
    pub(crate) policy: &'static Policy,
    pub(crate) demand: Demand,
    pub(crate) function: Option<&'static Function>,
}

/// Which values will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// What the policy lets a reader have.
    Any,
    /// What the policy lets stand in for a body that failed or is slow.
    StandIn,
    /// A fresh one, and not this: a refresh of it.
    NewerThan(u64),
    /// None that stands, and of no load that this process had begun before: only one that begins now.
    OnlyALoad,
}

/// A value from a tier.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) kept: Kept,
    pub(crate) tier: HitTier,
    pub(crate) aged: Aged,
    /// Which value it is, for a refresh.
    pub(crate) version: u64,
    /// It is to be refreshed behind the caller's back.
    pub(crate) refresh: bool,
}

/// What a read comes to.
pub(crate) enum ReadOutcome {
    Hit(Hit),
    /// Another call's load. `true`: it had ended before this call came.
    Coalesced(Outcome, bool),
    /// Run the body, and end the load.
    Load(Box<Loading>),
    /// Run the body in turn with others, after a load whose result could not be shared. `true`: it had failed.
    RunLimited(Arc<Flight<Box<Lease>>>, bool),
    /// Run the body, without any of the cache.
    RunUncached(Reason),
}

impl<'a> Request<'a> {
    /// Of a key by hand: no function, no policy.
    pub(crate) fn plain(key: &'a CacheKey, ops: &'static TypeOps) -> Self {
        Self {
            key,
            ops,
            near: Near::On,
            tags: &[],
            open_tags: &[],
            takes_none: false,
            removes: false,
            policy: &Policy::PLAIN,
            demand: Demand::Any,
            function: None,
        }
    }

    /// What becomes of a value of that age.
    pub(crate) fn judge(&self, aged: Aged, version: u64, absent: bool) -> Decision {
        let policy = if absent { &Policy::PLAIN } else { self.policy };
        match self.demand {
            Demand::Any => decide(aged, policy, Moment::Found, random::fraction),
            Demand::StandIn => decide(aged, policy, Moment::Pressed, random::fraction),
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
    /// Past its lifetime.
    pub(crate) fn is_stale(&self) -> bool {
        self.aged.age >= self.aged.ttl
    }
}
