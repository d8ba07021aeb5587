//! A read: memory answers a hit at once; everything else is a miss, in a box.

use std::future::Future;
use std::sync::Arc;

use crate::cache::{Cache, Hit};
use crate::cacheable::erased::{AnyResult, Erase};
use crate::call::background::{BackgroundLoad, may_refresh};
use crate::call::body::{Body, MakeBody, Work};
use crate::call::boxed;
use crate::call::call::{Call, Keyed};
use crate::call::load::Load;
use crate::call::miss::{Miss, PendingCall, miss_boxed, miss_in_span, miss_owned_boxed};
use crate::call::mode::Mode;
use crate::call::ready_or_boxed::ReadyOrBoxed;
use crate::call::report::served;
use crate::call::request::{Shape, give_back_typed, request};
use crate::telemetry::outcome::{naming, observer_options};

/// A read that has looked in memory.
struct Begun {
    call: Call,
    mode: Mode,
    /// The key, if the call's observer wants it.
    name: Option<Arc<str>>,
    found: Option<(Cache, Hit)>,
}

/// The result of looking in memory.
pub(super) enum Looked<R> {
    /// A value, and its refresh if one is due.
    Hit(R, Option<Refresh>),
    Missed(Box<PendingCall>, Option<Arc<str>>),
}

/// The refresh of a value, and the call that found it.
pub(super) struct Refresh {
    asked: Box<PendingCall>,
    cache: Cache,
    version: u64,
}

/// Looks in memory.
pub(super) fn look<R: 'static, K: Erase<R>>(call: Call, kind: K) -> Looked<R> {
    let mut begun = begin(call, Shape::of(kind), K::ANSWERS);
    let pending = |call, mode| {
        Box::new(PendingCall {
            call,
            kind: kind.any_kind(),
            mode,
        })
    };
    if let Some((cache, mut hit)) = begun.found.take()
        && let Some(returned) = give_back_typed(kind, &mut hit)
    {
        begun.report(&cache, &hit);
        let refresh = hit.refresh.then(|| Refresh {
            asked: pending(begun.call, begun.mode),
            cache,
            version: hit.version,
        });
        return Looked::Hit(returned, refresh);
    }
    Looked::Missed(pending(begun.call, begun.mode), begun.name)
}

fn begin(call: Call, shape: Shape, answers: bool) -> Begun {
    let options = observer_options();
    let mode = Mode::of_read(&call, options, answers);
    let (mut name, mut found) = (None, None);
    if let Keyed::Key(key) = &call.key {
        if options.keys {
            name = Some(Arc::from(key.as_str()));
        }
        if mode == Mode::Normal {
            let cache = call.used_cache();
            cache.inner.watch.saw(key.as_str(), call.site.name());
            let hit = cache.recall(&request(&call, key, shape, &[], &[]));
            found = hit.map(|hit| (cache, hit));
        }
    }
    Begun {
        call,
        mode,
        name,
        found,
    }
}

impl Begun {
    fn report(&self, cache: &Cache, hit: &Hit) {
        let about = self.call.about();
        naming(self.name.as_ref(), || served(cache, about, hit, None));
    }
}

impl Refresh {
    /// Starts the refresh in the background, unless the key is being loaded.
    pub(super) fn start(self, make: impl FnOnce() -> Work<'static, Body<'static>>) {
        let Self {
            asked,
            cache,
            version,
        } = self;
        let PendingCall { call, kind, .. } = *asked;
        let Keyed::Key(key) = &call.key else {
            return;
        };
        if !may_refresh(&cache, key) {
            return;
        }
        let load = Load {
            work: make(),
            budget: Arc::new(cache.background_budget()),
            cache,
            call,
            kind,
            waits_for_store: false,
        };
        (BackgroundLoad::able().refresh)(load, version);
    }
}

type BoxedRead<'m> = std::pin::Pin<Box<dyn Future<Output = AnyResult> + Send + 'm>>;

/// Continues after a miss in memory.
pub(super) fn go_on<'m, R, K>(
    (asked, name): (Box<PendingCall>, Option<Arc<str>>),
    make: MakeBody<'m, 'm>,
) -> ReadyOrBoxed<R, K, BoxedRead<'m>> {
    let missed = Miss {
        asked,
        make,
        background: None,
    };
    ReadyOrBoxed::Boxed(miss_boxed(missed), name)
}

/// The same for a body that may outlive the call.
pub(super) fn go_on_owned<'m, R, K>(
    (asked, name): (Box<PendingCall>, Option<Arc<str>>),
    make: MakeBody<'m, 'static>,
) -> ReadyOrBoxed<R, K, BoxedRead<'m>> {
    let missed = Miss {
        asked,
        make,
        background: Some(BackgroundLoad::able()),
    };
    ReadyOrBoxed::Boxed(miss_owned_boxed(missed), name)
}

/// The same with a body of any type, `Send` or not.
pub(super) fn go_on_as_it_is<'a, R, K, M, B>(
    (asked, name): (Box<PendingCall>, Option<Arc<str>>),
    make: M,
) -> ReadyOrBoxed<R, K, std::pin::Pin<Box<impl Future<Output = AnyResult> + use<'a, R, K, M, B>>>>
where
    M: FnOnce() -> Work<'a, B>,
    B: Future<Output = AnyResult> + Unpin,
{
    let missed = Miss {
        asked,
        make,
        background: None,
    };
    ReadyOrBoxed::Boxed(boxed(|| miss_in_span(missed)), name)
}
