//! What is told while it happens: spans, how long bodies ran, and with feature `metrics` durations as histograms.
//!
//! All of it stands beside something much slower than a hit in memory, which tells nothing. A span that nobody listens to
//! is one look at an atomic; a key is only told at level `TRACE`, a value never.

use std::sync::atomic::Ordering::Relaxed;

use tokio::time::Instant;
use tracing::{Level, Span, debug_span, field, span_enabled};

use crate::key::Pattern;
use crate::telemetry::outcome::{CallOutcome, HitTier};
use crate::telemetry::stats::{Counters, bump};

/// The function's name in spans and figures where there is none.
pub(crate) const BY_HAND: &str = "by hand";

/// A read that memory did not answer.
pub(crate) fn read(function: &'static str, key: Option<&str>) -> Span {
    let span = debug_span!(
        "cache.read",
        cache.function = function,
        cache.key = field::Empty,
        cache.outcome = field::Empty,
        cache.tier = field::Empty,
        cache.reason = field::Empty,
    );
    tell_key(&span, key);
    span
}

/// Tells the span of the read in which this runs how it went.
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

/// A refresh behind the caller's back, which follows from the caller's span and is no part of it.
pub(crate) fn refresh(function: &'static str, key: Option<&str>) -> Span {
    let span = debug_span!(
        parent: None, "cache.refresh", cache.function = function, cache.key = field::Empty
    );
    span.follows_from(Span::current());
    tell_key(&span, key);
    span
}

/// A removal.
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

fn tell_key(span: &Span, key: Option<&str>) {
    if let Some(key) = key
        && span_enabled!(Level::TRACE)
    {
        span.record("cache.key", key);
    }
}

/// A body under way. It counts when this is dropped: also one that panicked or was given up.
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
        tell_key(&span, key);
        Self {
            span,
            counters,
            began: Instant::now(),
            #[cfg(feature = "metrics")]
            _timer: crate::telemetry::timer::Timer::of_load(function),
        }
    }

    /// What its body runs in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }
}

impl Drop for BodyTimer<'_> {
    fn drop(&mut self) {
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        for counters in self.counters {
            counters.load_micros.fetch_add(micros, Relaxed);
            bump(&counters.loads);
        }
    }
}
