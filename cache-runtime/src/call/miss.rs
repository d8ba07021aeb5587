//! A call that memory has not answered: Redis, another call's load, or a load of its own.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use super::ahead::{Ahead, may_refresh};
use super::instead::{Instead, Press};
use super::lead::{Fate, Led, Load, alone, alone_within, lead};
use super::patience::Patience;
use super::survivor::Survivor;
use super::tally::{count, kept, outcome, ran, served};
use super::translate::{give_back_aged, give_back_outcome, request, request_of};
use super::{Mode, boxed, put};
use crate::cache::{Cache, Demand, Hit, Turn};
use crate::cacheable::{Cacheable, Success};
use crate::deferred;
use crate::flight::{Flight, Outcome};
use crate::key::CacheKey;
use crate::load::Loading;
use crate::outcome::{CallOutcome, Status, Why, note};
use crate::redis::{Budget, Lease};
use crate::site::{About, Call, Keyed, Late, Site};
use crate::spans;

/// A call that memory has not answered.
pub(super) struct Miss<R, K, W, L, F, Fut> {
    pub(super) call: Call,
    pub(super) kind: K,
    pub(super) when: W,
    pub(super) late: L,
    pub(super) body: F,
    pub(super) mode: Mode,
    pub(super) ahead: Option<Ahead<R, K, W, L, Fut>>,
}

/// How long a miss waits: its patience for the body, and its budget for Redis.
struct Waiting {
    patience: Patience,
    budget: Budget,
}

/// Asks Redis and the key's flight, and runs the body if neither has a value.
///
/// Everything that a load does not need is boxed in frames of its own. A body is polled from this function, so calls that are
/// nested in bodies take this function's frame once for each level. And every box that a hit in Redis needs stays below the 1032 bytes up to which the usual
/// allocator keeps freed blocks at hand.
pub(super) async fn miss<R, K, W, L, F, Fut>(miss: Miss<R, K, W, L, F, Fut>) -> R
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    if miss.mode == Mode::Uncached {
        return boxed(miss.body).await;
    }
    let (cache, site) = (miss.call.used_cache(), miss.call.site);
    let mut waiting = Waiting {
        patience: Patience::new(&site.policy),
        budget: cache.budget(),
    };
    let key = match &miss.call.key {
        Keyed::Key(key) if miss.mode != Mode::Blind => key.clone(),
        _ => return boxed(|| miss.without_key(&cache, waiting)).await,
    };
    if !miss.call.patterns.is_empty() && deferred::is_active() {
        return boxed(|| miss.in_transaction(&cache)).await;
    }
    if miss.mode == Mode::Normal
        && is_to_be_spared(&cache, site, &key)
        && let Some(returned) =
            boxed(|| miss.instead(&cache, &key, &waiting.budget, Press::Failed)).await
    {
        return returned;
    }
    let mut demand = Demand::Any;
    if miss.mode != Mode::Normal {
        demand = boxed(|| miss.demand(&cache, &key, &waiting.budget)).await;
    }
    if miss.mode == Mode::Refresh {
        waiting.patience = waiting.patience.hard_only();
        if demand == Demand::Any {
            return boxed(|| miss.refresh_nothing(&cache, &key, waiting)).await;
        }
    }
    match miss.turn(&cache, &key, &mut waiting, demand).await {
        Ok(Turn::Hit(hit)) => match miss.give_hit(&cache, &key, hit) {
            Ok(returned) => returned,
            Err(miss) => boxed(|| miss.run(&cache, &key, waiting, Why::Unusable)).await,
        },
        Ok(Turn::Lead(loading)) => {
            let (about, kind) = (miss.call.about(), miss.kind);
            let why = match miss.mode {
                Mode::Newer | Mode::Refresh => Why::Asked,
                _ => loading.why(),
            };
            count(&cache, site, |counters| &counters.misses);
            let (ahead, patience) = (miss.ahead, waiting.patience);
            let led = boxed(|| {
                let load = miss.into_load(cache, waiting.budget);
                lead_within(load, loading, patience, ahead)
            });
            let led = led.await;
            told(about, kind, led, Status::Miss, why)
        }
        Ok(turn) => boxed(|| miss.after(&cache, &key, waiting, turn)).await,
        Err(returned) => returned,
    }
}

/// The source has failed a moment ago, and another attempt is not due.
fn is_to_be_spared(cache: &Cache, site: &Site, key: &CacheKey) -> bool {
    let policy = &site.policy;
    !policy.stale_on_error.is_zero() && !cache.inner.failing.may_try(key.as_str(), policy.retry)
}

impl<R, K, W, L, F, Fut> Miss<R, K, W, L, F, Fut>
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    fn into_load(self, cache: Cache, budget: Budget) -> Load<K, W, L, Fut> {
        Load {
            cache,
            call: self.call,
            kind: self.kind,
            when: self.when,
            late: self.late,
            work: boxed(self.body),
            budget: Arc::new(budget),
            waits_for_store: self.mode == Mode::Refresh,
        }
    }

    /// An older value, or a time-out's error, in place of the body's result.
    async fn instead(
        &self,
        cache: &Cache,
        key: &CacheKey,
        budget: &Budget,
        press: Press,
    ) -> Option<R> {
        let instead = Instead {
            cache,
            about: self.call.about(),
            key: Some(key),
            kind: self.kind,
            budget,
        };
        let (returned, outcome) = instead.at(press).await?;
        tell(|| outcome);
        Some(returned)
    }

    /// The call has no key, or one that does not hold the credentials that came with it.
    async fn without_key(self, cache: &Cache, waiting: Waiting) -> R {
        let site = self.call.site;
        count(cache, site, |counters| &counters.bypasses);
        let why = match self.mode {
            Mode::Blind => {
                site.warn_of_credentials();
                Why::Credentials
            }
            _ => Why::NoKey,
        };
        self.alone(cache, None, waiting, (Status::Bypass, why))
            .await
    }

    /// The call's removals wait for the end of a transaction, so its result cannot be stored either.
    async fn in_transaction(self, cache: &Cache) -> R {
        let (about, kind) = (self.call.about(), self.kind);
        count(cache, about.site, |counters| &counters.misses);
        let returned = alone(cache, self.call, kind, self.late, boxed(self.body)).await;
        tell(|| ran(about, kind, &returned, Status::Miss, Why::InTransaction));
        returned
    }

    /// Which values the call accepts. Of a refresh [`Demand::Any`] says that there is none to refresh.
    async fn demand(&self, cache: &Cache, key: &CacheKey, budget: &Budget) -> Demand {
        let mut request = request_of(self.call.site, key, self.kind, &[], &[]);
        request.demand = Demand::StandIn;
        match self.mode {
            // The standing value must be replaced, but may stay until the new one is there.
            Mode::Newer => {
                let standing = cache.standing(&request, budget).await;
                standing.map_or(Demand::Any, |hit| Demand::NewerThan(hit.version))
            }
            // A call that removes entries may remove its own key, and with it the entry that it would replace.
            Mode::Refresh if self.call.patterns.is_empty() => {
                let standing = cache.standing_in_redis(&request, budget).await;
                standing.map_or(Demand::Any, |_| Demand::OnlyALoad)
            }
            _ => Demand::Any,
        }
    }

    /// A refresh where nothing stands that a load could replace: then it is a put. Where Redis did not say in time what
    /// stands, nothing can be stored, and nobody waits for Redis again.
    async fn refresh_nothing(self, cache: &Cache, key: &CacheKey, waiting: Waiting) -> R {
        if waiting.budget.is_spent() {
            count(cache, self.call.site, |counters| &counters.misses);
            let told = (Status::Miss, Why::RedisAway);
            return self.alone(cache, Some(key), waiting, told).await;
        }
        let Self {
            call,
            kind,
            when,
            late,
            body,
            ..
        } = self;
        put::anew(call, kind, when, late, body, waiting.budget).await
    }

    /// Reads. `Err`: the read took too long, and this is the call's result instead.
    async fn turn(
        &self,
        cache: &Cache,
        key: &CacheKey,
        waiting: &mut Waiting,
        demand: Demand,
    ) -> Result<Turn, R> {
        let (tags, open_tags) = self.call.tags.known_and_open();
        let mut request = request(&self.call, key, self.kind, &tags, &open_tags);
        request.demand = demand;
        let Waiting { patience, budget } = waiting;
        let mut reading = Box::pin(cache.read(&request, budget));
        if patience.is_endless() {
            return Ok(reading.await);
        }
        let instead = Instead {
            cache,
            about: self.call.about(),
            key: Some(key),
            kind: self.kind,
            budget,
        };
        let turn = boxed(|| instead.of_waiting(patience, reading.as_mut())).await;
        turn.map_err(|(returned, outcome)| {
            tell(|| outcome);
            returned
        })
    }

    /// The read has come neither to a value of a tier nor to a load.
    async fn after(self, cache: &Cache, key: &CacheKey, waiting: Waiting, turn: Turn) -> R {
        match turn {
            Turn::Shared(outcome, was_loaded) => {
                if outcome.is_failure()
                    && let Some(returned) =
                        boxed(|| self.instead(cache, key, &waiting.budget, Press::Failed)).await
                {
                    return returned;
                }
                match self.give_shared(cache, outcome, was_loaded) {
                    Ok(returned) => returned,
                    Err(miss) => miss.run(cache, key, waiting, Why::Shared).await,
                }
            }
            Turn::Alone(flight, failed) => {
                if failed
                    && let Some(returned) =
                        boxed(|| self.instead(cache, key, &waiting.budget, Press::Failed)).await
                {
                    return returned;
                }
                self.in_turn(cache, key, waiting, &flight).await
            }
            Turn::Solo(why) => self.run(cache, key, waiting, why).await,
            Turn::Hit(_) | Turn::Lead(_) => unreachable!("`miss` itself deals with these"),
        }
    }

    /// A value that a tier has answered with.
    fn give_hit(self, cache: &Cache, key: &CacheKey, mut hit: Hit) -> Result<R, Box<Self>> {
        let about = self.call.about();
        let Some(returned) = give_back_aged(self.kind, &mut hit) else {
            return Err(Box::new(self));
        };
        served(cache, about, &hit, None);
        spans::read_ended(|| outcome(about, &hit, None));
        if let Some(ahead) = self
            .ahead
            .filter(|_| hit.refresh && may_refresh(cache, key))
        {
            let load = self.into_load(cache.clone(), cache.background_budget());
            (ahead.refresh)(load, hit.version);
        }
        Ok(returned)
    }

    /// The result of another call's load.
    fn give_shared(
        self,
        cache: &Cache,
        outcome: Outcome,
        was_loaded: bool,
    ) -> Result<R, Box<Self>> {
        let (about, kind) = (self.call.about(), self.kind);
        let Some(returned) = give_back_outcome(kind, outcome) else {
            return Err(Box::new(self));
        };
        let why = if was_loaded { Why::Fresh } else { Why::Shared };
        count(cache, about.site, |counters| &counters.coalesced);
        let kept = match kind.success(&returned) {
            Success::Value(value) => (self.when)(value),
            Success::Nothing | Success::Failure => false,
        };
        let ttl = cache.lifetime(self.call.used_ttl()).filter(|_| kept);
        tell(|| CallOutcome {
            ttl: ttl.unwrap_or_default(),
            ..ran(about, kind, &returned, Status::Coalesced, why)
        });
        Ok(returned)
    }

    /// In turn with others, after a load whose result could not be shared.
    async fn in_turn(
        self,
        cache: &Cache,
        key: &CacheKey,
        mut waiting: Waiting,
        flight: &Flight<Box<Lease>>,
    ) -> R {
        let (about, kind) = (self.call.about(), self.kind);
        let turn = {
            let instead = Instead {
                cache,
                about,
                key: Some(key),
                kind,
                budget: &waiting.budget,
            };
            let waited = pin!(flight.turn());
            instead.of_waiting(&mut waiting.patience, waited).await
        };
        let permit = match turn {
            Ok(Ok(permit)) => Some(permit),
            Ok(Err(outcome)) => match give_back_outcome(kind, outcome) {
                Some(returned) => {
                    count(cache, about.site, |counters| &counters.coalesced);
                    tell(|| ran(about, kind, &returned, Status::Coalesced, Why::Shared));
                    return returned;
                }
                None => None,
            },
            Err((returned, outcome)) => {
                tell(|| outcome);
                return returned;
            }
        };
        count(cache, about.site, |counters| &counters.misses);
        let led = self.led_alone(cache, Some(key), waiting).await;
        if let (Led::Own(returned, _), Some(_)) = (&led, &permit)
            && let Success::Value(_) = kind.success(returned)
            && let Some(kept) = kept(about.site, kind, returned)
        {
            flight.rescue(Outcome::Value(Some(kept)));
        }
        drop(permit);
        told(about, kind, led, Status::Miss, Why::Shared)
    }

    /// Runs the body without a lease.
    async fn run(self, cache: &Cache, key: &CacheKey, waiting: Waiting, why: Why) -> R {
        count(cache, self.call.site, |counters| &counters.misses);
        self.alone(cache, Some(key), waiting, (Status::Miss, why))
            .await
    }

    async fn alone(
        self,
        cache: &Cache,
        key: Option<&CacheKey>,
        waiting: Waiting,
        (status, why): (Status, Why),
    ) -> R {
        let (about, kind) = (self.call.about(), self.kind);
        let led = self.led_alone(cache, key, waiting).await;
        told(about, kind, led, status, why)
    }

    async fn led_alone(self, cache: &Cache, key: Option<&CacheKey>, waiting: Waiting) -> Led<R> {
        let Waiting { patience, budget } = waiting;
        let instead = Instead {
            cache,
            about: self.call.about(),
            key,
            kind: self.kind,
            budget: &budget,
        };
        let work = boxed(self.body);
        boxed(|| alone_within(self.call, self.late, work, patience, instead)).await
    }
}

/// The load; it goes on without its caller where others wait for it and it owns what it uses.
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
    let Some(ahead) = ahead.filter(|_| !deferred::is_active()) else {
        return boxed(|| lead(load, loading, patience, false)).await;
    };
    if patience.is_soft() {
        return boxed(|| lead_softly(load, loading, patience, ahead)).await;
    }
    let (cache, flight) = (load.cache.clone(), loading.flight().clone());
    Survivor::new((ahead.movable)(load, loading, patience), cache, flight).await
}

/// The load in a task of its own, as the call may stop waiting for it.
async fn lead_softly<R, K, W, L, Fut>(
    load: Load<K, W, L, Fut>,
    loading: Box<Loading>,
    patience: Patience,
    ahead: Ahead<R, K, W, L, Fut>,
) -> Led<R>
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    Fut: Future<Output = R>,
{
    let (cache, about, kind) = (load.cache.clone(), load.call.about(), load.kind);
    let (key, budget) = (loading.cache_key().clone(), load.budget.clone());
    let Some(room) = cache.inner.loads.room() else {
        // Too much is under way: then it ends with its call.
        return boxed(|| lead(load, loading, patience, false)).await;
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
