//! A call that memory has not answered: it asks Redis, waits for another call's load, or loads itself.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cache::load::Load;
use crate::cache::transaction;
use crate::cache::{Cache, Demand, Hit, ReadOutcome};
use crate::cacheable::Ended;
use crate::cacheable::erased::AnyResult;
use crate::call::background::{BackgroundLoad, may_refresh};
use crate::call::body::{Body, MakeBody, Work};
use crate::call::call::Keyed;
use crate::call::fallback::{Fallback, FallbackReason};
use crate::call::load::{
    LeadingCall, LoadResult, Stored, lead, run_uncached, run_uncached_within, shareable,
};
use crate::call::mode::Mode;
use crate::call::pending_call::PendingCall;
use crate::call::report::{count, found_outcome, hit_outcome, ran_outcome, report, report_hit};
use crate::call::request::{Shape, give_back_aged, give_back_outcome, request, request_of};
use crate::call::site::{About, Site};
use crate::call::survivor::Survivor;
use crate::call::timeouts::Timeouts;
use crate::call::{boxed, put};
use crate::key::CacheKey;
use crate::local::flight;
use crate::local::flight::Flight;
use crate::local::flight::Outcome;
use crate::redis::{Budget, Lease};
use crate::telemetry::outcome::{CallOutcome, HitTier, Reason, Status};
use crate::telemetry::spans;

/// A call that memory has not answered. `M` creates its body, a `B`, when it is about to run.
pub(super) struct Miss<'a, M, B> {
    pub(super) pending: Box<PendingCall>,
    pub(super) make: M,
    /// Present if its body owns its data.
    pub(super) background: Option<&'a BackgroundLoad<'a, B>>,
}

/// The time limits of a miss: for the body, and for Redis.
pub(super) struct Limits {
    pub(super) timeouts: Timeouts,
    pub(super) budget: Budget,
}

/// The only instance of [`miss`] in this crate. The body (`'a`) may outlive the call (`'m`).
pub(super) fn miss_boxed<'m, 'a: 'm>(
    missed: Miss<'a, MakeBody<'m, 'a>, Body<'a>>,
) -> Pin<Box<dyn Future<Output = AnyResult> + Send + 'm>> {
    boxed(|| miss_in_span(missed))
}

/// [`miss`], inside its span.
pub(super) fn miss_in_span<'a, M, B>(
    missed: Miss<'a, M, B>,
) -> tracing::instrument::Instrumented<impl Future<Output = AnyResult> + use<'a, M, B>>
where
    M: FnOnce() -> Work<'a, B>,
    B: Future<Output = AnyResult> + Unpin,
{
    let call = &missed.pending.call;
    let span = spans::read(call.site.name(), call.key.as_str());
    tracing::Instrument::instrument(miss(missed), span)
}

/// Asks Redis and joins the key's flight, and runs the body if neither has a value.
///
/// The body is polled from this function, so for calls nested in bodies, this function's frame is on the stack once
/// for each level. So the search, whose frame is large, is polled in a frame of its own, which is gone when the body
/// runs.
async fn miss<'a, M, B>(miss: Miss<'a, M, B>) -> AnyResult
where
    M: FnOnce() -> Work<'a, B>,
    B: Future<Output = AnyResult> + Unpin,
{
    if miss.pending.mode == Mode::Uncached {
        return (miss.make)().body.await;
    }
    let searched = {
        let mut searching = pin!(search(miss));
        poll_fn(|context| poll_apart(searching.as_mut(), context)).await
    };
    match searched {
        Searched::Done(returned) => returned,
        Searched::Load(load) => load.await,
    }
}

/// The outcome of a search for a value: the call's result, or a load to be run.
enum Searched<L> {
    Done(AnyResult),
    Load(Pin<Box<L>>),
}

/// Polls a future in a stack frame of its own.
#[inline(never)]
fn poll_apart<F: Future>(future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(context)
}

/// Asks Redis and joins the key's flight. A call without a lease runs its body here.
///
/// Everything that a hit does not need is boxed, in separate stack frames. Every box that a hit in Redis needs is at
/// most 1032 bytes: up to this size, the usual allocator reuses freed blocks quickly.
async fn search<'a, M, B>(miss: Miss<'a, M, B>) -> Searched<impl Future<Output = AnyResult>>
where
    M: FnOnce() -> Work<'a, B>,
    B: Future<Output = AnyResult> + Unpin,
{
    let (cache, site) = (miss.pending.call.used_cache(), miss.pending.call.site);
    let mut limits = Limits {
        timeouts: Timeouts::new(&site.policy),
        budget: cache.budget(),
    };
    let key = match &miss.pending.call.key {
        Keyed::Key(key) if !matches!(miss.pending.mode, Mode::WithoutCredentials | Mode::Off) => {
            key
        }
        _ => return Searched::Done(boxed(|| miss.without_key(&cache, limits)).await),
    };
    if !miss.pending.call.patterns.is_empty() && transaction::is_active() {
        return Searched::Done(boxed(|| miss.in_transaction(&cache)).await);
    }
    if miss.pending.mode == Mode::Shadow {
        let key = key.clone();
        return Searched::Done(boxed(|| miss.in_shadow(&cache, &key, limits)).await);
    }
    if miss.pending.mode == Mode::Normal
        && is_source_failing(&cache, site, key)
        && let Some(returned) =
            boxed(|| miss.pending.after_failure(&cache, key, &limits.budget)).await
    {
        return Searched::Done(returned);
    }
    let mut demand = Demand::Any;
    if miss.pending.mode != Mode::Normal {
        demand = boxed(|| miss.pending.demand(&cache, key, &limits.budget)).await;
    }
    if miss.pending.mode == Mode::Refresh {
        limits.timeouts = limits.timeouts.hard_only();
        if demand == Demand::Any {
            let key = key.clone();
            return Searched::Done(boxed(|| miss.refresh_nothing(&cache, &key, limits)).await);
        }
    }
    let read = miss.pending.read(&cache, key, &mut limits, demand).await;
    Searched::Done(match read {
        Ok(ReadOutcome::Hit(mut hit)) => match give_back_aged(&*miss.pending.kind, &mut hit) {
            Some(returned) => {
                miss.after_hit(&cache, &hit);
                returned
            }
            None => {
                let key = key.clone();
                boxed(|| miss.run(&cache, &key, limits, Reason::Unusable)).await
            }
        },
        Ok(ReadOutcome::Load(loading)) => {
            return Searched::Load(boxed(|| miss.load(cache, limits, loading)));
        }
        Ok(read) => {
            let key = key.clone();
            boxed(|| miss.after_read(&cache, &key, limits, read)).await
        }
        Err(returned) => returned,
    })
}

/// Whether the last load of the key failed recently, and no further attempt is due.
fn is_source_failing(cache: &Cache, site: &Site, key: &CacheKey) -> bool {
    let policy = &site.policy;
    !policy.stale_on_error.is_zero() && !cache.inner.failing.may_try(key.as_str(), policy.retry)
}

impl PendingCall {
    fn fallback<'f>(
        &'f self,
        cache: &'f Cache,
        key: Option<&'f CacheKey>,
        budget: &'f Budget,
    ) -> Fallback<'f> {
        Fallback {
            cache,
            about: self.call.about(),
            key,
            kind: &*self.kind,
            budget,
        }
    }

    /// The older value to serve in place of a body that failed.
    async fn after_failure(
        &self,
        cache: &Cache,
        key: &CacheKey,
        budget: &Budget,
    ) -> Option<AnyResult> {
        let fallback = self.fallback(cache, Some(key), budget);
        let (returned, outcome) = fallback.value_for(FallbackReason::BodyFailed).await?;
        report(|| *outcome);
        Some(returned)
    }

    /// Which values the call accepts. For a refresh, [`Demand::Any`] means that there is no entry to refresh.
    async fn demand(&self, cache: &Cache, key: &CacheKey, budget: &Budget) -> Demand {
        let mut request = request_of(self.call.site, key, Shape::of_any(&*self.kind));
        request.demand = Demand::Fallback;
        match self.mode {
            // Ask for a value newer than the stored one, and keep serving that one meanwhile.
            Mode::Newer => {
                let stored = cache.stale_value(&request, budget).await;
                stored.map_or(Demand::Any, |hit| Demand::NewerThan(hit.version))
            }
            // A call that removes entries may remove its own key, and with it the entry that it would replace. One that
            // cannot store now removes it: inside a transaction, when that ends.
            Mode::Refresh
                if self.call.patterns.is_empty()
                    && cache.is_enabled()
                    && !transaction::is_active() =>
            {
                let stored = cache.stale_value_in_redis(&request, budget).await;
                stored.map_or(Demand::Any, |_| Demand::OnlyALoad)
            }
            _ => Demand::Any,
        }
    }

    /// Reads the key. `Err`: the read took too long, and this is the call's result instead.
    async fn read(
        &self,
        cache: &Cache,
        key: &CacheKey,
        limits: &mut Limits,
        demand: Demand,
    ) -> Result<ReadOutcome, AnyResult> {
        let (tags, open_tags) = self.call.tags.known_and_open();
        let shape = Shape::of_any(&*self.kind);
        let mut request = request(&self.call, key, shape, &tags, &open_tags);
        request.demand = demand;
        let Limits { timeouts, budget } = limits;
        let mut reading = Box::pin(cache.read(&request, budget));
        if timeouts.is_endless() {
            return Ok(reading.await);
        }
        let fallback = self.fallback(cache, Some(key), budget);
        let turn = boxed(|| fallback.wait_or_fall_back(timeouts, reading.as_mut())).await;
        turn.map_err(|(returned, outcome)| {
            report(|| *outcome);
            returned
        })
    }

    /// Waits for a permit to load after a load whose result could not be shared. `Err`: the call's result.
    async fn permit<'f>(
        &self,
        cache: &Cache,
        key: &CacheKey,
        limits: &mut Limits,
        flight: &'f Flight<Box<Lease>>,
    ) -> Result<Option<flight::Turn<'f, Box<Lease>>>, AnyResult> {
        let about = self.call.about();
        let turn = {
            let fallback = self.fallback(cache, Some(key), &limits.budget);
            let waited = pin!(flight.turn());
            fallback
                .wait_or_fall_back(&mut limits.timeouts, waited)
                .await
        };
        match turn {
            Ok(Ok(permit)) => Ok(Some(permit)),
            Ok(Err(outcome)) => match give_back_outcome(&*self.kind, outcome) {
                Some(returned) => {
                    count(cache, about.site, |counters| &counters.coalesced);
                    let failed = self.kind.has_failed(&returned);
                    report(|| ran_outcome(about, failed, Status::Coalesced, Reason::Shared));
                    Err(returned)
                }
                None => Ok(None),
            },
            Err((returned, outcome)) => {
                report(|| *outcome);
                Err(returned)
            }
        }
    }

    /// The result of another call's load.
    fn return_shared(
        &self,
        cache: &Cache,
        outcome: Outcome,
        was_loaded: bool,
    ) -> Option<AnyResult> {
        let about = self.call.about();
        let site = about.site;
        let found = match &outcome {
            Outcome::Found(_, aged) => Some(**aged),
            _ => None,
        };
        let ttl = match &outcome {
            Outcome::Value(Some(_)) => cache.lifetime(self.call.used_ttl()),
            Outcome::Value(None) => site.none_ttl,
            _ => None,
        };
        let returned = give_back_outcome(&*self.kind, outcome)?;
        count(cache, site, |counters| &counters.coalesced);
        if let Some(aged) = found {
            // The call that found it refreshes a value past its lifetime.
            let reason = if aged.is_stale() {
                Reason::Refreshing
            } else {
                Reason::Fresh
            };
            report(|| found_outcome(about, HitTier::Redis, aged, reason));
            return Some(returned);
        }
        let reason = if was_loaded {
            Reason::Fresh
        } else {
            Reason::Shared
        };
        let failed = self.kind.has_failed(&returned);
        report(|| CallOutcome {
            ttl: ttl.unwrap_or_default(),
            ..ran_outcome(about, failed, Status::Coalesced, reason)
        });
        Some(returned)
    }
}

impl<'a, M, B> Miss<'a, M, B>
where
    M: FnOnce() -> Work<'a, B>,
    B: Future<Output = AnyResult> + Unpin,
{
    pub(super) fn into_leading_call(self, cache: Cache, budget: Budget) -> LeadingCall<'a, B> {
        LeadingCall {
            cache,
            waits_for_store: self.pending.mode == Mode::Refresh,
            pending: self.pending,
            work: (self.make)(),
            budget: Arc::new(budget),
        }
    }

    /// Runs the body for the key's flight.
    async fn load(self, cache: Cache, limits: Limits, loading: Box<Load>) -> AnyResult {
        let about = self.pending.call.about();
        let why = match self.pending.mode {
            Mode::Newer | Mode::Refresh => Reason::Asked,
            _ => loading.reason(),
        };
        count(&cache, about.site, |counters| &counters.misses);
        let (background, timeouts) = (self.background, limits.timeouts);
        let load = self.into_leading_call(cache, limits.budget);
        let loaded = lead_within(load, loading, timeouts, background).await;
        conclude(about, loaded, Status::Miss, why)
    }

    /// For a call without a key, with a key that does not contain the credentials of the request, or of a cache that is
    /// switched off.
    async fn without_key(self, cache: &Cache, limits: Limits) -> AnyResult {
        let site = self.pending.call.site;
        count(cache, site, |counters| &counters.bypasses);
        let why = match self.pending.mode {
            Mode::WithoutCredentials => {
                site.warn_of_credentials();
                Reason::Credentials
            }
            Mode::Off => Reason::Off,
            _ => Reason::NoKey,
        };
        self.run_and_report(cache, None, limits, (Status::Bypass, why))
            .await
    }

    /// For a call whose removals wait for the end of a transaction, so that its result cannot be stored either.
    async fn in_transaction(self, cache: &Cache) -> AnyResult {
        let PendingCall { call, kind, .. } = *self.pending;
        let about = call.about();
        count(cache, about.site, |counters| &counters.misses);
        let returned = run_uncached(cache, call, &*kind, (self.make)()).await;
        let failed = kind.has_failed(&returned);
        report(|| ran_outcome(about, failed, Status::Miss, Reason::InTransaction));
        returned
    }

    /// A refresh of a key without an entry, which runs as a `put`. If Redis did not answer in time, nothing can be
    /// stored, and the call does not wait for Redis again.
    async fn refresh_nothing(self, cache: &Cache, key: &CacheKey, limits: Limits) -> AnyResult {
        if limits.budget.is_spent() {
            count(cache, self.pending.call.site, |counters| &counters.misses);
            let outcome = (Status::Miss, Reason::RedisAway);
            return self.run_and_report(cache, Some(key), limits, outcome).await;
        }
        let PendingCall { call, kind, .. } = *self.pending;
        put::run(call, kind, (self.make)(), limits.budget).await
    }

    /// For a read that returned neither a stored value nor a load to lead.
    async fn after_read(
        self,
        cache: &Cache,
        key: &CacheKey,
        limits: Limits,
        read: ReadOutcome,
    ) -> AnyResult {
        let pending = &self.pending;
        match read {
            ReadOutcome::Coalesced(outcome, was_loaded) => {
                if outcome.is_failure()
                    && let Some(returned) =
                        boxed(|| pending.after_failure(cache, key, &limits.budget)).await
                {
                    return returned;
                }
                match pending.return_shared(cache, outcome, was_loaded) {
                    Some(returned) => returned,
                    None => self.run(cache, key, limits, Reason::Shared).await,
                }
            }
            ReadOutcome::RunLimited(flight, failed) => {
                if failed
                    && let Some(returned) =
                        boxed(|| pending.after_failure(cache, key, &limits.budget)).await
                {
                    return returned;
                }
                self.run_in_turn(cache, key, limits, &flight).await
            }
            ReadOutcome::RunUncached(why) => self.run(cache, key, limits, why).await,
            ReadOutcome::Hit(_) | ReadOutcome::Load(_) => {
                unreachable!("`search` handles these")
            }
        }
    }

    /// Reports a hit whose value is returned, and starts its refresh or comparison if one is due.
    #[inline(never)]
    fn after_hit(self, cache: &Cache, hit: &Hit) {
        let about = self.pending.call.about();
        report_hit(cache, about, hit, None);
        spans::read_ended(|| hit_outcome(about, hit, None));
        let Keyed::Key(key) = &self.pending.call.key else {
            return;
        };
        let Some(background) = self.background else {
            return;
        };
        let verifies = !hit.refresh && about.site.verifies(hit);
        if (hit.refresh || verifies) && may_refresh(cache, key) {
            let load = self.into_leading_call(cache.clone(), cache.background_budget());
            let follow_up = if verifies {
                background.verify
            } else {
                background.refresh
            };
            follow_up(load, hit.version);
        }
    }

    /// Runs the body, limited to a few at a time, after a load whose result could not be shared.
    async fn run_in_turn(
        self,
        cache: &Cache,
        key: &CacheKey,
        mut limits: Limits,
        flight: &Flight<Box<Lease>>,
    ) -> AnyResult {
        let permit = match self.pending.permit(cache, key, &mut limits, flight).await {
            Ok(permit) => permit,
            Err(returned) => return returned,
        };
        let about = self.pending.call.about();
        count(cache, about.site, |counters| &counters.misses);
        let kind = self.pending.kind.another();
        let loaded = self.load_uncached(cache, Some(key), limits).await;
        if let (LoadResult::Own(returned, _), Some(_)) = (&loaded, &permit)
            && kind.ended(returned) == Ended::Value
            && !transaction::may_be_due_by_any_tag(cache, key.as_str())
            && let Some(kept) = shareable(about.site, &*kind, returned)
        {
            flight.share(Outcome::Unstored(kept));
        }
        drop(permit);
        conclude(about, loaded, Status::Miss, Reason::Shared)
    }

    /// Runs the body without a lease.
    async fn run(self, cache: &Cache, key: &CacheKey, limits: Limits, why: Reason) -> AnyResult {
        count(cache, self.pending.call.site, |counters| &counters.misses);
        self.run_and_report(cache, Some(key), limits, (Status::Miss, why))
            .await
    }

    pub(super) async fn run_and_report(
        self,
        cache: &Cache,
        key: Option<&CacheKey>,
        limits: Limits,
        (status, why): (Status, Reason),
    ) -> AnyResult {
        let about = self.pending.call.about();
        let loaded = self.load_uncached(cache, key, limits).await;
        conclude(about, loaded, status, why)
    }

    pub(super) async fn load_uncached(
        self,
        cache: &Cache,
        key: Option<&CacheKey>,
        limits: Limits,
    ) -> LoadResult {
        let Limits { timeouts, budget } = limits;
        let PendingCall { call, kind, .. } = *self.pending;
        let fallback = Fallback {
            cache,
            about: call.about(),
            key,
            kind: &*kind,
            budget: &budget,
        };
        let work = (self.make)();
        boxed(|| run_uncached_within(call, work, timeouts, fallback)).await
    }
}

/// Runs the load. If others wait for it and it owns its data, it continues when its caller is dropped.
async fn lead_within<'a, B>(
    load: LeadingCall<'a, B>,
    loading: Box<Load>,
    timeouts: Timeouts,
    background: Option<&'a BackgroundLoad<'a, B>>,
) -> LoadResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    let Some(background) = background.filter(|_| !transaction::is_inside()) else {
        return boxed(|| lead(load, loading, timeouts, false)).await;
    };
    if timeouts.is_soft() {
        return boxed(|| lead_softly(load, loading, timeouts, background)).await;
    }
    let (cache, flight) = (load.cache.clone(), loading.flight().clone());
    Survivor::new((background.movable)(load, loading, timeouts), cache, flight).await
}

/// Runs the load in a separate task, because the call may stop waiting for it.
async fn lead_softly<'a, B>(
    load: LeadingCall<'a, B>,
    loading: Box<Load>,
    timeouts: Timeouts,
    background: &'a BackgroundLoad<'a, B>,
) -> LoadResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    let (cache, about, kind) = (
        load.cache.clone(),
        load.pending.call.about(),
        load.pending.kind.another(),
    );
    let (key, budget) = (loading.cache_key().clone(), load.budget.clone());
    let Some(room) = cache.inner.loads.room() else {
        // Too many loads are in the background: then this one ends with its call.
        return boxed(|| lead(load, loading, timeouts, false)).await;
    };
    let mut task = (background.detach)(room, load, loading, timeouts.hard_only());
    let fallback = Fallback {
        cache: &cache,
        about,
        key: Some(&key),
        kind: &*kind,
        budget: &budget,
    };
    let waited = fallback
        .wait_or_fall_back(&mut timeouts.soft_only(), Pin::new(&mut task))
        .await;
    match waited {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(ended)) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this call with it.
            Err(_) => std::future::pending().await,
        },
        Err((returned, outcome)) => LoadResult::Fallback(returned, outcome),
    }
}

/// Reports a call that ran its body, and returns its result.
#[inline(never)]
pub(super) fn conclude(about: About, loaded: LoadResult, status: Status, why: Reason) -> AnyResult {
    match loaded {
        LoadResult::Own(
            returned,
            Stored {
                ttl,
                stored,
                failed,
            },
        ) => {
            report(|| CallOutcome {
                ttl,
                stored,
                ..ran_outcome(about, failed, status, why)
            });
            returned
        }
        LoadResult::Fallback(returned, outcome) => {
            report(|| *outcome);
            returned
        }
        LoadResult::GivenUp => unreachable!("somebody waits for this load"),
    }
}
