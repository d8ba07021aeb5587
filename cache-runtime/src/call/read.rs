//! A read: a hit, a wait for another's load, or a load of its own.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tracing::Instrument as _;

use super::ahead::{Ahead, may_refresh};
use super::instead::{Instead, Press};
use super::lead::{Fate, Led, Load, alone, alone_within, lead};
use super::patience::Patience;
use super::tally::{count, kept, outcome, ran, served};
use super::{Mode, asked_of, put};
use crate::cache::{Cache, Demand, Request, Turn};
use crate::cacheable::{Cacheable, Success};
use crate::deferred;
use crate::flight::Outcome;
use crate::key::CacheKey;
use crate::load::Loading;
use crate::memory::Kept;
use crate::outcome::{CallOutcome, Status, Why, naming, note, wished};
use crate::redis::Budget;
use crate::site::{About, Call, Keyed, Late, Site};
use crate::spans;

/// A memory hit is settled here and now.
pub(super) fn begin<R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    late: L,
    body: F,
    ahead: Option<Ahead<R, K, W, L, Fut>>,
) -> impl Future<Output = R> + use<R, K, W, L, F, Fut>
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    let wish = wished();
    let mode = match asked_of(call.site) {
        Mode::Uncached => Mode::Uncached,
        _ if wish.authorized && K::ANSWERS && call.is_blind_to_credentials() => Mode::Blind,
        Mode::Normal if wish.fresh => Mode::Newer,
        mode => mode,
    };
    let name = match &call.key {
        Keyed::Key(key) if wish.keys => Some(Arc::from(key.as_str())),
        _ => None,
    };
    if mode == Mode::Normal
        && let Keyed::Key(key) = &call.key
    {
        let cache = call.used_cache();
        cache.inner.watch.saw(key.as_str(), call.site.name());
        let hit = {
            let request = request(&call, key, kind, &[], &[]);
            cache.recall(&request)
        };
        if let Some(mut hit) = hit
            && let Some(returned) = give_back(kind, hit.kept.take())
        {
            naming(name.as_ref(), || served(&cache, call.about(), &hit, None));
            if let Some(ahead) = ahead.filter(|_| hit.refresh && may_refresh(&cache, key)) {
                let budget = Arc::new(cache.background_budget());
                let load = Load {
                    cache,
                    call,
                    kind,
                    when,
                    late,
                    work: Box::pin(body()),
                    budget,
                };
                (ahead.refresh)(load, hit.version);
            }
            return Small::Ready(Some(returned));
        }
    }
    let span = spans::read(call.site.name(), call.key.as_str());
    let missed = miss(call, kind, when, late, body, mode, ahead).instrument(span);
    Small::Boxed(Box::pin(missed), name)
}

async fn miss<R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    late: L,
    body: F,
    mode: Mode,
    ahead: Option<Ahead<R, K, W, L, Fut>>,
) -> R
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    if mode == Mode::Uncached {
        return Box::pin(body()).await;
    }
    let (cache, site, about) = (call.used_cache(), call.site, call.about());
    let mut patience = Patience::new(&site.policy);
    let budget = cache.budget();
    let key = match &call.key {
        Keyed::Key(key) if mode != Mode::Blind => Some(key.clone()),
        _ => None,
    };
    let instead = Instead {
        cache: &cache,
        about,
        key: key.as_ref(),
        kind,
        budget: &budget,
    };
    let Some(key) = &key else {
        count(&cache, site, |counters| &counters.bypasses);
        if mode == Mode::Blind {
            site.warn_of_credentials();
        }
        let led = Box::pin(alone_within(
            call,
            late,
            Box::pin(body()),
            patience,
            instead,
        ))
        .await;
        let why = match mode {
            Mode::Blind => Why::Credentials,
            _ => Why::NoKey,
        };
        return told(about, kind, led, Status::Bypass, why);
    };
    if !call.patterns.is_empty() && deferred::is_active() {
        count(&cache, site, |counters| &counters.misses);
        let returned = Box::pin(alone(&cache, call, kind, late, Box::pin(body()))).await;
        tell(|| ran(about, kind, &returned, Status::Miss, Why::InTransaction));
        return returned;
    }
    if mode == Mode::Refresh {
        let key = key.clone();
        return Box::pin(put::refresh_now(&cache, call, key, kind, when, late, body)).await;
    }
    let turn = {
        let (tags, open_tags) = call.tags.known_and_open();
        let mut request = request(&call, key, kind, &tags, &open_tags);
        if mode == Mode::Newer {
            request.demand = newer_than_what_stands(&cache, site, key, kind, &budget).await;
        }
        let reading = pin!(cache.read(&request, &budget));
        match instead.of_waiting(&mut patience, reading).await {
            Ok(turn) => turn,
            Err((returned, outcome)) => {
                tell(|| outcome);
                return returned;
            }
        }
    };
    let (why, flight) = match turn {
        // Taken out: what nobody else holds is moved, not cloned.
        Turn::Hit(mut hit) => match give_back(kind, hit.kept.take()) {
            Some(returned) => {
                served(&cache, about, &hit, None);
                spans::read_ended(|| outcome(about, &hit, None));
                if let Some(ahead) = ahead.filter(|_| hit.refresh && may_refresh(&cache, key)) {
                    let load = Load {
                        budget: Arc::new(cache.background_budget()),
                        cache: cache.clone(),
                        call,
                        kind,
                        when,
                        late,
                        work: Box::pin(body()),
                    };
                    (ahead.refresh)(load, hit.version);
                }
                return returned;
            }
            None => (Why::Unusable, None),
        },
        Turn::Lead(loading) => {
            let why = match mode {
                Mode::Newer => Why::Asked,
                _ => loading.why(),
            };
            count(&cache, site, |counters| &counters.misses);
            let load = Load {
                cache: cache.clone(),
                call,
                kind,
                when,
                late,
                work: Box::pin(body()),
                budget: Arc::new(budget),
            };
            let led = Box::pin(lead_within(load, loading, patience, ahead)).await;
            return told(about, kind, led, Status::Miss, why);
        }
        Turn::Shared(outcome, was_loaded) => {
            if outcome.is_failure()
                && let Some((returned, outcome)) = Box::pin(instead.at(Press::Failed)).await
            {
                tell(|| outcome);
                return returned;
            }
            if let Some(returned) = give_back_outcome(kind, outcome) {
                let why = if was_loaded { Why::Fresh } else { Why::Shared };
                count(&cache, site, |counters| &counters.coalesced);
                let kept = match kind.success(&returned) {
                    Success::Value(value) => when(value),
                    Success::Nothing | Success::Failure => false,
                };
                let ttl = cache.lifetime(call.used_ttl()).filter(|_| kept);
                tell(|| CallOutcome {
                    ttl: ttl.unwrap_or_default(),
                    ..ran(about, kind, &returned, Status::Coalesced, why)
                });
                return returned;
            }
            (Why::Shared, None)
        }
        Turn::Alone(flight, failed) => {
            if failed && let Some((returned, outcome)) = Box::pin(instead.at(Press::Failed)).await {
                tell(|| outcome);
                return returned;
            }
            (Why::Shared, Some(flight))
        }
        Turn::Solo(why) => (why, None),
    };
    // In turn with others, where a load's result could not be shared.
    let turn = match &flight {
        None => None,
        Some(flight) => {
            let waiting = pin!(flight.turn());
            let turn = match instead.of_waiting(&mut patience, waiting).await {
                Ok(turn) => turn,
                Err((returned, outcome)) => {
                    tell(|| outcome);
                    return returned;
                }
            };
            match turn {
                Ok(turn) => Some((turn, flight)),
                Err(outcome) => match give_back_outcome(kind, outcome) {
                    Some(returned) => {
                        count(&cache, site, |counters| &counters.coalesced);
                        tell(|| ran(about, kind, &returned, Status::Coalesced, Why::Shared));
                        return returned;
                    }
                    None => None,
                },
            }
        }
    };
    count(&cache, site, |counters| &counters.misses);
    let led = Box::pin(alone_within(
        call,
        late,
        Box::pin(body()),
        patience,
        instead,
    ))
    .await;
    if let (Led::Own(returned, _), Some((_, flight))) = (&led, &turn)
        && let Success::Value(_) = kind.success(returned)
        && let Some(kept) = kept(site, kind, returned)
    {
        flight.rescue(Outcome::Value(Some(kept)));
    }
    drop(turn);
    told(about, kind, led, Status::Miss, why)
}

/// The load, in a task of its own where the call may stop waiting for it.
async fn lead_within<R, K, W, L, Fut>(
    load: Load<K, W, L, Fut>,
    loading: Box<Loading>,
    patience: Patience,
    ahead: Option<Ahead<R, K, W, L, Fut>>,
) -> Led<R>
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    Fut: Future<Output = R>,
{
    let Some(ahead) = ahead.filter(|_| patience.is_soft()) else {
        return lead(load, loading, patience, false).await;
    };
    let (cache, about, kind) = (load.cache.clone(), load.call.about(), load.kind);
    let (key, budget) = (loading.cache_key().clone(), load.budget.clone());
    let Some(room) = cache.inner.loads.room().filter(|_| !deferred::is_active()) else {
        // Too much is under way: then it ends with its call.
        return lead(load, loading, patience, false).await;
    };
    let mut task = (ahead.detach)(room, load, loading, patience.hard_only());
    let instead = Instead {
        cache: &cache,
        about,
        key: Some(&key),
        kind,
        budget: &budget,
    };
    let waited = instead
        .of_waiting(&mut patience.soft_only(), Pin::new(&mut task))
        .await;
    match waited {
        Ok(Ok(led)) => led,
        Ok(Err(ended)) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this call with it.
            Err(_) => std::future::pending().await,
        },
        Err((returned, outcome)) => Led::Instead(returned, outcome),
    }
}

/// What stands now will not do, and need not go before its successor is there.
async fn newer_than_what_stands<R, K: Cacheable<R>>(
    cache: &Cache,
    site: &'static Site,
    key: &CacheKey,
    kind: K,
    budget: &Budget,
) -> Demand {
    let mut request = request_of(site, key, kind, &[], &[]);
    request.demand = Demand::StandIn;
    let standing = Box::pin(cache.standing(&request, budget)).await;
    standing.map_or(Demand::Any, |hit| Demand::NewerThan(hit.version))
}

/// Tells how a call went that ran its body, and gives its result.
fn told<R, K: Cacheable<R>>(about: About, kind: K, led: Led<R>, status: Status, why: Why) -> R {
    match led {
        Led::Own(returned, Fate { ttl, stored }) => {
            tell(|| CallOutcome {
                ttl,
                stored,
                ..ran(about, kind, &returned, status, why)
            });
            returned
        }
        Led::Instead(returned, outcome) => {
            tell(|| outcome);
            returned
        }
        Led::GivenUp => unreachable!("somebody waits for this load"),
    }
}

/// Tells whoever asked, and the span of the read.
fn tell(outcome: impl Fn() -> CallOutcome) {
    note(&outcome);
    spans::read_ended(outcome);
}

pub(super) fn request<'a, R, K: Cacheable<R>>(
    call: &Call,
    key: &'a CacheKey,
    kind: K,
    tags: &'a [String],
    open_tags: &'a [String],
) -> Request<'a> {
    Request {
        removes: !call.patterns.is_empty(),
        ..request_of(call.site, key, kind, tags, open_tags)
    }
}

pub(super) fn request_of<'a, R, K: Cacheable<R>>(
    site: &'static Site,
    key: &'a CacheKey,
    kind: K,
    tags: &'a [String],
    open_tags: &'a [String],
) -> Request<'a> {
    Request {
        key,
        ops: kind.ops(),
        near: site.near,
        tags,
        open_tags,
        takes_none: kind.nothing().is_some(),
        removes: false,
        policy: &site.policy,
        demand: Demand::Any,
        site: Some(site),
    }
}

pub(super) fn give_back<R, K: Cacheable<R>>(kind: K, kept: Kept) -> Option<R> {
    match kept {
        Some(value) => kind.restore(value),
        None => kind.nothing(),
    }
}

fn give_back_outcome<R, K: Cacheable<R>>(kind: K, outcome: Outcome) -> Option<R> {
    match outcome {
        Outcome::Value(kept) => give_back(kind, kept),
        Outcome::Nothing => kind.nothing(),
        Outcome::Error(error) => kind.restore_error(&error),
        Outcome::TimedOut => kind.timed_out(),
        Outcome::Failed | Outcome::Unshared => None,
    }
}

/// A future that is done, or a box.
enum Small<R, F> {
    Ready(Option<R>),
    /// And the call's key, if its observer wants to know it.
    Boxed(Pin<Box<F>>, Option<Arc<str>>),
}

// The value is never pinned: it is moved out whole.
impl<R, F> Unpin for Small<R, F> {}

impl<R, F: Future<Output = R>> Future for Small<R, F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        match &mut *self {
            Self::Ready(returned) => match returned.take() {
                Some(value) => match tokio::task::coop::poll_proceed(context) {
                    // A loop of hits must let others have a turn, the task among them that hears of removals.
                    Poll::Pending => {
                        *returned = Some(value);
                        Poll::Pending
                    }
                    Poll::Ready(proceed) => {
                        proceed.made_progress();
                        Poll::Ready(value)
                    }
                },
                // As every `async fn` does: whoever polls a future that has ended has a bug.
                None => panic!("a cached call was polled after it had ended"),
            },
            Self::Boxed(future, name) => naming(name.as_ref(), || future.as_mut().poll(context)),
        }
    }
}
