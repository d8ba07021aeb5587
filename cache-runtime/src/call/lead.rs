//! What happens around a body: who waits for it, what it owes, what becomes of its result.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use super::boxed;
use super::instead::{Instead, Press};
use super::owed::{Judged, Owed};
use super::patience::Patience;
use super::tally::{count, kept};
use crate::cache::Cache;
use crate::cacheable::{Cacheable, Returned, Success};
use crate::flight::Outcome;
use crate::key::CacheKey;
use crate::load::Loading;
use crate::outcome::CallOutcome;
use crate::redis::Budget;
use crate::site::{About, Call, Late, Site};
use crate::spans;

/// A call that is going to run its body.
pub(super) struct Load<K, W, L, Fut> {
    pub(super) cache: Cache,
    pub(super) call: Call,
    pub(super) kind: K,
    pub(super) when: W,
    pub(super) late: L,
    /// Not polled yet.
    pub(super) work: Pin<Box<Fut>>,
    /// What is left of what the call may wait for Redis.
    pub(super) budget: Arc<Budget>,
    /// The call returns when others see what it stored, too.
    pub(super) waits_for_store: bool,
}

/// What came of a load.
pub(super) enum Led<R> {
    /// The body's result, and what becomes of it.
    Own(R, Fate),
    /// Something in its place.
    Instead(R, CallOutcome),
    /// The body took too long, and nobody waits for it.
    GivenUp,
}

/// What becomes of a body's result.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    /// How long it lives, stored or not; zero where it is not to be kept.
    pub(super) ttl: Duration,
    pub(super) stored: bool,
}

/// Runs the body for everybody who waits, pays what it owes, and stores. `behind`: nobody waits for the result itself.
///
/// The steps after the body are boxed, so that their frames take no stack while the body is polled.
pub(super) async fn lead<R, K, W, L, Fut>(
    load: Load<K, W, L, Fut>,
    loading: Box<Loading>,
    mut patience: Patience,
    behind: bool,
) -> Led<R>
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    Fut: Future<Output = R>,
{
    let (cache, budget, kind) = (load.cache, load.budget, load.kind);
    let ending = Ending::new(
        &cache,
        load.call,
        &loading,
        &budget,
        behind,
        load.waits_for_store,
    );
    let run = {
        let mut body = boxed(|| loading.run(load.work));
        if behind {
            let run = patience.wait(body.as_mut()).await;
            run.map_err(|_| Led::GivenUp)
        } else {
            let instead = ending.instead(kind);
            let run = instead.of_waiting(&mut patience, body.as_mut()).await;
            run.map_err(|(returned, outcome)| Led::Instead(returned, outcome))
        }
    };
    match run {
        Ok(returned) => {
            boxed(|| ending.conclude(loading, returned, kind, load.when, load.late)).await
        }
        Err(given_up) => {
            boxed(|| ending.give_up(loading)).await;
            given_up
        }
    }
}

/// The steps after a body: it pays what it owes, and hands its result over.
struct Ending<'a> {
    cache: &'a Cache,
    about: About,
    key: CacheKey,
    owed: Owed<'a>,
    ttl: Option<Duration>,
    budget: &'a Budget,
    behind: bool,
    waits_for_store: bool,
}

impl<'a> Ending<'a> {
    fn new(
        cache: &'a Cache,
        call: Call,
        loading: &Loading,
        budget: &'a Budget,
        behind: bool,
        waits_for_store: bool,
    ) -> Box<Self> {
        Box::new(Self {
            cache,
            about: call.about(),
            key: loading.cache_key().clone(),
            ttl: cache.lifetime(call.used_ttl()),
            owed: Owed::new(cache, call),
            budget,
            behind,
            waits_for_store,
        })
    }

    fn instead<K>(&self, kind: K) -> Instead<'_, K> {
        Instead {
            cache: self.cache,
            about: self.about,
            key: Some(&self.key),
            kind,
            budget: self.budget,
        }
    }

    /// The body took too long.
    async fn give_up(mut self: Box<Self>, loading: Box<Loading>) {
        let (cache, site) = (self.cache, self.about.site);
        if self.behind {
            count(cache, site, |counters| &counters.given_up);
        }
        // Half of the body may have happened: what it owes is due.
        self.owed.pay(None).await;
        cache.inner.tired.fruitless(self.key.as_str());
        note_failure(cache, site, self.key.as_str());
        loading.end(Outcome::TimedOut, true);
    }

    /// The body has ended.
    async fn conclude<R, K: Cacheable<R>>(
        mut self: Box<Self>,
        loading: Box<Loading>,
        returned: R,
        kind: K,
        when: impl FnOnce(&K::Inner) -> bool,
        late: impl FnOnce(&K::Inner, &mut Late<'_>),
    ) -> Led<R> {
        let mut returned = loading.drive(kind.prepare(returned)).await;
        let judged = self.owed.judge(kind.success(&returned), when, late);
        self.owed.pay(Some(&loading)).await;
        self.note(judged);
        let stores = self.waits_for_store && loading.may_store();
        let flight = stores.then(|| loading.flight().clone());
        let fate = self.hand_over(loading, judged, kind, &returned);
        if judged == Judged::Failed
            && !self.behind
            && let Some((older, outcome)) = self.instead(kind).at(Press::Failed).await
        {
            return Led::Instead(older, outcome);
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
        kind.release(&mut returned);
        Led::Own(returned, fate)
    }

    /// How the source does.
    fn note(&self, judged: Judged) {
        let (cache, site, key) = (self.cache, self.about.site, self.key.as_str());
        if judged == Judged::Failed {
            count(cache, site, |counters| &counters.load_failures);
            cache.inner.tired.fruitless(key);
            note_failure(cache, site, key);
        } else {
            cache.inner.tired.fruitful(key);
            cache.inner.failing.succeeded(key);
        }
    }

    /// Gives the result to those who wait, and to the tiers.
    fn hand_over<R, K: Cacheable<R>>(
        &self,
        loading: Box<Loading>,
        judged: Judged,
        kind: K,
        returned: &R,
    ) -> Fate {
        let site = self.about.site;
        let (kept, life) = match judged {
            Judged::Failed => {
                let error = kind.keep_error(returned);
                loading.end(error.map_or(Outcome::Failed, Outcome::Error), true);
                return Fate::default();
            }
            Judged::Nothing => (Some(None), site.none_ttl),
            Judged::Store => (kept(site, kind, returned).map(Some), self.ttl),
            Judged::Share => (kept(site, kind, returned).map(Some), None),
        };
        match (kept, life) {
            (Some(kept), Some(ttl)) => {
                let fate = Fate {
                    ttl,
                    stored: loading.may_store(),
                };
                loading.store(kept, ttl, self.owed.call.tags.known_and_open().0);
                fate
            }
            (Some(Some(kept)), None) => {
                loading.end(Outcome::Value(Some(kept)), false);
                Fate::default()
            }
            (Some(None), None) => {
                self.cache.inner.barren.fruitless(loading.key());
                loading.end(Outcome::Nothing, false);
                Fate::default()
            }
            (None, _) => {
                loading.end(Outcome::Unshared, false);
                Fate::default()
            }
        }
    }
}

/// The source has failed, or took too long: for a while it is not asked again, if something older may stand in.
fn note_failure(cache: &Cache, site: &Site, key: &str) {
    if !site.policy.stale_on_error.is_zero() {
        cache.inner.failing.failed(key);
    }
}

/// Runs the body and pays what it owes, without the cache.
pub(super) async fn alone<R, K, L, Fut>(
    cache: &Cache,
    call: Call,
    kind: K,
    late: L,
    work: Pin<Box<Fut>>,
) -> R
where
    K: Returned<R>,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    Fut: Future<Output = R>,
{
    let mut owed = Owed::new(cache, call);
    let returned = watched(cache, owed.call.site, None, work).await;
    owed.settle(kind.success(&returned), late);
    owed.pay(None).await;
    returned
}

/// Runs a body that no lease stands for.
pub(super) async fn watched<F: Future>(
    cache: &Cache,
    site: &'static Site,
    key: Option<&str>,
    body: Pin<Box<F>>,
) -> F::Output {
    let counters = [&cache.inner.counters, site.counters()];
    let watched = spans::Load::begin(site.name(), key, counters);
    body.instrument(watched.span()).await
}

/// The same within the call's patience, where something older may stand in for a body that fails or is slow.
pub(super) async fn alone_within<R, K, L, Fut>(
    call: Call,
    late: L,
    work: Pin<Box<Fut>>,
    mut patience: Patience,
    instead: Instead<'_, K>,
) -> Led<R>
where
    K: Cacheable<R>,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    Fut: Future<Output = R>,
{
    let kind = instead.kind;
    let mut running = pin!(alone(instead.cache, call, kind, late, work));
    let returned = match instead.of_waiting(&mut patience, running.as_mut()).await {
        Ok(returned) => returned,
        Err((older, outcome)) => {
            if let Some(key) = instead.key {
                note_failure(instead.cache, instead.about.site, key.as_str());
            }
            return Led::Instead(older, outcome);
        }
    };
    if let Success::Failure = kind.success(&returned)
        && let Some((older, outcome)) = instead.at(Press::Failed).await
    {
        return Led::Instead(older, outcome);
    }
    Led::Own(returned, Fate::default())
}
