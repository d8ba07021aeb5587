//! Compares a value in the cache with what the body returns, to find invalidations that are missing: `verify` for some of the
//! hits, shadow mode for each call.
//!
//! A value that differs may be about to be removed, because a write commits before it invalidates. So a difference counts only
//! if the same value is still in the cache a second later.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::Instrument as _;

use crate::cache::{Cache, Demand, Hit};
use crate::cacheable::erased::{AnyKind, AnyResult, Prepared};
use crate::cacheable::{Ended, Preparing};
use crate::call::call::Keyed;
use crate::call::load::{LeadingCall, shareable, timed};
use crate::call::report::count;
use crate::call::request::{Shape, request_of};
use crate::call::site::Site;
use crate::call::timeouts::Timeouts;
use crate::entry::{are_same, key_hash};
use crate::key::CacheKey;
use crate::local::memory::StoredValue;
use crate::telemetry::events::{CacheEvent, Mismatch, tell};
use crate::telemetry::spans;

/// How long a write may take from its commit until its removals have reached this process.
const SETTLING: Duration = Duration::from_secs(1);

/// How long the body of a comparison may run. One that never ends would keep its function from being compared again.
const LONGEST: Duration = Duration::from_secs(60);

/// A value in the cache, to be compared.
pub(super) struct Comparison {
    cache: Cache,
    site: &'static Site,
    key: CacheKey,
    kind: Box<dyn AnyKind>,
    version: u64,
}

impl Comparison {
    pub(super) fn new(
        cache: Cache,
        site: &'static Site,
        key: CacheKey,
        kind: Box<dyn AnyKind>,
        version: u64,
    ) -> Self {
        Self {
            cache,
            site,
            key,
            kind,
            version,
        }
    }

    /// Compares the value with the body's result. A difference is counted a second later.
    pub(super) fn compare(self, stored: &StoredValue, returned: &AnyResult) {
        if !self.find_difference(stored, returned) {
            return;
        }
        let Some(turn) = self.site.comparing.begin() else {
            return;
        };
        let loads = self.cache.inner.loads.clone();
        // If too much is under way in the background, this difference is not looked at further.
        let _ = loads.spawn(async move {
            self.confirm().await;
            drop(turn);
        });
    }

    /// Whether the values differ. Counts the comparison if they do not.
    fn find_difference(&self, stored: &StoredValue, returned: &AnyResult) -> bool {
        let Some(now) = kept(self.site, &*self.kind, returned) else {
            return false;
        };
        let same = self.is_same(stored, &now);
        if same == Some(true) {
            count(&self.cache, self.site, |counters| &counters.compared);
        }
        same == Some(false)
    }

    fn is_same(&self, stored: &StoredValue, now: &StoredValue) -> Option<bool> {
        match (stored, now) {
            (Some(stored), Some(now)) => are_same(self.kind.ops(), &**stored, &**now),
            (None, None) => Some(true),
            _ => Some(false),
        }
    }

    /// The value, if the cache still has it.
    async fn stored(&self) -> Option<Hit> {
        let mut request = request_of(self.site, &self.key, Shape::of_any(&*self.kind));
        request.demand = Demand::Fallback;
        let budget = self.cache.background_budget();
        let hit = self.cache.stale_value_in_redis(&request, &budget).await?;
        (hit.version == self.version && !hit.is_stale()).then_some(hit)
    }

    /// Counts the difference, unless the value is gone by then.
    async fn confirm(self) {
        tokio::time::sleep(SETTLING).await;
        if let Some(hit) = self.stored().await {
            self.report(hit.aged.age);
        }
    }

    fn report(&self, age: Duration) {
        let (site, key) = (self.site, self.key.as_str());
        count(&self.cache, site, |counters| &counters.compared);
        count(&self.cache, site, |counters| &counters.mismatches);
        tell(CacheEvent::Mismatch(&Mismatch {
            function: site.name(),
            key,
            age,
        }));
        // A value that is compared again and again is logged once.
        if site.mismatched.swap(self.version, Ordering::Relaxed) != self.version {
            tracing::warn!(
                function = site.name(),
                key_hash = %format_args!("{:016x}", key_hash(key)),
                age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
                "a value in the cache differs from what the function returns now, and nothing has removed it: find the write that \
                 changed the data, and let it invalidate this key (`on_event` tells the key). A function that relies on its TTL \
                 alone, or returns something else each time, cannot be compared"
            );
        }
    }
}

/// The result as the cache would keep it. `None`: it is an error, or not for the cache.
fn kept(site: &'static Site, kind: &dyn AnyKind, returned: &AnyResult) -> Option<StoredValue> {
    match kind.ended(returned) {
        Ended::Failed => None,
        Ended::Absent => Some(None),
        Ended::Value => shareable(site, kind, returned).map(Some),
    }
}

/// Runs the body in the background for a call that was answered with the value of that version, and compares the two. If a
/// comparison of the same function is under way, or too much else, nothing happens.
pub(super) fn verify<B>(load: LeadingCall<'static, B>, version: u64)
where
    B: Future<Output = AnyResult> + Unpin + Send + 'static,
{
    let site = load.pending.call.site;
    let Some(turn) = site.comparing.begin() else {
        return;
    };
    let (loads, span) = (
        load.cache.inner.loads.clone(),
        spans::verify(site.name(), load.pending.call.key.as_str()),
    );
    let verifying = async move {
        // A body that takes longer is not compared.
        let _ = tokio::time::timeout(LONGEST, verified(load, version)).await;
        drop(turn);
    };
    let _ = loads.spawn(verifying.instrument(span));
}

async fn verified<B>(load: LeadingCall<'static, B>, version: u64)
where
    B: Future<Output = AnyResult> + Unpin + Send + 'static,
{
    let LeadingCall {
        cache,
        pending,
        work,
        ..
    } = load;
    let (site, kind) = (pending.call.site, pending.kind);
    let Keyed::Key(key) = pending.call.key else {
        return;
    };
    let mut timeouts = Timeouts::new(&site.policy).hard_only();
    let returned = {
        let mut body = pin!(timed(&cache, site, Some(key.as_str()), work.body));
        match timeouts.wait(body.as_mut()).await {
            Ok(returned) => returned,
            Err(_) => return,
        }
    };
    let returned = match kind.prepare(returned, Preparing::of(&cache)) {
        Prepared::Ready(returned) => returned,
        Prepared::Reading(reading) => reading.await,
    };
    let comparison = Comparison::new(cache, site, key, kind, version);
    // If the value was removed or replaced while the body ran, the caller's value cannot be judged any more.
    let Some(hit) = comparison.stored().await else {
        return;
    };
    if comparison.find_difference(&hit.kept, &returned) {
        comparison.confirm().await;
    }
}
