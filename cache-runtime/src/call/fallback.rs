//! Values that replace a body's result, and waiting for a body while there may be such a value.

use std::future::Future;
use std::pin::Pin;

use crate::cache::{Cache, Demand};
use crate::cacheable::erased::{AnyKind, AnyResult};
use crate::call::boxed;
use crate::call::report::{count, hit_outcome, ran_outcome};
use crate::call::request::{Shape, give_back_aged, request_of};
use crate::call::site::About;
use crate::call::timeouts::{Limit, Timeouts};
use crate::key::CacheKey;
use crate::redis::Budget;
use crate::telemetry::outcome::{CallOutcome, Reason, Status};

/// Why a call gets another value than its body's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FallbackReason {
    BodyFailed,
    TimedOut(Limit),
}

/// Where to look for a value that replaces the body's result.
#[derive(Clone, Copy)]
pub(super) struct Fallback<'a> {
    pub(super) cache: &'a Cache,
    pub(super) about: About,
    /// Without a key, no older value can be found.
    pub(super) key: Option<&'a CacheKey>,
    pub(super) kind: &'a dyn AnyKind,
    pub(super) budget: &'a Budget,
}

impl Fallback<'_> {
    /// Waits for the work within the call's time limits. `Err`: the call's result, while the work is unfinished.
    pub(super) async fn wait_or_fall_back<T>(
        &self,
        timeouts: &mut Timeouts,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, (AnyResult, Box<CallOutcome>)> {
        loop {
            match timeouts.wait(work.as_mut()).await {
                Ok(done) => return Ok(done),
                Err(limit) => {
                    let reason = FallbackReason::TimedOut(limit);
                    if let Some(value) = boxed(|| self.value_for(reason)).await {
                        count(self.cache, self.about.site, |counters| &counters.timed_out);
                        return Err(value);
                    }
                }
            }
        }
    }

    /// The older value that is stored now, if any; after the hard limit, else the time-out error.
    pub(super) async fn value_for(
        &self,
        reason: FallbackReason,
    ) -> Option<(AnyResult, Box<CallOutcome>)> {
        let &Self {
            cache,
            about,
            kind,
            budget,
            ..
        } = self;
        let site = about.site;
        let why = match reason {
            FallbackReason::BodyFailed => Reason::BodyFailed,
            FallbackReason::TimedOut(_) => Reason::BodySlow,
        };
        if let Some(key) = self.key
            && !site.policy.grace().is_zero()
        {
            let mut request = request_of(site, key, Shape::of_any(kind));
            request.demand = Demand::Fallback;
            if let Some(mut hit) = cache.stale_value(&request, budget).await {
                let outcome = hit_outcome(about, &hit, Some(why));
                if let Some(returned) = give_back_aged(kind, &mut hit) {
                    if outcome.status == Status::Stale {
                        count(cache, site, |counters| &counters.stale_hits);
                        count(cache, site, |counters| &counters.stale_on_error_hits);
                    }
                    return Some((returned, Box::new(outcome)));
                }
            }
        }
        if reason != FallbackReason::TimedOut(Limit::Hard) {
            return None;
        }
        let status = self.key.map_or(Status::Bypass, |_| Status::Miss);
        let returned = kind.timed_out()?;
        let failed = kind.has_failed(&returned);
        Some((returned, Box::new(ran_outcome(about, failed, status, why))))
    }
}
