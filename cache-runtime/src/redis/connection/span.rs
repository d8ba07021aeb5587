//! Spans and histograms of operations of Redis.

use tracing::{Level, Span, debug_span, field, span_enabled};

use crate::redis::connection::fault::Fault;
use crate::telemetry::histogram::{Histogram, Stopwatch};

/// An operation of Redis under way. It is counted when this is dropped, even if nobody waits for it any more.
///
/// It is small, because every layer above the connection holds it once more.
#[must_use]
#[derive(Debug)]
pub(crate) struct RedisSpan<'a> {
    span: Option<Box<Span>>,
    _stopwatch: Option<Stopwatch<'a>>,
    #[cfg(feature = "metrics")]
    _timer: crate::telemetry::timer::Timer,
}

impl<'a> RedisSpan<'a> {
    /// `operation`: our own name for it; the script's name if `command` runs one. `times`: counts its duration.
    pub(crate) fn begin(
        operation: &'static str,
        command: &'static str,
        times: Option<&'a Histogram>,
    ) -> Self {
        Self {
            span: span_enabled!(Level::DEBUG).then(|| Box::new(operation_span(operation, command))),
            _stopwatch: times.map(Histogram::start),
            #[cfg(feature = "metrics")]
            _timer: crate::telemetry::timer::Timer::of_redis(operation),
        }
    }

    pub(crate) fn ended<T>(self, result: Result<T, Fault>) -> Result<T, Fault> {
        if let (Some(span), Err(fault)) = (&self.span, &result) {
            let kind = match fault {
                Fault::TimedOut => "timeout",
                Fault::Disconnected(_) => "disconnected",
                Fault::Refused(_) => "refused",
                Fault::OutsideRuntime => "outside_runtime",
            };
            span.record("error.type", kind);
        }
        result
    }
}

fn operation_span(operation: &'static str, command: &'static str) -> Span {
    debug_span!(
        "cache.redis",
        otel.name = command,
        otel.kind = "client",
        db.system.name = "redis",
        db.operation.name = command,
        db.stored_procedure.name = (command == "EVALSHA").then_some(operation),
        error.r#type = field::Empty,
    )
}
