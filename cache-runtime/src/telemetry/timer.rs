//! Measures durations for a metrics recorder.

use metrics::{Label, SharedString};
use tokio::time::Instant;

/// Records its lifetime in a histogram when it is dropped. The histogram is looked up at that time: this is cheap
/// compared with what is measured, and works whether the recorder was installed before or after the call.
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
        metrics::histogram!(self.histogram, vec![label(self.label, self.value)])
            .record(self.began.elapsed());
    }
}

/// One label of a metric.
pub(crate) fn label(name: &'static str, value: impl Into<SharedString>) -> Label {
    Label::new(name, value)
}
