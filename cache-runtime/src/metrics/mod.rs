mod publish;
mod table;

use ::metrics::Unit;

pub use self::table::{Kind, METRICS, Metric};

/// Bucket bounds in seconds for the histograms: from a round trip on the same machine to the longest body that a
/// reader waits for.
///
/// An exporter without bounds makes summaries, which cannot be added up over processes.
pub const DURATION_BUCKETS: [f64; 15] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// Describes all metrics to the installed recorder. Call it once, after the recorder was installed.
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
