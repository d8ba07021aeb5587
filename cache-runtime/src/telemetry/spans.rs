//! Spans, the run time of bodies, and with feature `metrics` histograms of durations.
//!
//! Everything here accompanies work that is much slower than a hit in memory; a hit in memory has no span. A span that
//! nobody subscribes to costs one atomic load. Keys are recorded only at level `TRACE`, values never.

use std::sync::atomic::Ordering::Relaxed;

use tokio::time::Instant;
use tracing::{Level, Span, debug_span, field, span_enabled};

use crate::key::Pattern;
use crate::telemetry::outcome::{CallOutcome, HitTier};
use crate::telemetry::stats::{Counters, bump};

/// The function name in spans and statistics for manual operations.
pub(crate) const BY_HAND: &str = "by hand";

/// The span of a read that memory did not answer.
pub(crate) fn read(function: &'static str, key: Option<&str>) -> Span {
    let span = debug_span!(
        "cache.read",
        cache.function = function,
        cache.key = field::Empty,
        cache.outcome = field::Empty,
        cache.tier = field::Empty,
        cache.reason = field::Empty,
    );
    record_key(&span, key);
    span
}

/// Records in the current span how the read went.
pub(crate) fn read_ended(outcome: impl FnOnce() -> CallOutcome) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    let outcome = outcome();
    span.record("cache.outcome", outcome.status.as_str());
    span.record("cache.reason", field::debug(outcome.reason));
    if let Some(tier) = outcome.tier {
        let tier = match tier {
            HitTier::Memory => "memory",
            HitTier::Redis => "redis",
        };
        span.record("cache.tier", tier);
    }
}

/// The span of a background refresh. It follows from the caller's span, but is not a child of it.
pub(crate) fn refresh(function: &'static str, key: Option<&str>) -> Span {
    let span = debug_span!(
        parent: None, "cache.refresh", cache.function = function, cache.key = field::Empty
    );
    span.follows_from(Span::current());
    record_key(&span, key);
    span
}

/// The span of a body that runs in the background for a comparison (`verify`).
pub(crate) fn verify(function: &'static str, key: Option<&str>) -> Span {
    let span = debug_span!(
        parent: None, "cache.verify", cache.function = function, cache.key = field::Empty
    );
    span.follows_from(Span::current());
    record_key(&span, key);
    span
}

/// The span of a removal.
pub(crate) fn invalidate(patterns: &[Pattern]) -> Span {
    let span = debug_span!(
        "cache.invalidate",
        cache.patterns = patterns.len(),
        cache.pattern = field::Empty,
        cache.removed = field::Empty,
        cache.durability = field::Empty,
    );
    if span_enabled!(Level::TRACE) {
        span.record("cache.pattern", field::debug(patterns));
    }
    span
}

fn record_key(span: &Span, key: Option<&str>) {
    if let Some(key) = key
        && span_enabled!(Level::TRACE)
    {
        span.record("cache.key", key);
    }
}

/// Measures a running body. Dropping it counts the body, even if it panicked or was abandoned.
#[must_use]
#[derive(Debug)]
pub(crate) struct BodyTimer<'a> {
    span: Span,
    counters: [&'a Counters; 2],
    began: Instant,
    #[cfg(feature = "metrics")]
    _timer: crate::telemetry::timer::Timer,
}

impl<'a> BodyTimer<'a> {
    /// `counters`: the cache's and the function's.
    pub(crate) fn begin(
        function: &'static str,
        key: Option<&str>,
        counters: [&'a Counters; 2],
    ) -> Self {
        let span = debug_span!(
            "cache.load",
            cache.function = function,
            cache.key = field::Empty
        );
        record_key(&span, key);
        Self {
            span,
            counters,
            began: Instant::now(),
            #[cfg(feature = "metrics")]
            _timer: crate::telemetry::timer::Timer::of_load(function),
        }
    }

    /// The span in which the body runs.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }
}

impl Drop for BodyTimer<'_> {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for counters in self.counters {
            counters.load_times.record(took);
            counters.load_micros.fetch_add(micros, Relaxed);
            bump(&counters.loads);
        }
    }
}
