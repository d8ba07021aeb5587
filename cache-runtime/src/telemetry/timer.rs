//! How long something took, for a recorder of metrics.

use metrics::{Label, SharedString};
use tokio::time::Instant;

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
        metrics::histogram!(self.histogram, vec![label(self.label, self.value)])
            .record(self.began.elapsed());
    }
}

/// One label of a metric.
pub(crate) fn label(name: &'static str, value: impl Into<SharedString>) -> Label {
    Label::new(name, value)
}
