//! Loads that outlive their call: a refresh behind the caller's back, and a load that the caller stops waiting for.
//!
//! Both need a body that owns what it uses, so they are function pointers, made where that is known to be so.

use std::future::Future;

use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::lead::{Led, Load, lead};
use super::patience::Patience;
use super::survivor::Movable;
use super::tally::count;
use super::translate::request;
use crate::background::Room;
use crate::cache::{Cache, Demand, Turn};
use crate::cacheable::Cacheable;
use crate::deferred;
use crate::key::CacheKey;
use crate::load::Loading;
use crate::site::{Keyed, Late};
use crate::spans;

/// What a read can do whose body owns what it uses.
pub(super) struct Ahead<R, K, W, L, Fut> {
    /// Refreshes the value of that version, unless somebody does already.
    pub(super) refresh: fn(Load<K, W, L, Fut>, u64),
    /// Runs a load in a task of its own.
    pub(super) detach: Detach<R, K, W, L, Fut>,
    /// A load that can be moved to a task of its own while it runs.
    pub(super) movable: Move<R, K, W, L, Fut>,
}

type Move<R, K, W, L, Fut> = fn(Load<K, W, L, Fut>, Box<Loading>, Patience) -> Movable<Led<R>>;

type Detach<R, K, W, L, Fut> =
    fn(Room, Load<K, W, L, Fut>, Box<Loading>, Patience) -> JoinHandle<Led<R>>;

impl<R, K, W, L, Fut> Clone for Ahead<R, K, W, L, Fut> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, K, W, L, Fut> Copy for Ahead<R, K, W, L, Fut> {}

impl<R, K, W, L, Fut> Ahead<R, K, W, L, Fut>
where
    R: Send + 'static,
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool + Send + 'static,
    L: FnOnce(&K::Inner, &mut Late<'_>) + Send + 'static,
    Fut: Future<Output = R> + Send + 'static,
{
    pub(super) fn able() -> Self {
        Self {
            refresh: refresh::<R, K, W, L, Fut>,
            detach: detach::<R, K, W, L, Fut>,
            movable: movable::<R, K, W, L, Fut>,
        }
    }
}

/// Is there any point in a refresh now? Not while the key is being loaded, and not at once after its refreshes failed.
pub(super) fn may_refresh(cache: &Cache, key: &CacheKey) -> bool {
    let inner = &cache.inner;
    !inner.local.flights.is_under_way(key.as_str())
        && !inner.tired.is(key.as_str())
        && !deferred::is_active()
}

fn refresh<R, K, W, L, Fut>(load: Load<K, W, L, Fut>, version: u64)
where
    R: Send + 'static,
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool + Send + 'static,
    L: FnOnce(&K::Inner, &mut Late<'_>) + Send + 'static,
    Fut: Future<Output = R> + Send + 'static,
{
    let (cache, site) = (load.cache.clone(), load.call.site);
    let span = spans::refresh(site.name(), load.call.key.as_str());
    let work = async move {
        let Keyed::Key(key) = &load.call.key else {
            return;
        };
        let (tags, open_tags) = load.call.tags.known_and_open();
        let turn = {
            let mut request = request(&load.call, key, load.kind, &tags, &open_tags);
            request.demand = Demand::NewerThan(version);
            load.cache.read(&request, &load.budget).await
        };
        // Anything else: it is fresh by now, or Redis gives no right to store.
        if let Turn::Lead(loading) = turn {
            count(&load.cache, load.call.site, |counters| &counters.refreshes);
            let patience = Patience::new(&load.call.site.policy).hard_only();
            lead(load, loading, patience, true).await;
        }
    }
    .instrument(span);
    if !cache.inner.loads.spawn(work) {
        count(&cache, site, |counters| &counters.shed);
    }
}

fn detach<R, K, W, L, Fut>(
    room: Room,
    load: Load<K, W, L, Fut>,
    loading: Box<Loading>,
    patience: Patience,
) -> JoinHandle<Led<R>>
where
    R: Send + 'static,
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool + Send + 'static,
    L: FnOnce(&K::Inner, &mut Late<'_>) + Send + 'static,
    Fut: Future<Output = R> + Send + 'static,
{
    room.spawn(lead(load, loading, patience, false).in_current_span())
}

fn movable<R, K, W, L, Fut>(
    load: Load<K, W, L, Fut>,
    loading: Box<Loading>,
    patience: Patience,
) -> Movable<Led<R>>
where
    R: Send + 'static,
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool + Send + 'static,
    L: FnOnce(&K::Inner, &mut Late<'_>) + Send + 'static,
    Fut: Future<Output = R> + Send + 'static,
{
    Movable::new(lead(load, loading, patience, false).in_current_span())
}
