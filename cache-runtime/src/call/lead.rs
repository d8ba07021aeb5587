//! What happens around a body: who waits for it, what it owes, what becomes of its result.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use tracing::Instrument as _;

use super::owed::{Judged, Owed};
use super::patience::{Patience, Up};
use super::read::{give_back, request_of};
use super::tally::{count, outcome, ran};
use crate::cache::{Cache, Demand};
use crate::cacheable::{Cacheable, Returned, Success};
use crate::flight::Outcome;
use crate::invalidate::Spare;
use crate::key::CacheKey;
use crate::load::Loading;
use crate::outcome::{CallOutcome, Status, Why};
use crate::site::{Call, Keyed, Late, Site};
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

/// Why a call wants something else than the body's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Press {
    Failed,
    Slow(Up),
}

/// Runs the body for everybody who waits, pays what it owes, and stores. `behind`: nobody waits for the result itself.
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
    let Load {
        cache,
        call,
        kind,
        when,
        late,
        work,
    } = load;
    let (cache, site) = (&cache, call.site);
    let ttl = cache.lifetime(call.used_ttl());
    let mut owed = Owed::new(cache, call);
    let run = {
        let mut body = pin!(loading.run(work));
        loop {
            match patience.wait(body.as_mut()).await {
                Ok(returned) => break Ok(returned),
                Err(_) if behind => break Err(Led::GivenUp),
                Err(up) => {
                    let instead = instead(cache, site, loading.cache_key(), kind, Press::Slow(up));
                    if let Some((returned, outcome)) = instead.await {
                        break Err(Led::Instead(returned, outcome));
                    }
                }
            }
        }
    };
    let returned = match run {
        Ok(returned) => kind.prepare(returned).await,
        Err(given_up) => {
            count(cache, site, |counters| &counters.given_up);
            // Half of the body may have happened: what it owes is due.
            owed.pay(None).await;
            cache.inner.tired.fruitless(loading.key());
            loading.end(Outcome::TimedOut, true);
            return given_up;
        }
    };
    let stored = owed.judge(kind.success(&returned), when, late);
    owed.pay(Some(Spare {
        flight: loading.flight(),
        lease: loading.lease(),
    }))
    .await;
    let tags = owed.call.tags.known_and_open().0;
    match stored {
        Judged::Failed => cache.inner.tired.fruitless(loading.key()),
        _ => cache.inner.tired.fruitful(loading.key()),
    }
    let mut fate = Fate::default();
    match stored {
        Judged::Store => match (kind.keep(&returned), ttl) {
            (Some(kept), Some(ttl)) => {
                fate = fate_of(&loading, ttl);
                loading.store(Some(kept), ttl, tags);
            }
            (Some(kept), None) => loading.end(Outcome::Value(Some(kept)), false),
            (None, _) => loading.end(Outcome::Unshared, false),
        },
        Judged::Share => loading.end(
            kind.keep(&returned)
                .map_or(Outcome::Unshared, |kept| Outcome::Value(Some(kept))),
            false,
        ),
        Judged::Nothing => match site.none_ttl {
            Some(life) => {
                fate = fate_of(&loading, life);
                loading.store(None, life, tags);
            }
            None => {
                cache.inner.barren.fruitless(loading.key());
                loading.end(Outcome::Nothing, false);
            }
        },
        Judged::Failed => {
            count(cache, site, |counters| &counters.load_failures);
            let key = loading.cache_key().clone();
            loading.end(
                kind.keep_error(&returned)
                    .map_or(Outcome::Unshared, Outcome::Error),
                true,
            );
            if !behind
                && let Some((older, outcome)) =
                    instead(cache, site, &key, kind, Press::Failed).await
            {
                return Led::Instead(older, outcome);
            }
        }
    }
    Led::Own(returned, fate)
}

fn fate_of(loading: &Loading, ttl: Duration) -> Fate {
    Fate {
        ttl,
        stored: loading.may_store(),
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
    let returned = watched(owed.call.site, None, work).await;
    owed.settle(kind.success(&returned), late);
    owed.pay(None).await;
    returned
}

/// Runs a body that no lease stands for.
pub(super) async fn watched<F: Future>(
    site: &'static Site,
    key: Option<&str>,
    body: Pin<Box<F>>,
) -> F::Output {
    let watched = spans::Load::begin(site.name(), key);
    body.instrument(watched.span()).await
}

/// The same within the call's patience, where a value that failed or is slow may be stood in for.
pub(super) async fn alone_within<R, K, L, Fut>(
    cache: &Cache,
    call: Call,
    kind: K,
    late: L,
    work: Pin<Box<Fut>>,
    mut patience: Patience,
) -> Led<R>
where
    K: Cacheable<R>,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    Fut: Future<Output = R>,
{
    let site = call.site;
    let key = match &call.key {
        Keyed::Key(key) => Some(key.clone()),
        Keyed::Nothing | Keyed::Unkeyable => None,
    };
    let instead = async |press| match &key {
        Some(key) => instead(cache, site, key, kind, press).await,
        // Without a key nothing older can be found.
        None if press == Press::Slow(Up::Hard) => kind.timed_out().map(|returned| {
            let outcome = ran(site, kind, &returned, Status::Bypass, Why::BodySlow);
            (returned, outcome)
        }),
        None => None,
    };
    let mut running = pin!(alone(cache, call, kind, late, work));
    let returned = loop {
        match patience.wait(running.as_mut()).await {
            Ok(returned) => break returned,
            Err(up) => {
                if let Some((returned, outcome)) = instead(Press::Slow(up)).await {
                    count(cache, site, |counters| &counters.given_up);
                    return Led::Instead(returned, outcome);
                }
            }
        }
    };
    if let Success::Failure = kind.success(&returned)
        && let Some((older, outcome)) = instead(Press::Failed).await
    {
        return Led::Instead(older, outcome);
    }
    Led::Own(returned, Fate::default())
}

/// What a call may have in place of a body that failed or is slow: an older value, as it stands now; past the hard end
/// the time-out itself.
pub(super) async fn instead<R, K: Cacheable<R>>(
    cache: &Cache,
    site: &'static Site,
    key: &CacheKey,
    kind: K,
    press: Press,
) -> Option<(R, CallOutcome)> {
    let why = match press {
        Press::Failed => Why::BodyFailed,
        Press::Slow(_) => Why::BodySlow,
    };
    if !site.policy.grace().is_zero() {
        let mut request = request_of(site, key, kind, &[], &[]);
        request.demand = Demand::StandIn;
        if let Some(hit) = Box::pin(cache.standing(&request)).await {
            let outcome = outcome(site, &hit, Some(why));
            if let Some(returned) = give_back(kind, hit.kept) {
                if outcome.status == Status::Stale {
                    count(cache, site, |counters| &counters.stale_hits);
                    count(cache, site, |counters| &counters.stand_ins);
                }
                return Some((returned, outcome));
            }
        }
    }
    match press {
        Press::Slow(Up::Hard) => kind.timed_out().map(|returned| {
            let outcome = ran(site, kind, &returned, Status::Miss, why);
            (returned, outcome)
        }),
        _ => None,
    }
}
