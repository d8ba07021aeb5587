//! Calls of functions that are not `async`: everything happens on the caller's thread, which never waits for Redis.
//!
//! As for `async` functions, only the shell in [`crate::call`] knows the types; the rest is compiled once.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::blocking::{ThreadLoad, ThreadRead};
use crate::cache::{Cache, Demand, transaction};
use crate::cacheable::erased::{AnyKind, AnyResult, Erase};
use crate::cacheable::{Ended, Success};
use crate::call::body::ResultRules;
use crate::call::call::{Call, Keyed, ResultPatterns};
use crate::call::load::shareable;
use crate::call::mode::Mode;
use crate::call::pending_call::PendingCall;
use crate::call::removals::PendingRemovals;
use crate::call::report::{count, hit_outcome, ran_outcome, report, report_hit};
use crate::call::request::{Shape, give_back_aged, give_back_outcome, request};
use crate::key::{CacheKey, Pattern};
use crate::local::flight::{Flight, Outcome};
use crate::redis::Lease;
use crate::telemetry::outcome::{CallOutcome, Reason, Status, naming};
use crate::telemetry::spans;

/// A body that is not a future, and the function's expressions about its result.
pub(super) trait ThreadWork: ResultRules {
    /// Runs the body. It can be run once.
    fn run(&mut self) -> AnyResult;
}

/// [`ThreadWork`] with its types.
pub(super) struct TypedWork<R, K, F, W, L> {
    kind: K,
    body: Option<F>,
    when: Option<W>,
    result_patterns: Option<L>,
    result: PhantomData<fn() -> R>,
}

impl<R, K, F, W, L> TypedWork<R, K, F, W, L> {
    pub(super) fn new(kind: K, body: F, when: W, result_patterns: L) -> Self {
        Self {
            kind,
            body: Some(body),
            when: Some(when),
            result_patterns: Some(result_patterns),
            result: PhantomData,
        }
    }
}

/// A call that memory has not answered.
struct ThreadMiss<'w> {
    cache: Cache,
    pending: PendingCall,
    work: &'w mut dyn ThreadWork,
}

/// Whether and how a result is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    ShareOnly,
    Absent,
    Failed,
}

/// What a call returns, and what is reported of it.
type Answer = (AnyResult, CallOutcome);

/// Waits for another thread's load, or runs the body.
pub(super) fn miss(
    call: Call,
    kind: Box<dyn AnyKind>,
    mode: Mode,
    name: Option<Arc<str>>,
    work: &mut dyn ThreadWork,
) -> AnyResult {
    if mode == Mode::Uncached {
        return work.run();
    }
    let span = spans::read(call.site.name(), call.key.as_str());
    let cache = call.used_cache();
    let pending = PendingCall { call, kind, mode };
    let missed = ThreadMiss {
        cache,
        pending,
        work,
    };
    naming(name.as_ref(), || span.in_scope(|| missed.answer()))
}

impl ThreadMiss<'_> {
    fn answer(mut self) -> AnyResult {
        let key = match &self.pending.call.key {
            Keyed::Key(key)
                if !matches!(
                    self.pending.mode,
                    Mode::WithoutCredentials | Mode::Off | Mode::Shadow
                ) =>
            {
                key.clone()
            }
            _ => return self.bypass(),
        };
        if self.pending.mode == Mode::Refresh && must_not_keep(&self.cache) {
            return self.refresh_without_keeping(&key);
        }
        let (tags, open_tags) = self.pending.call.tags.known_and_open();
        let shape = Shape::of_any(&*self.pending.kind);
        let mut request = request(&self.pending.call, &key, shape, &tags, &open_tags);
        if matches!(self.pending.mode, Mode::Refresh | Mode::Newer) {
            request.demand = Demand::OnlyALoad;
        }
        let (returned, outcome) = match self.cache.read_on_thread(&request) {
            ThreadRead::Hit(mut hit) => match give_back_aged(&*self.pending.kind, &mut hit) {
                Some(returned) => {
                    let about = self.pending.call.about();
                    report_hit(&self.cache, about, &hit, None);
                    spans::read_ended(|| hit_outcome(about, &hit, None));
                    return returned;
                }
                None => self.run_uncached(Reason::Unusable),
            },
            ThreadRead::Load(load) => self.load(*load),
            ThreadRead::Coalesced(outcome, was_loaded) => {
                let shared = self.take_shared(outcome, was_loaded);
                shared.unwrap_or_else(|| self.run_uncached(Reason::Shared))
            }
            ThreadRead::RunLimited(flight) => self.run_in_turn(&key, &flight),
            ThreadRead::RunUncached(why) => self.run_uncached(why),
        };
        report(|| outcome);
        returned
    }

    /// For a refresh whose result cannot be kept. The older value is outdated all the same; inside a transaction it is removed
    /// at its end.
    fn refresh_without_keeping(&mut self, key: &CacheKey) -> AnyResult {
        let (returned, outcome) = self.run_uncached(Reason::Asked);
        self.cache.remove_without_waiting(&[Pattern::key(key)]);
        report(|| outcome);
        returned
    }

    /// For a call without a key, or of a cache that is switched off or in shadow mode.
    fn bypass(&mut self) -> AnyResult {
        let why = match self.pending.mode {
            Mode::Off => Reason::Off,
            // Values are compared in the background, which a thread does not have.
            Mode::Shadow => Reason::Shadow,
            Mode::WithoutCredentials => Reason::Credentials,
            _ => Reason::NoKey,
        };
        let site = self.pending.call.site;
        count(&self.cache, site, |counters| &counters.bypasses);
        let returned = self.run_alone();
        let outcome = self.ran(&returned, Status::Bypass, why);
        report(|| outcome);
        returned
    }

    /// The result of another thread's load.
    fn take_shared(&self, outcome: Outcome, was_loaded: bool) -> Option<Answer> {
        let about = self.pending.call.about();
        let ttl = match &outcome {
            Outcome::Value(Some(_)) => self.cache.lifetime(self.pending.call.used_ttl()),
            Outcome::Value(None) => about.site.none_ttl,
            _ => None,
        };
        let returned = give_back_outcome(&*self.pending.kind, outcome)?;
        count(&self.cache, about.site, |counters| &counters.coalesced);
        let reason = if was_loaded {
            Reason::Fresh
        } else {
            Reason::Shared
        };
        let outcome = CallOutcome {
            ttl: ttl.unwrap_or_default(),
            ..self.ran(&returned, Status::Coalesced, reason)
        };
        Some((returned, outcome))
    }

    /// Runs the body for the key's flight.
    fn load(&mut self, load: ThreadLoad) -> Answer {
        let site = self.pending.call.site;
        count(&self.cache, site, |counters| &counters.misses);
        let why = match self.pending.mode {
            Mode::Refresh | Mode::Newer => Reason::Asked,
            _ => Reason::Absent,
        };
        let work = &mut *self.work;
        let returned = load.run(|| work.run());
        let verdict = self.judge(&returned);
        let ttl = match verdict {
            Verdict::Keep => self.cache.lifetime(self.pending.call.used_ttl()),
            Verdict::Absent => site.none_ttl,
            Verdict::ShareOnly | Verdict::Failed => None,
        };
        if verdict == Verdict::Failed {
            count(&self.cache, site, |counters| &counters.load_failures);
        } else if ttl.is_none() && self.pending.mode != Mode::Normal {
            // A newer value that is not to be kept. The older one must not be served in its place.
            self.cache.forget(load.key());
        }
        let kept = self.hand_over(load, verdict, ttl, &returned);
        let outcome = CallOutcome {
            ttl: ttl.unwrap_or_default(),
            stored: kept,
            ..self.ran(&returned, Status::Miss, why)
        };
        (returned, outcome)
    }

    /// Classifies a result, and lets the function's expressions see it.
    fn judge(&mut self, returned: &AnyResult) -> Verdict {
        match self.pending.kind.ended(returned) {
            Ended::Value => {
                let keeps = self.work.wants_stored(returned);
                let patterns = &mut self.pending.call.result_patterns();
                self.work.add_result_patterns(returned, patterns);
                if keeps {
                    Verdict::Keep
                } else {
                    Verdict::ShareOnly
                }
            }
            Ended::Absent => Verdict::Absent,
            Ended::Failed => Verdict::Failed,
        }
    }

    /// Gives the result to the waiters, and keeps it. Returns whether it is kept.
    fn hand_over(
        &self,
        load: ThreadLoad,
        verdict: Verdict,
        ttl: Option<Duration>,
        returned: &AnyResult,
    ) -> bool {
        let PendingCall { call, kind, .. } = &self.pending;
        let tags = call.tags.known_and_open().0;
        if load.was_changed_meanwhile(&tags) {
            load.end(Outcome::Unshared, &tags);
            return false;
        }
        let kept = match verdict {
            Verdict::Failed => {
                let error = kind.keep_error(returned);
                load.end(error.map_or(Outcome::Failed, Outcome::Error), &tags);
                return false;
            }
            Verdict::Absent => Some(None),
            Verdict::Keep | Verdict::ShareOnly => shareable(call.site, &**kind, returned).map(Some),
        };
        match (kept, ttl) {
            (Some(kept), Some(ttl)) => return load.store(kept, ttl, tags),
            (Some(Some(kept)), None) => load.end(Outcome::Unstored(kept), &tags),
            (Some(None), None) => load.end(Outcome::Nothing, &tags),
            (None, _) => load.end(Outcome::Unshared, &tags),
        }
        false
    }

    /// Runs the body, limited to a few at a time, after a load whose result could not be shared.
    fn run_in_turn(&mut self, key: &CacheKey, flight: &Flight<Box<Lease>>) -> Answer {
        let turn = match flight.turn_on_thread() {
            Ok(turn) => turn,
            Err(outcome) => {
                let shared = self.take_shared(outcome, false);
                return shared.unwrap_or_else(|| self.run_uncached(Reason::Shared));
            }
        };
        let answer = self.run_uncached(Reason::Shared);
        let kind = &*self.pending.kind;
        if kind.ended(&answer.0) == Ended::Value
            && !transaction::may_be_due_by_any_tag(&self.cache, key.as_str())
            && let Some(kept) = shareable(self.pending.call.site, kind, &answer.0)
        {
            flight.share(Outcome::Unstored(kept));
        }
        drop(turn);
        answer
    }

    /// Runs the body without keeping its result.
    fn run_uncached(&mut self, why: Reason) -> Answer {
        let site = self.pending.call.site;
        count(&self.cache, site, |counters| &counters.misses);
        let returned = self.run_alone();
        let outcome = self.ran(&returned, Status::Miss, why);
        (returned, outcome)
    }

    fn run_alone(&mut self) -> AnyResult {
        let function = Some(self.pending.call.site.function());
        let work = &mut *self.work;
        self.cache.time_on_thread(function, None, || work.run())
    }

    fn ran(&self, returned: &AnyResult, status: Status, why: Reason) -> CallOutcome {
        let failed = self.pending.kind.has_failed(returned);
        ran_outcome(self.pending.call.about(), failed, status, why)
    }
}

/// Whether nothing is kept: inside a transaction, which may be rolled back, and in a cache that is switched off or in shadow mode.
fn must_not_keep(cache: &Cache) -> bool {
    transaction::is_active() || cache.why_not_read().is_some()
}

/// A write on a thread: runs the body; if it succeeds, its removals are made in this process, and handed over to the task
/// that makes them in Redis. `body` returns how it ended, and `add_result_patterns` adds what depends on its value.
pub(super) fn write(
    call: Call,
    body: &mut dyn FnMut() -> Ended,
    add_result_patterns: &mut dyn FnMut(&mut ResultPatterns<'_>),
) {
    let cache = call.used_cache();
    let function = Some(call.site.function());
    let mut removals = PendingRemovals::new(&cache, call);
    let ended = removals.inside(|| cache.time_on_thread(function, None, body));
    removals.after(ended, |result_patterns| {
        add_result_patterns(result_patterns);
    });
    removals.hand_over();
}

impl<R, K, F, W, L> ThreadWork for TypedWork<R, K, F, W, L>
where
    R: 'static,
    K: Erase<R>,
    F: FnOnce() -> R,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>),
{
    fn run(&mut self) -> AnyResult {
        let body = self.body.take().expect("a body runs once");
        K::any(body())
    }
}

impl<R, K, F, W, L> ResultRules for TypedWork<R, K, F, W, L>
where
    R: 'static,
    K: Erase<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>),
{
    fn wants_stored(&mut self, returned: &AnyResult) -> bool {
        match (self.when.take(), self.kind.success(K::typed_ref(returned))) {
            (Some(when), Success::Value(value)) => when(value),
            _ => false,
        }
    }

    fn add_result_patterns(
        &mut self,
        returned: &AnyResult,
        result_patterns: &mut ResultPatterns<'_>,
    ) {
        let value = self.kind.success(K::typed_ref(returned));
        if let (Some(add), Success::Value(value)) = (self.result_patterns.take(), value) {
            add(value, result_patterns);
        }
    }
}
