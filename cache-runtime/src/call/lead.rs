//! What happens around a body: who waits for it, what it owes, what becomes of its result.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use super::instead::{Instead, Press};
use super::owed::{Judged, Owed};
use super::patience::Patience;
use super::tally::{count, kept};
use crate::cache::Cache;
use crate::cacheable::{Cacheable, Returned, Success};
use crate::flight::Outcome;
use crate::load::Loading;
use crate::outcome::CallOutcome;
use crate::redis::Budget;
use crate::site::{Call, Late, Site};
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
        budget,
    } = load;
    let (cache, site, about) = (&cache, call.site, call.about());
    let ttl = cache.lifetime(call.used_ttl());
    let mut owed = Owed::new(cache, call);
    let key = loading.cache_key().clone();
    let instead = Instead {
        cache,
        about,
        key: Some(&key),
        kind,
        budget: &budget,
    };
    let run = {
        let mut body = pin!(loading.run(work));
        if behind {
            let run = patience.wait(body.as_mut()).await;
            run.map_err(|_| Led::GivenUp)
        } else {
            let run = instead.of_waiting(&mut patience, body.as_mut()).await;
            run.map_err(|(returned, outcome)| Led::Instead(returned, outcome))
        }
    };
    let returned = match run {
        Ok(returned) => loading.drive(kind.prepare(returned)).await,
        Err(given_up) => {
            if behind {
                count(cache, site, |counters| &counters.given_up);
            }
            // Half of the body may have happened: what it owes is due.
            owed.pay(None).await;
            cache.inner.tired.fruitless(key.as_str());
            loading.end(Outcome::TimedOut, true);
            return given_up;
        }
    };
    let stored = owed.judge(kind.success(&returned), when, late);
    owed.pay(Some(&loading)).await;
    let tags = owed.call.tags.known_and_open().0;
    match stored {
        Judged::Failed => cache.inner.tired.fruitless(loading.key()),
        _ => cache.inner.tired.fruitful(loading.key()),
    }
    let mut fate = Fate::default();
    match stored {
        Judged::Store => match (kept(site, kind, &returned), ttl) {
            (Some(kept), Some(ttl)) => {
                fate = fate_of(&loading, ttl);
                loading.store(Some(kept), ttl, tags);
            }
            (Some(kept), None) => loading.end(Outcome::Value(Some(kept)), false),
            (None, _) => loading.end(Outcome::Unshared, false),
        },
        Judged::Share => loading.end(
            kept(site, kind, &returned)
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
            loading.end(
                kind.keep_error(&returned)
                    .map_or(Outcome::Failed, Outcome::Error),
                true,
            );
            if !behind && let Some((older, outcome)) = instead.at(Press::Failed).await {
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
        Err((older, outcome)) => return Led::Instead(older, outcome),
    };
    if let Success::Failure = kind.success(&returned)
        && let Some((older, outcome)) = instead.at(Press::Failed).await
    {
        return Led::Instead(older, outcome);
    }
    Led::Own(returned, Fate::default())
}
