//! The functions that generated code calls: a thin typed layer around a core without types.
//!
//! The core is compiled once, in this crate. To it, a body is a boxed future, the result is `dyn Any`, and the type of
//! the result is a table of functions ([`crate::cacheable::erased`]). The code compiled for each cached function
//! builds the key, looks in memory, boxes the body, and restores the type of the result. Only functions that say
//! `?Send` have a separate instance of the core, generic over their body.
//!
//! A hit in memory is found when the function is called, before the first poll; everything else, including the body,
//! is in one box, so that the caller's own future stays small.
//!
//! Read in this order: [`mod@read`] (a hit in memory), [`miss`] (Redis, a wait, a load), [`load`] (what happens around
//! the body), [`removals`] (the removals after its success), [`fallback`] (values that replace a result), [`survivor`]
//! (a load whose caller is dropped), [`mod@put`] and [`mod@write`] (bodies that always run), [`background`] (loads
//! that outlive their call), [`blocking`] (functions that are not `async`).

mod background;
mod blocking;
mod body;
#[allow(
    clippy::module_inception,
    reason = "one call, as generated code builds it"
)]
pub(crate) mod call;
pub(crate) mod caller;
mod comparison;
mod fallback;
mod load;
mod miss;
mod mode;
mod pending_call;
mod put;
mod read;
mod ready_or_boxed;
mod removals;
mod rendered;
mod report;
mod request;
mod shadow;
pub(crate) mod site;
mod survivor;
mod timeouts;
mod write;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;

use self::background::BackgroundLoad;
use self::blocking::TypedWork;
use self::body::{Body, MakeBody, TakeBody, Work, untyped, untyped_local};
use self::mode::{Mode, is_uncached, with_mode, within_mode};
use self::read::{MemoryLookup, Missed, look_in_memory, ready_in_memory};
use self::ready_or_boxed::ReadyOrBoxed;
use crate::cacheable::erased::{AnyKind, AnyResult, Erase};
use crate::cacheable::{Returned, Success};
use crate::call::call::{Call, ResultPatterns};
use crate::call::site::Site;

/// A read: on a hit, the body does not run.
pub fn read<'a, R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    result_patterns: L,
    body: F,
) -> impl Future<Output = R> + use<'a, R, K, W, L, F, Fut>
where
    R: 'static,
    K: Erase<R>,
    W: FnOnce(&K::Inner) -> bool + Send + 'a,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>) + Send + 'a,
    F: FnOnce() -> Fut,
    Fut: Future<Output = R> + Send + 'a, // say `?Send` if the body is of one thread
{
    // This is compiled for each function, so there is little of it.
    read_typed(call, kind, when, result_patterns, &mut Some(body))
}

/// Does the work of [`read`]. It is compiled once for each type of result, and not for each function.
fn read_typed<'a, R, K, W, L>(
    call: Call,
    kind: K,
    when: W,
    result_patterns: L,
    body: &mut dyn TakeBody<'a, R>,
) -> ReadyOrBoxed<R, K, Body<'a>>
where
    R: 'static,
    K: Erase<R>,
    W: FnOnce(&K::Inner) -> bool + Send + 'a,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>) + Send + 'a,
{
    match ready_in_memory(&call, kind) {
        Ok(ready) => ready,
        Err(missed) => {
            let body = body.take_body();
            let make: MakeBody<'a, 'a> =
                Box::new(move || Work::new(kind, when, result_patterns, untyped::<R, K>(body)));
            missed.go_on(call, kind, make, None)
        }
    }
}

/// A read whose load may outlive its call: refreshed in the background, or waited for only for a limited time. The
/// body gets clones of the arguments it borrows, made when the body is created; it is created only when it is about to
/// run.
pub fn read_detachable<'m, R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    result_patterns: L,
    body: F,
) -> impl Future<Output = R> + use<'m, R, K, W, L, F, Fut>
where
    R: 'static,
    K: Erase<R>,
    W: FnOnce(&K::Inner) -> bool + Send + 'static,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>) + Send + 'static,
    F: FnOnce() -> Fut + Send + 'm,
    // If the next bound is not met, rustc shows its whole line, so the comment in it names the options that need it.
    Fut: Future<Output = R> + Send + 'static, // `stale`, `early`, `soft_timeout`, `verify`: a body may run in the background
{
    let work = move || Work::new(kind, when, result_patterns, untyped::<R, K>(boxed(body)));
    match look_in_memory(&call, kind) {
        MemoryLookup::Hit(returned, follow_up) => {
            if let Some(follow_up) = follow_up {
                follow_up.start(call, kind.any_kind(), work);
            }
            ReadyOrBoxed::ready(returned)
        }
        MemoryLookup::Missed(missed) => {
            missed.go_on(call, kind, Box::new(work), Some(BackgroundLoad::ALL))
        }
    }
}

/// A read of a function that says `?Send`.
pub fn read_local<'a, R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    result_patterns: L,
    body: F,
) -> impl Future<Output = R> + use<'a, R, K, W, L, F, Fut>
where
    R: 'static,
    K: Erase<R>,
    W: FnOnce(&K::Inner) -> bool + Send + 'a,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>) + Send + 'a,
    F: FnOnce() -> Fut,
    Fut: Future<Output = R> + 'a,
{
    match ready_in_memory(&call, kind) {
        Ok(ready) => ready,
        Err(missed) => missed.go_on_locally(call, kind, move || {
            Work::new(
                kind,
                when,
                result_patterns,
                untyped_local::<R, K, _>(boxed(body)),
            )
        }),
    }
}

/// A write that stores: the body always runs, and its result replaces the entry.
pub fn put<'a, R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    result_patterns: L,
    body: F,
) -> impl Future<Output = R> + use<'a, R, K, W, L, F, Fut>
where
    R: 'static,
    K: Erase<R>,
    W: FnOnce(&K::Inner) -> bool + Send + 'a,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>) + Send + 'a,
    F: FnOnce() -> Fut,
    Fut: Future<Output = R> + Send + 'a, // say `?Send` if the body is of one thread
{
    let work = Work::new(kind, when, result_patterns, untyped::<R, K>(boxed(body)));
    ReadyOrBoxed::<R, K, _>::Boxed(put_boxed(call, kind.any_kind(), work), None)
}

/// The only instance of a `put` in this crate.
fn put_boxed<'a>(
    call: Call,
    kind: Box<dyn AnyKind>,
    work: Work<'a, Body<'a>>,
) -> Pin<Box<dyn Future<Output = AnyResult> + Send + 'a>> {
    let uncached = is_uncached(call.site);
    boxed(|| put_or_run(uncached, call, kind, work))
}

async fn put_or_run<'a, B>(
    uncached: bool,
    call: Call,
    kind: Box<dyn AnyKind>,
    work: Work<'a, B>,
) -> AnyResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    if uncached {
        return work.body.await;
    }
    let budget = call.used_cache().budget();
    boxed(|| put::run(call, kind, work, budget)).await
}

/// A write that stores, of a function that says `?Send`.
pub fn put_local<'a, R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    result_patterns: L,
    body: F,
) -> impl Future<Output = R> + use<'a, R, K, W, L, F, Fut>
where
    R: 'static,
    K: Erase<R>,
    W: FnOnce(&K::Inner) -> bool + Send + 'a,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>) + Send + 'a,
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    let uncached = is_uncached(call.site);
    let work = Work::new(
        kind,
        when,
        result_patterns,
        untyped_local::<R, K, _>(boxed(body)),
    );
    let put = boxed(|| put_or_run(uncached, call, kind.any_kind(), work));
    ReadyOrBoxed::<R, K, _>::Boxed(put, None)
}

/// A write: the body always runs; if it succeeds, its invalidations are made.
pub fn write<'a, R, K, L, F, Fut>(
    call: Call,
    kind: K,
    result_patterns: L,
    body: F,
) -> impl Future<Output = R> + use<'a, R, K, L, F, Fut>
where
    R: 'a,
    K: Returned<R>,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>) + Send + 'a,
    F: FnOnce() -> Fut,
    Fut: Future<Output = R> + Send + 'a, // say `?Send` if the body is of one thread
{
    let body: Pin<Box<dyn Future<Output = R> + Send + 'a>> = boxed(body);
    written(call, kind, Box::new(result_patterns), body)
}

/// A write of a function that says `?Send`.
pub fn write_local<'a, R, K, L, F, Fut>(
    call: Call,
    kind: K,
    result_patterns: L,
    body: F,
) -> impl Future<Output = R> + use<'a, R, K, L, F, Fut>
where
    K: Returned<R>,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>) + Send + 'a,
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    written(call, kind, Box::new(result_patterns), boxed(body))
}

fn written<'a, R, K, B>(
    call: Call,
    kind: K,
    result_patterns: body::AddResultPatterns<'a, K::Inner>,
    body: B,
) -> impl Future<Output = R> + use<'a, R, K, B>
where
    K: Returned<R>,
    B: Future<Output = R> + Unpin,
{
    let uncached = is_uncached(call.site);
    boxed(move || async move {
        if uncached {
            return body.await;
        }
        boxed(|| write::run(call, kind, result_patterns, body)).await
    })
}

/// A read of a function that is not `async`. Its value is kept in this process only.
pub fn read_blocking<R, K, W, L, F>(call: Call, kind: K, when: W, result_patterns: L, body: F) -> R
where
    R: 'static,
    K: Erase<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>),
    F: FnOnce() -> R,
{
    match look_in_memory(&call, kind) {
        MemoryLookup::Hit(returned, _) => returned,
        MemoryLookup::Missed(Missed { mode, name }) => {
            let mut work = TypedWork::new(kind, body, when, result_patterns);
            K::typed(blocking::miss(call, kind.any_kind(), mode, name, &mut work))
        }
    }
}

/// A write of a function that is not `async`: if the body succeeds, its invalidations are made in this process, and then in
/// Redis without the caller waiting for it.
pub fn write_blocking<R, K, L, F>(call: Call, kind: K, result_patterns: L, body: F) -> R
where
    K: Returned<R>,
    L: FnOnce(&K::Inner, &mut ResultPatterns<'_>),
    F: FnOnce() -> R,
{
    if is_uncached(call.site) {
        return body();
    }
    let (mut body, mut result_patterns) = (Some(body), Some(result_patterns));
    let returned = RefCell::new(None);
    blocking::write(
        call,
        &mut || {
            let body = body.take().expect("a body runs once");
            let result = body();
            let ended = kind.ended(&result);
            *returned.borrow_mut() = Some(result);
            ended
        },
        &mut |patterns| {
            if let (Some(add), Some(result)) = (result_patterns.take(), &*returned.borrow())
                && let Success::Value(value) = kind.success(result)
            {
                add(value, patterns);
            }
        },
    );
    returned.into_inner().expect("the body has run")
}

/// Calls a cached function that is not `async`; its first call in it loads and stores, whatever is stored.
pub fn refresh_blocking<R>(site: &'static Site, call: impl FnOnce() -> R) -> R {
    within_mode(site, Mode::Refresh, call)
}

/// Calls a cached function that is not `async`; its first call in it only runs its body.
pub fn uncached_blocking<R>(site: &'static Site, call: impl FnOnce() -> R) -> R {
    within_mode(site, Mode::Uncached, call)
}

/// Runs the future of a cached function; the first call of the site in it loads and stores, whatever is stored.
pub fn refresh<R, Fut: Future<Output = R>>(
    site: &'static Site,
    call: Fut,
) -> impl Future<Output = R> + use<R, Fut> {
    with_mode(site, Mode::Refresh, call)
}

/// Runs the future of a cached function; the first call of the site in it only runs its body.
pub fn uncached<R, Fut: Future<Output = R>>(
    site: &'static Site,
    call: Fut,
) -> impl Future<Output = R> + use<R, Fut> {
    with_mode(site, Mode::Uncached, call)
}

/// The `when` of a function without one: every value is stored.
pub fn always<I: ?Sized>(_: &I) -> bool {
    true
}

/// The result-dependent patterns and tags of a function that has none.
pub fn no_result_patterns<I: ?Sized>(_: &I, _: &mut ResultPatterns<'_>) {}

/// Creates and boxes a future in a separate stack frame. Created in the caller's frame, each future would take its
/// size there while the caller is polled; in builds without optimization, once for every branch.
#[inline(never)]
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}
