//! Loads that outlive their call: background refreshes, comparisons, and loads that the caller stops waiting for.
//!
//! All need a body that owns its data. They are function pointers, created only where the compiler knows this.

use std::future::Future;

use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::cache::load::Load;
use crate::cache::transaction;
use crate::cache::{Cache, Demand, ReadOutcome};
use crate::cacheable::erased::AnyResult;
use crate::call::call::Keyed;
use crate::call::comparison::verify;
use crate::call::load::{LeadingCall, LoadResult, lead};
use crate::call::report::count;
use crate::call::request::{Shape, request};
use crate::call::survivor::Movable;
use crate::call::timeouts::Timeouts;
use crate::common::background::Room;
use crate::key::CacheKey;
use crate::telemetry::spans;

/// The ways in which a load can outlive its call, if its body owns its data.
pub(super) struct BackgroundLoad<'a, B> {
    /// Refreshes the value of that version, unless a refresh is under way.
    pub(super) refresh: fn(LeadingCall<'a, B>, u64),
    /// Compares the value of that version with what the body returns.
    pub(super) verify: fn(LeadingCall<'a, B>, u64),
    /// Runs a load in a separate task.
    pub(super) detach: fn(Room, LeadingCall<'a, B>, Box<Load>, Timeouts) -> JoinHandle<LoadResult>,
    /// A load that can be moved to a separate task while it runs.
    pub(super) movable: fn(LeadingCall<'a, B>, Box<Load>, Timeouts) -> Movable<LoadResult>,
}

impl<B> BackgroundLoad<'static, B>
where
    B: Future<Output = AnyResult> + Unpin + Send + 'static,
{
    /// The functions for this type of body. Calls pass on a reference, which takes less room in each stack frame.
    pub(super) const ALL: &'static Self = &Self {
        refresh: refresh::<B>,
        verify: verify::<B>,
        detach: detach::<B>,
        movable: movable::<B>,
    };
}

/// Whether to start a refresh now: not while the key is being loaded, and not soon after its refreshes failed.
pub(super) fn may_refresh(cache: &Cache, key: &CacheKey) -> bool {
    let inner = &cache.inner;
    let flights = &cache.shard(key.as_str()).local.flights;
    !flights.is_under_way(key.as_str())
        && !inner.refresh_backoff.is(key.as_str())
        && !transaction::is_inside()
}

fn refresh<B>(load: LeadingCall<'static, B>, version: u64)
where
    B: Future<Output = AnyResult> + Unpin + Send + 'static,
{
    let (cache, site) = (load.cache.clone(), load.pending.call.site);
    let span = spans::refresh(site.name(), load.pending.call.key.as_str());
    if !cache
        .inner
        .loads
        .spawn(refreshed(load, version).instrument(span))
    {
        count(&cache, site, |counters| &counters.shed);
    }
}

async fn refreshed<B>(load: LeadingCall<'static, B>, version: u64)
where
    B: Future<Output = AnyResult> + Unpin + Send + 'static,
{
    let (cache, site, budget) = (
        load.cache.clone(),
        load.pending.call.site,
        load.budget.clone(),
    );
    let Keyed::Key(key) = &load.pending.call.key else {
        return;
    };
    let key = key.clone();
    let (tags, open_tags) = load.pending.call.tags.known_and_open();
    let read = {
        let shape = Shape::of_any(&*load.pending.kind);
        let mut request = request(&load.pending.call, &key, shape, &tags, &open_tags);
        request.demand = Demand::NewerThan(version);
        cache.read(&request, &budget).await
    };
    // With any other outcome there is nothing to do: the value is fresh by now, or Redis gives no lease.
    if let ReadOutcome::Load(loading) = read {
        count(&cache, site, |counters| &counters.refreshes);
        let timeouts = Timeouts::new(&site.policy).hard_only();
        lead(load, loading, timeouts, true).await;
    }
}

fn detach<B>(
    room: Room,
    load: LeadingCall<'static, B>,
    loading: Box<Load>,
    timeouts: Timeouts,
) -> JoinHandle<LoadResult>
where
    B: Future<Output = AnyResult> + Unpin + Send + 'static,
{
    room.spawn(lead(load, loading, timeouts, false).in_current_span())
}

fn movable<B>(
    load: LeadingCall<'static, B>,
    loading: Box<Load>,
    timeouts: Timeouts,
) -> Movable<LoadResult>
where
    B: Future<Output = AnyResult> + Unpin + Send + 'static,
{
    Movable::new(lead(load, loading, timeouts, false).in_current_span())
}
