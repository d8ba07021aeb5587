//! What a call may have in place of its body's result, and waiting for the one with an eye on the other.

use std::future::Future;
use std::pin::Pin;

use super::boxed;
use super::patience::{Patience, Up};
use super::tally::{count, outcome, ran};
use super::translate::{give_back_aged, request_of};
use crate::cache::{Cache, Demand};
use crate::cacheable::Cacheable;
use crate::key::CacheKey;
use crate::outcome::{CallOutcome, Status, Why};
use crate::redis::Budget;
use crate::site::About;

/// Why a call wants something else than the body's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Press {
    Failed,
    Slow(Up),
}

/// Where to look for it.
#[derive(Clone, Copy)]
pub(super) struct Instead<'a, K> {
    pub(super) cache: &'a Cache,
    pub(super) about: About,
    /// Without one nothing older can be found.
    pub(super) key: Option<&'a CacheKey>,
    pub(super) kind: K,
    pub(super) budget: &'a Budget,
}

impl<K> Instead<'_, K> {
    /// Waits for the work within the call's patience. `Err`: what the call has now, the work unfinished.
    pub(super) async fn of_waiting<R, T>(
        &self,
        patience: &mut Patience,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, (R, CallOutcome)>
    where
        K: Cacheable<R>,
    {
        loop {
            match patience.wait(work.as_mut()).await {
                Ok(done) => return Ok(done),
                Err(up) => {
                    if let Some(instead) = boxed(|| self.at(Press::Slow(up))).await {
                        count(self.cache, self.about.site, |counters| &counters.given_up);
                        return Err(instead);
                    }
                }
            }
        }
    }

    /// An older value, as it stands now; past the hard end the time-out itself.
    pub(super) async fn at<R>(&self, press: Press) -> Option<(R, CallOutcome)>
    where
        K: Cacheable<R>,
    {
        let &Self {
            cache,
            about,
            kind,
            budget,
            ..
        } = self;
        let site = about.site;
        let why = match press {
            Press::Failed => Why::BodyFailed,
            Press::Slow(_) => Why::BodySlow,
        };
        if let Some(key) = self.key
            && !site.policy.grace().is_zero()
        {
            let mut request = request_of(site, key, kind, &[], &[]);
            request.demand = Demand::StandIn;
            if let Some(mut hit) = cache.standing(&request, budget).await {
                let outcome = outcome(about, &hit, Some(why));
                if let Some(returned) = give_back_aged(kind, &mut hit) {
                    if outcome.status == Status::Stale {
                        count(cache, site, |counters| &counters.stale_hits);
                        count(cache, site, |counters| &counters.stand_ins);
                    }
                    return Some((returned, outcome));
                }
            }
        }
        if press != Press::Slow(Up::Hard) {
            return None;
        }
        let status = self.key.map_or(Status::Bypass, |_| Status::Miss);
        let returned = kind.timed_out()?;
        let outcome = ran(about, kind, &returned, status, why);
        Some((returned, outcome))
    }
}
