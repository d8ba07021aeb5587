mod publish;
mod table;

use ::metrics::{Label, SharedString, Unit};
use tokio::time::Instant;

pub use self::table::{Kind, METRICS, Metric};

/// Bounds in seconds for the histograms: from a round trip on the same machine to a body that takes as long as a reader
/// waits.
///
/// An exporter that is given none makes summaries, which cannot be added up over processes.
pub const DURATION_BUCKETS: [f64; 15] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// Tells the installed recorder what each metric means. Once, after it was installed.
pub fn describe() {
    for metric in METRICS {
        let (name, help) = (metric.name, metric.help);
        match metric.kind {
            Kind::Counter => ::metrics::describe_counter!(name, help),
            Kind::Gauge if name.contains("_bytes") => {
                ::metrics::describe_gauge!(name, Unit::Bytes, help);
            }
            Kind::Gauge => ::metrics::describe_gauge!(name, help),
            Kind::Histogram => ::metrics::describe_histogram!(name, Unit::Seconds, help),
        }
    }
}

/// Records in a histogram, when it is dropped, how long it has lived. Looked up then and there: next to what is measured
/// that is nothing, and so it does not matter which came first, the recorder or the call.
#[derive(Debug)]
pub(crate) struct Timer {
    histogram: &'static str,
    label: &'static str,
    value: &'static str,
    began: Instant,
}

impl Timer {
    pub(crate) fn of_load(function: &'static str) -> Self {
        Self::new("cache_load_duration_seconds", "function", function)
    }

    pub(crate) fn of_redis(operation: &'static str) -> Self {
        Self::new("cache_redis_duration_seconds", "operation", operation)
    }

    fn new(histogram: &'static str, label: &'static str, value: &'static str) -> Self {
        Self {
            histogram,
            label,
            value,
            began: Instant::now(),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        ::metrics::histogram!(self.histogram, vec![label(self.label, self.value)])
            .record(self.began.elapsed());
    }
}

fn label(name: &'static str, value: impl Into<SharedString>) -> Label {
    Label::new(name, value)
}
