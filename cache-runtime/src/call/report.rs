//! Counts calls, and reports how they went.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::cache::{Cache, Hit};
use crate::call::site::{About, Site};
use crate::entry::policy::Aged;
use crate::telemetry::events::record;
use crate::telemetry::outcome::{CallOutcome, HitTier, Reason, Status};
use crate::telemetry::spans;
use crate::telemetry::stats::{Counters, bump};

pub(super) fn count(cache: &Cache, site: &'static Site, which: fn(&Counters) -> &AtomicU64) {
    bump(which(&cache.inner.counters));
    bump(which(site.counters()));
}

/// Counts a call that was answered from memory or Redis.
pub(super) fn report_hit(cache: &Cache, about: About, hit: &Hit, reason: Option<Reason>) {
    let site = about.site;
    match hit.tier {
        HitTier::Memory => {
            cache.inner.counters.memory_hits.bump();
            site.counters().memory_hits.bump();
        }
        HitTier::Redis => count(cache, site, |counters| &counters.redis_hits),
    }
    if hit.is_stale() {
        count(cache, site, |counters| &counters.stale_hits);
        if hit.tier == HitTier::Memory {
            count(cache, site, |counters| &counters.stale_memory_hits);
        }
    }
    record(|| hit_outcome(about, hit, reason));
}

/// The outcome of a call for which a value was found.
pub(super) fn hit_outcome(about: About, hit: &Hit, reason: Option<Reason>) -> CallOutcome {
    let usual = if hit.refresh {
        Reason::Refreshing
    } else {
        Reason::Fresh
    };
    found_outcome(about, hit.tier, hit.aged, reason.unwrap_or(usual))
}

/// The outcome of a call for which a value of that age was found in that tier, by itself or by a call whose lookup it shares.
pub(super) fn found_outcome(
    about: About,
    tier: HitTier,
    aged: Aged,
    reason: Reason,
) -> CallOutcome {
    let About { site, public } = about;
    CallOutcome {
        function: Some(site.name()),
        status: if aged.is_stale() {
            Status::Stale
        } else {
            Status::Hit
        },
        tier: Some(tier),
        age: aged.age,
        ttl: aged.ttl,
        stale: site.policy.stale,
        stale_on_error: site.policy.stale_on_error,
        stored: false,
        reason,
        failed: false,
        public,
        vary: site.varies_by(),
    }
}

/// The outcome of a call that ran its body, or waited for another's.
pub(super) fn ran_outcome(
    About { site, public }: About,
    failed: bool,
    status: Status,
    reason: Reason,
) -> CallOutcome {
    CallOutcome {
        function: Some(site.name()),
        status,
        tier: None,
        age: Duration::ZERO,
        ttl: Duration::ZERO,
        stale: site.policy.stale,
        stale_on_error: site.policy.stale_on_error,
        stored: false,
        reason,
        failed,
        public,
        vary: site.varies_by(),
    }
}

/// Reports the outcome to the observer, and to the span of the read.
pub(super) fn report(outcome: impl Fn() -> CallOutcome) {
    record(&outcome);
    spans::read_ended(outcome);
}
