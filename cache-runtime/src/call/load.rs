//! What happens around a body: who waits for it, what it removes, what becomes of its result.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use crate::cache::Cache;
use crate::cache::load::Loading;
use crate::cacheable::Kept;
use crate::cacheable::erased::{AnyKind, AnyResult, Prepared};
use crate::call::body::{Questions, Work};
use crate::call::boxed;
use crate::call::call::Call;
use crate::call::fallback::{Fallback, FallbackReason};
use crate::call::removals::{PendingRemovals, Verdict};
use crate::call::report::count;
use crate::call::site::{About, Site};
use crate::call::timeouts::Timeouts;
use crate::key::CacheKey;
use crate::local::flight::Outcome;
use crate::redis::Budget;
use crate::telemetry::outcome::CallOutcome;
use crate::telemetry::spans;

/// A call that is going to run its body.
pub(super) struct Load<'a, B> {
    pub(super) cache: Cache,
    pub(super) call: Call,
    pub(super) kind: Box<dyn AnyKind>,
    pub(super) work: Work<'a, B>,
    /// What is left of what the call may wait for Redis.
    pub(super) budget: Arc<Budget>,
    /// The call returns when others see what it stored, too.
    pub(super) waits_for_store: bool,
}

/// What came of a load.
pub(super) enum LoadResult {
    /// The body's result, and what becomes of it.
    Own(AnyResult, Stored),
    /// Something in its place.
    Fallback(AnyResult, CallOutcome),
    /// The body took too long, and nobody waits for it.
    GivenUp,
}

/// What becomes of a body's result.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stored {
    /// How long it lives, stored or not; zero where it is not to be kept.
    pub(super) ttl: Duration,
    pub(super) stored: bool,
    /// It is an error.
    pub(super) failed: bool,
}

/// Runs the body for everybody who waits, removes what it removes, and stores. `detached`: nobody waits for the result itself.
///
/// The steps after the body are boxed, so that their frames take no stack while the body is polled.
pub(super) async fn lead<B>(
    load: Load<'_, B>,
    loading: Box<Loading>,
    mut timeouts: Timeouts,
    detached: bool,
) -> LoadResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    let (cache, budget) = (load.cache, load.budget);
    let Work { body, questions } = load.work;
    let ending = Ending::new(
        &cache,
        load.call,
        load.kind,
        &loading,
        &budget,
        detached,
        load.waits_for_store,
    );
    let run = {
        let mut body = boxed(|| loading.run(body));
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
        Ok(returned) => boxed(|| ending.conclude(loading, returned, questions)).await,
        Err(given_up) => {
            boxed(|| ending.give_up(loading)).await;
            given_up
        }
    }
}

/// The steps after a body: it removes what it removes, and hands its result over.
struct Ending<'a> {
    cache: &'a Cache,
    about: About,
    key: CacheKey,
    kind: Box<dyn AnyKind>,
    removals: PendingRemovals<'a>,
    ttl: Option<Duration>,
    budget: &'a Budget,
    detached: bool,
    waits_for_store: bool,
}

impl<'a> Ending<'a> {
    fn new(
        cache: &'a Cache,
        call: Call,
        kind: Box<dyn AnyKind>,
        loading: &Loading,
        budget: &'a Budget,
        detached: bool,
        waits_for_store: bool,
    ) -> Box<Self> {
        Box::new(Self {
            cache,
            about: call.about(),
            key: loading.cache_key().clone(),
            kind,
            ttl: cache.lifetime(call.used_ttl()),
            removals: PendingRemovals::new(cache, call),
            budget,
            detached,
            waits_for_store,
        })
    }

    fn fallback(&self) -> Fallback<'_> {
        Fallback {
            cache: self.cache,
            about: self.about,
            key: Some(&self.key),
            kind: &*self.kind,
            budget: self.budget,
        }
    }

    /// The body took too long.
    async fn give_up(mut self: Box<Self>, loading: Box<Loading>) {
        let (cache, site) = (self.cache, self.about.site);
        if self.detached {
            count(cache, site, |counters| &counters.timed_out);
        }
        // Half of the body may have happened: what it removes is due.
        self.removals.run(None).await;
        cache.inner.refresh_backoff.failed(self.key.as_str());
        note_failure(cache, site, self.key.as_str());
        loading.end(Outcome::TimedOut, true);
    }

    /// The body has ended.
    async fn conclude(
        mut self: Box<Self>,
        loading: Box<Loading>,
        returned: AnyResult,
        mut questions: Box<dyn Questions + Send + '_>,
    ) -> LoadResult {
        let mut returned = match self.kind.prepare(returned) {
            Prepared::Ready(returned) => returned,
            Prepared::Reading(reading) => loading.drive(reading).await,
        };
        let verdict = self.removals.judge(&*self.kind, &mut *questions, &returned);
        self.removals.run(Some(&loading)).await;
        self.note(verdict);
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
            // Without an answer in time the store goes on.
            let _ = self.budget.spend(pin!(settled)).await;
            self.cache.forget_near(self.key.as_str());
        }
        self.kind.release(&mut returned);
        LoadResult::Own(returned, stored)
    }

    /// How the source does.
    fn note(&self, verdict: Verdict) {
        let (cache, site, key) = (self.cache, self.about.site, self.key.as_str());
        if verdict == Verdict::Failed {
            count(cache, site, |counters| &counters.load_failures);
            cache.inner.refresh_backoff.failed(key);
            note_failure(cache, site, key);
        } else {
            cache.inner.refresh_backoff.succeeded(key);
            cache.inner.failing.succeeded(key);
        }
    }

    /// Gives the result to those who wait, and to the tiers.
    fn hand_over(&self, loading: Box<Loading>, verdict: Verdict, returned: &AnyResult) -> Stored {
        let (site, kind) = (self.about.site, &*self.kind);
        let (kept, life) = match verdict {
            Verdict::Failed => {
                let error = kind.keep_error(returned);
                loading.end(error.map_or(Outcome::Failed, Outcome::Error), true);
                return Stored {
                    failed: true,
                    ..Stored::default()
                };
            }
            Verdict::Absent => (Some(None), site.none_ttl),
            Verdict::Store => (kept(site, kind, returned).map(Some), self.ttl),
            Verdict::ShareOnly => (kept(site, kind, returned).map(Some), None),
        };
        match (kept, life) {
            (Some(kept), Some(ttl)) => {
                let stored = loading.may_store();
                loading.store(kept, ttl, self.removals.call.tags.known_and_open().0);
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

/// The source has failed, or took too long: for a while it is not asked again, if something older may stand in.
fn note_failure(cache: &Cache, site: &Site, key: &str) {
    if !site.policy.stale_on_error.is_zero() {
        cache.inner.failing.failed(key);
    }
}

/// What of a result the cache may keep, and others may share. A whole response that calls itself `private` is for one
/// client only, unless the key tells clients apart.
pub(super) fn kept(site: &'static Site, kind: &dyn AnyKind, returned: &AnyResult) -> Option<Kept> {
    if kind.is_private(returned) && !site.is_personal() {
        return None;
    }
    kind.keep(returned)
}

/// Runs the body and removes what it removes, without the cache.
pub(super) async fn alone<B>(
    cache: &Cache,
    call: Call,
    kind: &dyn AnyKind,
    work: Work<'_, B>,
) -> AnyResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    let mut removals = PendingRemovals::new(cache, call);
    let Work {
        body,
        mut questions,
    } = work;
    let returned = watched(cache, removals.call.site, None, body).await;
    removals.after(kind.ended(&returned), |late| {
        questions.add_late(&returned, late);
    });
    removals.run(None).await;
    returned
}

/// Runs a body that no lease stands for.
pub(super) async fn watched<F: Future>(
    cache: &Cache,
    site: &'static Site,
    key: Option<&str>,
    body: F,
) -> F::Output {
    let counters = [&cache.inner.counters, site.counters()];
    let watched = spans::BodyTimer::begin(site.name(), key, counters);
    body.instrument(watched.span()).await
}

/// The same within the call's limits, where something older may stand in for a body that fails or is slow.
pub(super) async fn alone_within<B>(
    call: Call,
    work: Work<'_, B>,
    mut timeouts: Timeouts,
    fallback: Fallback<'_>,
) -> LoadResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    let kind = fallback.kind;
    let mut running = pin!(alone(fallback.cache, call, kind, work));
    let returned = match fallback
        .wait_or_fall_back(&mut timeouts, running.as_mut())
        .await
    {
        Ok(returned) => returned,
        Err((older, outcome)) => {
            if let Some(key) = fallback.key {
                note_failure(fallback.cache, fallback.about.site, key.as_str());
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
