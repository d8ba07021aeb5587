//! Bodies that always run, and whose results replace the stored entry.

use std::future::Future;
use std::time::Duration;

use crate::cache::Cache;
use crate::cache::load::{Load, StoreResult};
use crate::cache::transaction;
use crate::cacheable::Preparing;
use crate::cacheable::erased::{AnyKind, AnyResult, Prepared};
use crate::call::body::Work;
use crate::call::boxed;
use crate::call::call::{Call, Keyed};
use crate::call::load::{run_uncached, shareable, timed};
use crate::call::removals::{PendingRemovals, Verdict};
use crate::call::report::{count, ran_outcome};
use crate::call::request::{Shape, request};
use crate::call::site::About;
use crate::key::{CacheKey, Pattern};
use crate::local::flight::Outcome;
use crate::local::memory::StoredValue;
use crate::redis::Budget;
use crate::telemetry::events::record;
use crate::telemetry::outcome::{CallOutcome, Reason, Status};

/// Runs the body, whatever is stored. Its result replaces the entry; if it cannot, the entry is removed.
///
/// `budget`: the time that the call may still wait for Redis.
pub(super) async fn run<B>(
    call: Call,
    kind: Box<dyn AnyKind>,
    work: Work<'_, B>,
    budget: Budget,
) -> AnyResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    let (cache, about) = (call.used_cache(), call.about());
    count(&cache, call.site, |counters| &counters.misses);
    match &call.key {
        Keyed::Key(key) => {
            let key = key.clone();
            if must_not_store(&cache, &call, &key) {
                let put = boxed(|| remove_only(&cache, call, &*kind, work, &key));
                return report(about, &*kind, put.await);
            }
            boxed(|| replace(&cache, call, &*kind, work, &key, &budget)).await
        }
        Keyed::Nothing | Keyed::Unkeyable => {
            let returned = boxed(|| run_uncached(&cache, call, &*kind, work)).await;
            report(about, &*kind, returned)
        }
    }
}

fn report(about: About, kind: &dyn AnyKind, returned: AnyResult) -> AnyResult {
    record(|| {
        ran_outcome(
            about,
            kind.has_failed(&returned),
            Status::Miss,
            Reason::Asked,
        )
    });
    returned
}

fn must_not_store(cache: &Cache, call: &Call, key: &CacheKey) -> bool {
    let (tags, open_tags) = call.tags.known_and_open();
    let is_due = || transaction::may_be_due(cache, key.as_str(), &tags, &open_tags).is_some();
    transaction::is_active() || !cache.is_enabled() || is_due()
}

/// For a call whose result cannot be stored: inside a transaction, where the removal waits for its end; inside a writer that
/// may change what it returns; and in a cache that is switched off. The old entry is outdated all the same.
async fn remove_only<B>(
    cache: &Cache,
    call: Call,
    kind: &dyn AnyKind,
    work: Work<'_, B>,
    key: &CacheKey,
) -> AnyResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    let site = call.site;
    let mut removals = PendingRemovals::with_key(cache, call, key);
    let Work { body, mut rules } = work;
    let body = removals.around(body);
    let returned = boxed(|| timed(cache, site, Some(key.as_str()), body)).await;
    removals.after(kind.ended(&returned), |result_patterns| {
        rules.add_result_patterns(&returned, result_patterns);
    });
    boxed(|| removals.run(None)).await;
    returned
}

async fn replace<B>(
    cache: &Cache,
    call: Call,
    kind: &dyn AnyKind,
    work: Work<'_, B>,
    key: &CacheKey,
    budget: &Budget,
) -> AnyResult
where
    B: Future<Output = AnyResult> + Unpin,
{
    let (site, about) = (call.site, call.about());
    let loading = boxed(|| take_over(cache, &call, kind, key, budget)).await;
    // From here on the old entry must be removed, whatever happens.
    let mut removals = PendingRemovals::with_key(cache, call, key);
    let Work { body, mut rules } = work;
    let body = removals.around(body);
    let returned = match &loading {
        Some(loading) => boxed(|| loading.run(body)).await,
        None => boxed(|| timed(cache, site, Some(key.as_str()), body)).await,
    };
    let mut returned = match kind.prepare(returned, Preparing::of(cache)) {
        Prepared::Ready(returned) => returned,
        Prepared::Reading(reading) => reading.await,
    };
    let verdict = removals.judge(kind, &mut *rules, &returned);
    boxed(|| removals.run(loading.as_deref())).await;
    let tags = removals.call.tags.known_and_open().0;
    let ttl = cache.lifetime(removals.call.used_ttl());
    let value: Option<(StoredValue, Duration)> = match verdict {
        Verdict::Store => shareable(site, kind, &returned).map(Some).zip(ttl),
        Verdict::Absent => site.none_ttl.map(|life| (None, life)),
        Verdict::ShareOnly | Verdict::Failed => None,
    };
    let life = value.as_ref().map_or(Duration::ZERO, |(_, life)| *life);
    let failed = verdict == Verdict::Failed;
    let stored = match (loading, value) {
        (Some(loading), Some((kept, life))) => {
            boxed(|| loading.store_through(kept, life, tags, budget)).await
        }
        (Some(loading), None) => {
            loading.end(Outcome::Unshared, failed);
            StoreResult::NotTried
        }
        (None, _) => StoreResult::NotTried,
    };
    if stored == StoreResult::Unsure {
        let _ = boxed(|| cache.remove(vec![Pattern::key(key)], None)).await;
    }
    record(|| CallOutcome {
        ttl: life,
        stored: stored == StoreResult::Stored && !life.is_zero(),
        ..ran_outcome(about, failed, Status::Miss, Reason::Asked)
    });
    kind.release(&mut returned);
    returned
}

async fn take_over(
    cache: &Cache,
    call: &Call,
    kind: &dyn AnyKind,
    key: &CacheKey,
    budget: &Budget,
) -> Option<Box<Load>> {
    let (tags, open_tags) = call.tags.known_and_open();
    let request = request(call, key, Shape::of_any(kind), &tags, &open_tags);
    cache.take_over(&request, budget).await.map(Box::new)
}
