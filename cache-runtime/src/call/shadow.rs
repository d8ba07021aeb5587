//! A call in shadow mode: its body always runs, and the value that the cache has is compared with the result, or else the result
//! is stored.

use std::future::Future;

use crate::cache::{Cache, Hit, ReadOutcome};
use crate::cacheable::Preparing;
use crate::cacheable::erased::{AnyKind, AnyResult, Prepared};
use crate::call::body::Work;
use crate::call::boxed;
use crate::call::comparison::Comparison;
use crate::call::load::{LoadResult, lead};
use crate::call::miss::{Limits, Miss, conclude};
use crate::call::report::count;
use crate::call::request::{Shape, request};
use crate::key::CacheKey;
use crate::telemetry::outcome::{Reason, Status};

/// How the outcome of such a call is reported.
const OUTCOME: (Status, Reason) = (Status::Bypass, Reason::Shadow);

impl<'a, M, B> Miss<'a, M, B>
where
    M: FnOnce() -> Work<'a, B>,
    B: Future<Output = AnyResult> + Unpin,
{
    pub(super) async fn in_shadow(
        self,
        cache: &Cache,
        key: &CacheKey,
        limits: Limits,
    ) -> AnyResult {
        let about = self.pending.call.about();
        count(cache, about.site, |counters| &counters.bypasses);
        let limits = Limits {
            timeouts: limits.timeouts.hard_only(),
            ..limits
        };
        if !self.pending.call.patterns.is_empty() {
            // It changes data, so its result is not compared with an earlier one.
            return self.run_and_report(cache, None, limits, OUTCOME).await;
        }
        let read = {
            let (tags, open_tags) = self.pending.call.tags.known_and_open();
            let shape = Shape::of_any(&*self.pending.kind);
            let request = request(&self.pending.call, key, shape, &tags, &open_tags);
            boxed(|| cache.read_without_waiting(&request, &limits.budget)).await
        };
        match read {
            ReadOutcome::Hit(hit) => self.compared(cache, key, limits, &hit).await,
            ReadOutcome::Load(loading) => {
                let timeouts = limits.timeouts;
                let load = self.into_leading_call(cache.clone(), limits.budget);
                let loaded = boxed(|| lead(load, loading, timeouts, false)).await;
                let (status, why) = OUTCOME;
                conclude(about, loaded, status, why)
            }
            _ => self.run_and_report(cache, None, limits, OUTCOME).await,
        }
    }

    /// Runs the body, and compares its result with the value that the cache has.
    async fn compared(self, cache: &Cache, key: &CacheKey, limits: Limits, hit: &Hit) -> AnyResult {
        let about = self.pending.call.about();
        count(cache, about.site, |counters| &counters.shadow_hits);
        let another = || self.pending.kind.another();
        let (kind, of_comparison): (Box<dyn AnyKind>, Box<dyn AnyKind>) = (another(), another());
        let comparison = Comparison::new(
            cache.clone(),
            about.site,
            key.clone(),
            of_comparison,
            hit.version,
        );
        let loaded = match self.load_uncached(cache, None, limits).await {
            LoadResult::Own(returned, stored) => {
                let mut returned = match kind.prepare(returned, Preparing::of(cache)) {
                    Prepared::Ready(returned) => returned,
                    Prepared::Reading(reading) => reading.await,
                };
                // A value past its TTL may differ.
                if !hit.is_stale() {
                    comparison.compare(&hit.kept, &returned);
                }
                kind.release(&mut returned);
                LoadResult::Own(returned, stored)
            }
            other => other,
        };
        let (status, why) = OUTCOME;
        conclude(about, loaded, status, why)
    }
}
