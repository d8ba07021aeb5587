//! What generated code calls: the typed shell around the byte core.
//!
//! Each function returns a small future. A memory hit is settled when the function is called; everything else, the body
//! included, sits in one box, so a caller's own future stays small.
//!
//! Read in this order: [`read`] (a hit in memory), [`miss`] (Redis, a wait, a load), [`lead`] (what happens around the body), [`owed`] (what its
//! success removes), [`instead`] (what may stand in for a result), [`survivor`] (a load whose caller goes away), [`put`] (bodies that always run), [`ahead`] (loads that
//! outlive their call).

mod ahead;
mod instead;
mod lead;
mod miss;
mod owed;
mod patience;
mod put;
mod read;
mod survivor;
mod tally;
mod translate;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;

use self::ahead::Ahead;
use self::lead::alone;
use crate::cacheable::{Cacheable, Returned};
use crate::site::{Call, Late, Site};

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
    /// What stands now will not do: its successor, which the call may share like any other load.
    Newer,
    Refresh,
    /// The call goes without the cache: its key does not hold the credentials that came with it.
    Blind,
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
    read::begin(call, kind, when, late, body, None)
}

/// A read whose load may outlive its call: refreshed behind the caller's back, or waited for only so long. What the body
/// borrows is cloned when it is made, and it is made only when it is going to run.
pub fn read_ahead<R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    late: L,
    body: F,
) -> impl Future<Output = R> + use<R, K, W, L, F, Fut>
where
    R: Send + 'static,
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool + Send + 'static,
    L: FnOnce(&K::Inner, &mut Late<'_>) + Send + 'static,
    F: FnOnce() -> Fut,
    // Who breaks the next one is shown the whole line by rustc, which does not know of the option.
    Fut: Future<Output = R> + Send + 'static, // `stale`, `early`, `soft_timeout`: a body may run in the background
{
    read::begin(call, kind, when, late, body, Some(Ahead::able()))
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
            return boxed(body).await;
        }
        let budget = call.used_cache().budget();
        put::anew(call, kind, when, late, body, budget).await
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
            return boxed(body).await;
        }
        let cache = call.used_cache();
        alone(&cache, call, kind, late, boxed(body)).await
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

/// Boxes a future where it is made, in a frame of its own. Made in the frame of the caller, each of these futures would take
/// its size of stack there, as long as that caller is polled: in builds without optimization once for every branch.
#[inline(never)]
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
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
