//! A read: memory answers a hit at once; everything else is a miss, in a box.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::cache::{Cache, Hit};
use crate::cacheable::erased::{AnyKind, AnyResult, Erase};
use crate::call::background::{BackgroundLoad, may_refresh};
use crate::call::body::{Body, MakeBody, Work};
use crate::call::boxed;
use crate::call::call::{Call, Keyed};
use crate::call::load::LeadingCall;
use crate::call::miss::{Miss, miss_boxed, miss_in_span};
use crate::call::mode::Mode;
use crate::call::pending_call::PendingCall;
use crate::call::ready_or_boxed::ReadyOrBoxed;
use crate::call::report::report_hit;
use crate::call::request::{Shape, give_back_typed, request};
use crate::key::CacheKey;
use crate::telemetry::outcome::{naming, observer_options};

/// The result of looking in memory.
pub(super) enum MemoryLookup<R> {
    /// A value, and the work that follows in the background, if any is due.
    Hit(R, Option<FollowUp>),
    Missed(Missed),
}

/// A call that memory has not answered.
pub(super) struct Missed {
    pub(super) mode: Mode,
    /// Its key, if its observer wants it.
    pub(super) name: Option<Arc<str>>,
}

/// The future that continues a call after a miss. It does not know the type of the result.
type AnyFuture<'a> = Pin<Box<dyn Future<Output = AnyResult> + Send + 'a>>;

/// The work that follows in the background when memory has given a value.
pub(super) struct FollowUp {
    cache: Cache,
    version: u64,
    kind: FollowUpKind,
}

#[derive(Clone, Copy)]
enum FollowUpKind {
    Refresh,
    /// Compares the value with what the body returns.
    Verify,
}

/// Looks in memory.
///
/// The call is only borrowed, and the hit stays where it was found: they are large, and each move of them costs a hit some
/// percent of its instructions.
pub(super) fn look_in_memory<R: 'static, K: Erase<R>>(call: &Call, kind: K) -> MemoryLookup<R> {
    let options = observer_options();
    let mode = Mode::of_read(call, options, K::ANSWERS);
    let name = if options.keys { named(call) } else { None };
    if mode == Mode::Normal
        && let Keyed::Key(key) = &call.key
    {
        let cache = call.borrowed_cache();
        let mut hit = look_up(cache, call, key, Shape::of(kind));
        if let Some(hit) = &mut hit
            && let Some(returned) = give_back_typed(kind, hit)
        {
            report_named(name.as_ref(), cache, call, hit);
            return MemoryLookup::Hit(returned, FollowUp::due(cache, call, hit));
        }
    }
    MemoryLookup::Missed(Missed { mode, name })
}

/// The same for a function whose values are not refreshed.
pub(super) fn ready_in_memory<R: 'static, K: Erase<R>, F>(
    call: &Call,
    kind: K,
) -> Result<ReadyOrBoxed<R, K, F>, Missed> {
    match look_in_memory(call, kind) {
        MemoryLookup::Hit(returned, _) => Ok(ReadyOrBoxed::ready(returned)),
        MemoryLookup::Missed(missed) => Err(missed),
    }
}

/// Apart from [`look_in_memory`], because it does not depend on the type of the result and so is compiled once.
fn report_named(name: Option<&Arc<str>>, cache: &Cache, call: &Call, hit: &Hit) {
    naming(name, || report_hit(cache, call.about(), hit, None));
}

/// The key, for an observer that wants it.
fn named(call: &Call) -> Option<Arc<str>> {
    call.key.as_str().map(Arc::from)
}

fn look_up(cache: &Cache, call: &Call, key: &CacheKey, shape: Shape) -> Option<Hit> {
    cache
        .inner
        .watch
        .record_call(key.as_str(), call.site.name());
    cache.look_in_memory(&request(call, key, shape, &[], &[]))
}

impl FollowUp {
    #[inline] // it is on the path of a memory hit
    fn due(cache: &Cache, call: &Call, hit: &Hit) -> Option<Self> {
        let kind = match hit.refresh {
            true => FollowUpKind::Refresh,
            false if call.site.verifies(hit) => FollowUpKind::Verify,
            false => return None,
        };
        Some(Self {
            cache: cache.clone(),
            version: hit.version,
            kind,
        })
    }

    /// Starts the work, unless the key is being loaded.
    pub(super) fn start(
        self,
        call: Call,
        kind: Box<dyn AnyKind>,
        make: impl FnOnce() -> Work<'static, Body<'static>>,
    ) {
        let Self {
            cache,
            version,
            kind: follow_up,
        } = self;
        let Keyed::Key(key) = &call.key else {
            return;
        };
        if !may_refresh(&cache, key) {
            return;
        }
        let load = LeadingCall {
            work: make(),
            budget: Arc::new(cache.background_budget()),
            cache,
            pending: PendingCall::new(call, kind, Mode::Normal),
            waits_for_store: false,
        };
        let background = BackgroundLoad::ALL;
        match follow_up {
            FollowUpKind::Refresh => (background.refresh)(load, version),
            FollowUpKind::Verify => (background.verify)(load, version),
        }
    }
}

impl Missed {
    /// Continues the call. `background`: present if the body owns its data, so that it may outlive the call.
    pub(super) fn go_on<'m, 'a: 'm, R, K: Erase<R>>(
        self,
        call: Call,
        kind: K,
        make: MakeBody<'m, 'a>,
        background: Option<&'a BackgroundLoad<'a, Body<'a>>>,
    ) -> ReadyOrBoxed<R, K, AnyFuture<'m>> {
        let missed = Miss {
            pending: PendingCall::new(call, kind.any_kind(), self.mode),
            make,
            background,
        };
        ReadyOrBoxed::Boxed(miss_boxed(missed), self.name)
    }

    /// The same with a body of any type, `Send` or not.
    pub(super) fn go_on_locally<'a, R, K: Erase<R>, M, B>(
        self,
        call: Call,
        kind: K,
        make: M,
    ) -> ReadyOrBoxed<R, K, Pin<Box<impl Future<Output = AnyResult> + use<'a, R, K, M, B>>>>
    where
        M: FnOnce() -> Work<'a, B>,
        B: Future<Output = AnyResult> + Unpin + 'a,
    {
        let missed = Miss {
            pending: PendingCall::new(call, kind.any_kind(), self.mode),
            make,
            background: None,
        };
        ReadyOrBoxed::Boxed(boxed(|| miss_in_span(missed)), self.name)
    }
}
