//! What generated code calls: the typed shell around the byte core.
//!
//! Each function returns a small future. A memory hit is settled when the function is called; everything else, the body
//! included, sits in one box, so a caller's own future stays small.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::cache::{Cache, HitTier, Request, Turn};
use crate::cacheable::{Cacheable, Returned, Success};
use crate::deferred;
use crate::flight::Outcome;
use crate::invalidate::{Due, Spare};
use crate::key::{CacheKey, Pattern};
use crate::load::{Loading, Refresh};
use crate::memory::Kept;
use crate::outcome::{Event, note, note_hit};
use crate::site::{Call, Keyed, Late, Site};
use crate::stats::{Counters, bump};

tokio::task_local! {
    /// What the companions ask of the next call of a site.
    static ASKED: Asked;
}

#[derive(Debug)]
struct Asked {
    /// Its address: only ever compared.
    site: usize,
    mode: Cell<Mode>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Normal,
    Refresh,
    Uncached,
}

/// A read: a hit skips the body.
pub fn read<R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    late: L,
    body: F,
) -> impl Future<Output = R> + use<R, K, W, L, F, Fut>
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    let mode = asked_of(call.site);
    if mode == Mode::Normal
        && let Keyed::Key(key) = &call.key
    {
        let cache = call.used_cache();
        let found = {
            let request = request(&call, key, kind, &[], &[]);
            cache
                .recall(&request)
                .and_then(|copy| Some((give_back(kind, copy.value.clone())?, copy)))
        };
        if let Some((returned, copy)) = found {
            count_hit(&cache, call.site, HitTier::Memory, || copy.age());
            return Small::Ready(Some(returned));
        }
    }
    Small::Boxed(Box::pin(miss(call, kind, when, late, body, mode)))
}

/// A write that stores: the body always runs, its result replaces the entry.
pub fn put<R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    late: L,
    body: F,
) -> impl Future<Output = R> + use<R, K, W, L, F, Fut>
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    let mode = if asked_of(call.site) == Mode::Uncached {
        Mode::Uncached
    } else {
        Mode::Normal
    };
    Box::pin(async move {
        if mode == Mode::Uncached {
            return Box::pin(body()).await;
        }
        put_anew(call, kind, when, late, body).await
    })
}

/// A write: the body always runs; what it invalidates goes when it has succeeded.
pub fn write<R, K, L, F, Fut>(
    call: Call,
    kind: K,
    late: L,
    body: F,
) -> impl Future<Output = R> + use<R, K, L, F, Fut>
where
    K: Returned<R>,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    let uncached = asked_of(call.site) == Mode::Uncached;
    Box::pin(async move {
        if uncached {
            return Box::pin(body()).await;
        }
        let cache = call.used_cache();
        alone(&cache, call, kind, late, body).await
    })
}

/// Runs the cached function's own future; the first call of the site in it loads and stores, whatever stands.
pub fn refresh<R, Fut: Future<Output = R>>(
    site: &'static Site,
    call: Fut,
) -> impl Future<Output = R> + use<R, Fut> {
    ASKED.scope(Asked::new(site, Mode::Refresh), call)
}

/// Runs the cached function's own future; the first call of the site in it just runs its body.
pub fn uncached<R, Fut: Future<Output = R>>(
    site: &'static Site,
    call: Fut,
) -> impl Future<Output = R> + use<R, Fut> {
    ASKED.scope(Asked::new(site, Mode::Uncached), call)
}

impl Asked {
    fn new(site: &'static Site, mode: Mode) -> Self {
        Self {
            site: address(site),
            mode: Cell::new(mode),
        }
    }
}

fn address(site: &'static Site) -> usize {
    std::ptr::from_ref(site).addr()
}

/// What was asked of this call; of this one only, not of those that its body makes.
fn asked_of(site: &'static Site) -> Mode {
    let asked = |asked: &Asked| {
        if asked.site == address(site) {
            asked.mode.replace(Mode::Normal)
        } else {
            Mode::Normal
        }
    };
    ASKED.try_with(asked).unwrap_or(Mode::Normal)
}

async fn miss<R, K, W, L, F, Fut>(call: Call, kind: K, when: W, late: L, body: F, mode: Mode) -> R
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
    let cache = call.used_cache();
    if !call.patterns.is_empty() && deferred::is_active() {
        count_miss(&cache, call.site);
        return Box::pin(alone(&cache, call, kind, late, body)).await;
    }
    let Keyed::Key(key) = &call.key else {
        note(Event::Bypass);
        count(&cache, call.site, |counters| &counters.bypasses);
        return Box::pin(alone(&cache, call, kind, late, body)).await;
    };
    let key = key.clone();
    if mode == Mode::Refresh {
        return Box::pin(refresh_now(&cache, call, key, kind, when, late, body)).await;
    }
    let (tags, open_tags) = call.tags.known_and_open();
    let turn = {
        let request = request(&call, &key, kind, &tags, &open_tags);
        cache.read(&request).await
    };
    let shared = match turn {
        Turn::Hit { kept, tier, age } => {
            if let Some(returned) = give_back(kind, kept) {
                count_hit(&cache, call.site, tier, || age);
                return returned;
            }
            None
        }
        Turn::Lead(loading) => {
            return Box::pin(lead(&cache, call, *loading, kind, when, late, body)).await;
        }
        Turn::Shared(outcome, was_loaded) => Some((outcome, was_loaded)),
        Turn::Alone(flight) => match flight.turn().await {
            Err(outcome) => Some((outcome, false)),
            Ok(turn) => {
                count_miss(&cache, call.site);
                let returned = Box::pin(alone(&cache, call, kind, late, body)).await;
                if let Success::Value(_) = kind.success(&returned)
                    && let Some(kept) = kind.keep(&returned)
                {
                    flight.rescue(Outcome::Value(Some(kept)));
                }
                drop(turn);
                return returned;
            }
        },
        Turn::Solo => None,
    };
    if let Some((outcome, was_loaded)) = shared
        && let Some(returned) = give_back_outcome(kind, outcome)
    {
        note(if was_loaded {
            Event::Hit(Duration::ZERO)
        } else {
            Event::Miss
        });
        count(&cache, call.site, |counters| &counters.coalesced);
        return returned;
    }
    count_miss(&cache, call.site);
    Box::pin(alone(&cache, call, kind, late, body)).await
}

/// Runs the body and pays what it owes, without the cache.
async fn alone<R, K, L, F, Fut>(cache: &Cache, call: Call, kind: K, late: L, body: F) -> R
where
    K: Returned<R>,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    let mut owed = Owed::new(cache, call);
    let returned = Box::pin(body()).await;
    owed.settle(kind.success(&returned), late);
    owed.pay(None).await;
    returned
}

/// Runs the body for everybody who waits, pays what it owes, and stores.
async fn lead<R, K, W, L, F, Fut>(
    cache: &Cache,
    call: Call,
    loading: Loading,
    kind: K,
    when: W,
    late: L,
    body: F,
) -> R
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    count_miss(cache, call.site);
    let ttl = cache.lifetime(call.used_ttl());
    let mut owed = Owed::new(cache, call);
    let returned = loading.run(Box::pin(body())).await;
    let returned = kind.prepare(returned).await;
    let stored = owed.judge(kind.success(&returned), when, late);
    owed.pay(Some(Spare {
        flight: loading.flight(),
        lease: loading.lease(),
    }))
    .await;
    let tags = owed.call.tags.known_and_open().0;
    match stored {
        Judged::Store => match (kind.keep(&returned), ttl) {
            (Some(kept), Some(ttl)) => loading.store(Some(kept), ttl, tags),
            (Some(kept), None) => loading.end(Outcome::Value(Some(kept)), false),
            (None, _) => loading.end(Outcome::Unshared, false),
        },
        Judged::Share => loading.end(
            kind.keep(&returned)
                .map_or(Outcome::Unshared, |kept| Outcome::Value(Some(kept))),
            false,
        ),
        Judged::Nothing => match owed.call.site.none_ttl {
            Some(life) => loading.store(None, life, tags),
            None => {
                cache.inner.barren.fruitless(loading.key());
                loading.end(Outcome::Nothing, false);
            }
        },
        Judged::Failed => {
            count(cache, owed.call.site, |counters| &counters.load_failures);
            loading.end(
                kind.keep_error(&returned)
                    .map_or(Outcome::Unshared, Outcome::Error),
                true,
            );
        }
    }
    returned
}

/// The body runs whatever stands; its result replaces the entry, or the entry goes.
async fn put_anew<R, K, W, L, F, Fut>(call: Call, kind: K, when: W, late: L, body: F) -> R
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    let cache = call.used_cache();
    count_miss(&cache, call.site);
    let Keyed::Key(key) = &call.key else {
        return Box::pin(alone(&cache, call, kind, late, body)).await;
    };
    let key = key.clone();
    if deferred::is_active() {
        let mut owed = Owed::new(&cache, call).with(Pattern::key(&key));
        let returned = Box::pin(body()).await;
        owed.settle(kind.success(&returned), late);
        owed.pay(None).await;
        return returned;
    }
    let ttl = cache.lifetime(call.used_ttl());
    let (tags, open_tags) = call.tags.known_and_open();
    let loading = {
        let request = request(&call, &key, kind, &tags, &open_tags);
        cache.seize(&request).await
    };
    // Whatever happens from here on, the entry from before must not outlive it.
    let mut owed = Owed::new(&cache, call).with(Pattern::key(&key));
    let returned = match &loading {
        Some(loading) => loading.run(Box::pin(body())).await,
        None => Box::pin(body()).await,
    };
    let returned = kind.prepare(returned).await;
    let judged = owed.judge(kind.success(&returned), when, late);
    owed.pay(loading.as_ref().map(|loading| Spare {
        flight: loading.flight(),
        lease: loading.lease(),
    }))
    .await;
    let tags = owed.call.tags.known_and_open().0;
    let kept: Option<(Kept, Duration)> = match judged {
        Judged::Store => kind.keep(&returned).map(Some).zip(ttl),
        Judged::Nothing => owed.call.site.none_ttl.map(|life| (None, life)),
        Judged::Share | Judged::Failed => None,
    };
    let stored = match (loading, kept) {
        (Some(loading), Some((kept, life))) => loading.store_through(kept, life, tags).await,
        (Some(loading), None) => {
            loading.end(Outcome::Unshared, judged == Judged::Failed);
            judged == Judged::Failed
        }
        (None, _) => false,
    };
    if !stored {
        let _ = cache.remove(vec![Pattern::key(&key)], None).await;
    }
    returned
}

/// Loads now, while the value that stands goes on being served, and stores over that very value.
async fn refresh_now<R, K, W, L, F, Fut>(
    cache: &Cache,
    call: Call,
    key: CacheKey,
    kind: K,
    when: W,
    late: L,
    body: F,
) -> R
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    let (tags, open_tags) = call.tags.known_and_open();
    let standing =
        Refresh::over_standing(cache, &request(&call, &key, kind, &tags, &open_tags)).await;
    let Some(refresh) = standing else {
        // Nothing that can be refreshed stands, or Redis is away: then it is a put.
        return put_anew(call, kind, when, late, body).await;
    };
    count_miss(cache, call.site);
    let ttl = cache.lifetime(call.used_ttl());
    let mut owed = Owed::new(cache, call);
    let began = Instant::now();
    let returned = kind.prepare(Box::pin(body()).await).await;
    let judged = owed.judge(kind.success(&returned), when, late);
    owed.pay(None).await;
    if judged == Judged::Store
        && let Some((kept, ttl)) = kind.keep(&returned).zip(ttl)
    {
        let tags = owed.call.tags.known_and_open().0;
        refresh
            .store(
                cache,
                &key,
                kind.ops(),
                Some(kept),
                ttl,
                tags,
                began.elapsed(),
            )
            .await;
    }
    returned
}

/// What the body's success owes: removals, also when the caller vanishes or the body panics after it began.
struct Owed<'a> {
    cache: &'a Cache,
    call: Call,
    due: Due<'a>,
    /// Removed whatever the outcome.
    always: Option<Pattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    Store,
    /// A value that `when` does not want stored.
    Share,
    Nothing,
    Failed,
}

impl<'a> Owed<'a> {
    fn new(cache: &'a Cache, call: Call) -> Self {
        let due = Due::new(cache, call.patterns.patterns());
        Self {
            cache,
            call,
            due,
            always: None,
        }
    }

    fn with(mut self, pattern: Pattern) -> Self {
        self.due.patterns.push(pattern.clone());
        self.always = Some(pattern);
        self
    }

    fn judge<I: ?Sized>(
        &mut self,
        success: Success<'_, I>,
        when: impl FnOnce(&I) -> bool,
        late: impl FnOnce(&I, &mut Late<'_>),
    ) -> Judged {
        let judged = match &success {
            Success::Value(value) => {
                if when(value) {
                    Judged::Store
                } else {
                    Judged::Share
                }
            }
            Success::Nothing => Judged::Nothing,
            Success::Failure => Judged::Failed,
        };
        self.settle(success, late);
        judged
    }

    /// Decides what is owed in the end.
    fn settle<I: ?Sized>(&mut self, success: Success<'_, I>, late: impl FnOnce(&I, &mut Late<'_>)) {
        match success {
            Success::Value(value) => late(value, &mut self.call.late()),
            Success::Nothing => {}
            Success::Failure if self.call.site.always => {}
            Success::Failure => {
                self.due.patterns = self.always.clone().into_iter().collect();
                return;
            }
        }
        self.due.patterns = self.call.patterns.patterns();
        self.due.patterns.extend(self.always.clone());
    }

    async fn pay(&mut self, spared: Option<Spare<'_>>) {
        let patterns = std::mem::take(&mut self.due.patterns);
        self.due.done();
        if !patterns.is_empty() {
            // Its own guard takes over before this first suspends.
            let _ = self.cache.remove(patterns, spared).await;
        }
    }
}

fn request<'a, R, K: Cacheable<R>>(
    call: &Call,
    key: &'a CacheKey,
    kind: K,
    tags: &'a [String],
    open_tags: &'a [String],
) -> Request<'a> {
    Request {
        key,
        ops: kind.ops(),
        near: call.site.near,
        tags,
        open_tags,
        takes_none: kind.nothing().is_some(),
        site: Some(call.site),
    }
}

fn give_back<R, K: Cacheable<R>>(kind: K, kept: Kept) -> Option<R> {
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
        Outcome::Unshared => None,
    }
}

fn count(
    cache: &Cache,
    site: &'static Site,
    which: fn(&Counters) -> &std::sync::atomic::AtomicU64,
) {
    bump(which(&cache.inner.counters));
    bump(which(site.counters()));
}

fn count_hit(cache: &Cache, site: &'static Site, tier: HitTier, age: impl FnOnce() -> Duration) {
    note_hit(age, tier == HitTier::Memory);
    match tier {
        HitTier::Memory => count(cache, site, |counters| &counters.memory_hits),
        HitTier::Redis => count(cache, site, |counters| &counters.redis_hits),
    }
}

fn count_miss(cache: &Cache, site: &'static Site) {
    note(Event::Miss);
    count(cache, site, |counters| &counters.misses);
}

/// A future that is done, or a box.
enum Small<R, F> {
    Ready(Option<R>),
    Boxed(Pin<Box<F>>),
}

// The value is never pinned: it is moved out whole.
impl<R, F> Unpin for Small<R, F> {}

impl<R, F: Future<Output = R>> Future for Small<R, F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        match &mut *self {
            Self::Ready(returned) => match returned.take() {
                Some(returned) => Poll::Ready(returned),
                // As every `async fn` does: whoever polls a future that has ended has a bug.
                None => panic!("a cached call was polled after it had ended"),
            },
            Self::Boxed(future) => future.as_mut().poll(context),
        }
    }
}
