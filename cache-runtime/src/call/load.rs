//! A load: runs the body, makes its removals, shares and stores its result.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use crate::cache::Cache;
use crate::cache::load::Load;
use crate::cacheable::erased::{AnyKind, AnyResult, Prepared};
use crate::cacheable::{ErasedValue, Preparing};
use crate::call::body::{ResultRules, Work};
use crate::call::boxed;
use crate::call::call::Call;
use crate::call::fallback::{Fallback, FallbackReason};
use crate::call::mode::Mode;
use crate::call::pending_call::PendingCall;
use crate::call::removals::{PendingRemovals, Verdict};
use crate::call::report::count;
use crate::call::site::{About, Site};
use crate::call::timeouts::Timeouts;
use crate::key::{CacheKey, Pattern};
use crate::local::flight::Outcome;
use crate::redis::Budget;
use crate::telemetry::outcome::CallOutcome;
use crate::telemetry::spans;

/// A call that is about to run its body.
pub(super) struct LeadingCall<'a, B> {
    pub(super) cache: Cache,
    pub(super) pending: Box<PendingCall>,
    pub(super) work: Work<'a, B>,
    /// The time that the call may still wait for Redis.
    pub(super) budget: Arc<Budget>,
    /// Whether the call returns only when other processes see what it stored.
    pub(super) waits_for_store: bool,
}

/// The outcome of a load.
pub(super) enum LoadResult {
    /// The body's result, and how it was stored.
    Own(AnyResult, Stored),
    /// A value in place of the body's result.
    /// The report about it is boxed, so that the outcome of a load is small in every stack frame that it passes.
    Fallback(AnyResult, Box<CallOutcome>),
    /// The body took too long, and no caller waits for it.
    GivenUp,
}

/// How a body's result was stored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stored {
    /// Its TTL, stored or not; zero if it is not to be cached.
    pub(super) ttl: Duration,
    pub(super) stored: bool,
    /// Whether it is an error.
    pub(super) failed: bool,
}

/// Runs the body for the call and its waiters, makes its removals, and stores the result. `detached`: no caller waits
/// for the result itself.
///
/// The steps after the body are boxed, so that they use no stack while the body is polled.
pub(super) async fn lead<B>(
    load: LeadingCall<'_, B>,
    loading: Box<Load>,
    mut timeouts: Timeouts,
    detached: bool,
) -> LoadResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    let (cache, budget) = (load.cache, load.budget);
    let Work { body, rules } = load.work;
    let ending = Ending::new(
        &cache,
        *load.pending,
        &loading,
        &budget,
        detached,
        load.waits_for_store,
    );
    let run = {
        let mut body = boxed(|| loading.run(ending.removals.around(body)));
        if detached {
            let run = timeouts.wait(body.as_mut()).await;
            run.map_err(|_| LoadResult::GivenUp)
        } else {
            let fallback = ending.fallback();
            let run = fallback
                .wait_or_fall_back(&mut timeouts, body.as_mut())
                .await;
            run.map_err(|(returned, outcome)| LoadResult::Fallback(returned, outcome))
        }
    };
    match run {
        Ok(returned) => boxed(|| ending.conclude(loading, returned, rules)).await,
        Err(given_up) => {
            boxed(|| ending.give_up(loading)).await;
            given_up
        }
    }
}

/// The steps after a body: makes its removals, and hands over its result.
struct Ending<'a> {
    cache: &'a Cache,
    about: About,
    key: CacheKey,
    kind: Box<dyn AnyKind>,
    removals: PendingRemovals<'a>,
    budget: &'a Budget,
    detached: bool,
    waits_for_store: bool,
    /// Whether an older value may replace the result.
    may_fall_back: bool,
}

impl<'a> Ending<'a> {
    fn new(
        cache: &'a Cache,
        PendingCall { call, kind, mode }: PendingCall,
        loading: &Load,
        budget: &'a Budget,
        detached: bool,
        waits_for_store: bool,
    ) -> Box<Self> {
        Box::new(Self {
            cache,
            about: call.about(),
            key: loading.cache_key().clone(),
            kind,
            removals: PendingRemovals::new(cache, call),
            budget,
            detached,
            waits_for_store,
            may_fall_back: mode != Mode::Shadow,
        })
    }

    fn fallback(&self) -> Fallback<'_> {
        Fallback {
            cache: self.cache,
            about: self.about,
            key: self.may_fall_back.then_some(&self.key),
            kind: &*self.kind,
            budget: self.budget,
        }
    }

    /// The body took too long.
    async fn give_up(mut self: Box<Self>, loading: Box<Load>) {
        let (cache, site) = (self.cache, self.about.site);
        if self.detached {
            count(cache, site, |counters| &counters.timed_out);
        }
        // A part of the body may have run, so its removals are made.
        self.removals.run(None).await;
        cache.inner.refresh_backoff.failed(self.key.as_str());
        record_failure(cache, site, self.key.as_str());
        loading.end(Outcome::TimedOut, true);
    }

    /// The body has ended.
    async fn conclude(
        mut self: Box<Self>,
        loading: Box<Load>,
        returned: AnyResult,
        mut rules: Box<dyn ResultRules + Send + '_>,
    ) -> LoadResult {
        let mut returned = match self.kind.prepare(returned, Preparing::of(self.cache)) {
            Prepared::Ready(returned) => returned,
            Prepared::Reading(reading) => loading.drive(reading).await,
        };
        let verdict = self.removals.judge(&*self.kind, &mut *rules, &returned);
        if self.outdates(verdict) {
            self.removals.add(Pattern::key(&self.key));
        }
        self.removals.run(Some(&loading)).await;
        self.record_verdict(verdict);
        let stores = self.waits_for_store && loading.may_store();
        let flight = stores.then(|| loading.flight().clone());
        let stored = self.hand_over(loading, verdict, &returned);
        if verdict == Verdict::Failed
            && !self.detached
            && let Some((older, outcome)) =
                self.fallback().value_for(FallbackReason::BodyFailed).await
        {
            return LoadResult::Fallback(older, outcome);
        }
        if let Some(flight) = flight {
            let settled = async {
                flight.settled().await;
                Ok(())
            };
            // If there is no reply in time, the store continues in the background.
            let _ = self.budget.spend(pin!(settled)).await;
            self.cache.remove_from_memory(self.key.as_str());
        }
        self.kind.release(&mut returned);
        LoadResult::Own(returned, stored)
    }

    /// Whether a refresh has found a newer value that is not to be stored. The stored one must not be served in its place.
    fn outdates(&self, verdict: Verdict) -> bool {
        let is_refresh = self.waits_for_store || self.detached;
        is_refresh && verdict != Verdict::Failed && self.lifetime(verdict).is_none()
    }

    /// How long the result is to be stored.
    fn lifetime(&self, verdict: Verdict) -> Option<Duration> {
        match verdict {
            Verdict::Store => self.cache.lifetime(self.removals.call.used_ttl()),
            Verdict::Absent => self.about.site.none_ttl,
            Verdict::ShareOnly | Verdict::Failed => None,
        }
    }

    /// Records whether the load failed.
    fn record_verdict(&self, verdict: Verdict) {
        let (cache, site, key) = (self.cache, self.about.site, self.key.as_str());
        if verdict == Verdict::Failed {
            count(cache, site, |counters| &counters.load_failures);
            cache.inner.refresh_backoff.failed(key);
            record_failure(cache, site, key);
        } else {
            cache.inner.refresh_backoff.succeeded(key);
            cache.inner.failing.succeeded(key);
        }
    }

    /// Gives the result to the waiters, and stores it.
    fn hand_over(&self, loading: Box<Load>, verdict: Verdict, returned: &AnyResult) -> Stored {
        let (site, kind) = (self.about.site, &*self.kind);
        let tags = self.removals.call.tags.known_and_open().0;
        if loading.was_changed_meanwhile(&tags) {
            loading.end(Outcome::Unshared, verdict == Verdict::Failed);
            return Stored {
                failed: verdict == Verdict::Failed,
                ..Stored::default()
            };
        }
        let kept = match verdict {
            Verdict::Failed => {
                let error = kind.keep_error(returned);
                loading.end(error.map_or(Outcome::Failed, Outcome::Error), true);
                return Stored {
                    failed: true,
                    ..Stored::default()
                };
            }
            Verdict::Absent => Some(None),
            Verdict::Store | Verdict::ShareOnly => shareable(site, kind, returned).map(Some),
        };
        match (kept, self.lifetime(verdict)) {
            (Some(kept), Some(ttl)) => {
                let stored = loading.may_store();
                loading.store(kept, ttl, tags);
                return Stored {
                    ttl,
                    stored,
                    failed: false,
                };
            }
            (Some(Some(kept)), None) => loading.end(Outcome::Unstored(kept), false),
            (Some(None), None) => {
                self.cache.inner.absence_backoff.failed(loading.key());
                loading.end(Outcome::Nothing, false);
            }
            (None, _) => loading.end(Outcome::Unshared, false),
        }
        Stored::default()
    }
}

/// Records that the load failed or took too long: for a while the body is not run again if an older value may be
/// served.
fn record_failure(cache: &Cache, site: &Site, key: &str) {
    if !site.policy.stale_on_error.is_zero() {
        cache.inner.failing.failed(key);
    }
}

/// The part of a result that may be cached and shared. A whole response that is `private` is for one client only,
/// unless the key distinguishes clients.
pub(super) fn shareable(
    site: &'static Site,
    kind: &dyn AnyKind,
    returned: &AnyResult,
) -> Option<ErasedValue> {
    if kind.is_private(returned) && !site.is_personal() {
        return None;
    }
    kind.keep(returned)
}

/// Runs the body and makes its removals, without the cache.
pub(super) async fn run_uncached<B>(
    cache: &Cache,
    call: Call,
    kind: &dyn AnyKind,
    work: Work<'_, B>,
) -> AnyResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    let mut removals = PendingRemovals::new(cache, call);
    let Work { body, mut rules } = work;
    let body = removals.around(body);
    let returned = timed(cache, removals.call.site, None, body).await;
    removals.after(kind.ended(&returned), |result_patterns| {
        rules.add_result_patterns(&returned, result_patterns);
    });
    removals.run(None).await;
    returned
}

/// Runs a body without a lease.
pub(super) async fn timed<F: Future>(
    cache: &Cache,
    site: &'static Site,
    key: Option<&str>,
    body: F,
) -> F::Output {
    let counters = [&cache.inner.counters, site.counters()];
    let watched = spans::BodyTimer::begin(site.name(), key, counters);
    let returned = body.instrument(watched.span()).await;
    #[cfg(feature = "testing")]
    if let Some(key) = key {
        cache.inner.holds.pass(key).await;
    }
    returned
}

/// The same within the call's time limits, if an older value may be served when the body fails or is slow.
pub(super) async fn run_uncached_within<B>(
    call: Call,
    work: Work<'_, B>,
    mut timeouts: Timeouts,
    fallback: Fallback<'_>,
) -> LoadResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    let kind = fallback.kind;
    let mut running = pin!(run_uncached(fallback.cache, call, kind, work));
    let returned = match fallback
        .wait_or_fall_back(&mut timeouts, running.as_mut())
        .await
    {
        Ok(returned) => returned,
        Err((older, outcome)) => {
            if let Some(key) = fallback.key {
                record_failure(fallback.cache, fallback.about.site, key.as_str());
            }
            return LoadResult::Fallback(older, outcome);
        }
    };
    let failed = kind.has_failed(&returned);
    if failed && let Some((older, outcome)) = fallback.value_for(FallbackReason::BodyFailed).await {
        return LoadResult::Fallback(older, outcome);
    }
    LoadResult::Own(
        returned,
        Stored {
            failed,
            ..Stored::default()
        },
    )
}
