//! Every metric there is. The page in `docs/metrics.md` says the same, which a test sees to.

/// A metric of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name, as Prometheus spells it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The names of its labels, in their order in the documentation.
    pub labels: &'static [&'static str],
    /// It exists only where a Redis is configured.
    pub redis: bool,
    /// What it says.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Only ever grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations in seconds, in buckets.
    Histogram,
}

impl Kind {
    /// `counter`, `gauge` or `histogram`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

const fn metric(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        labels,
        redis: false,
        help,
    }
}

const fn of_redis(mut metric: Metric) -> Metric {
    metric.redis = true;
    metric
}

use Kind::{Counter, Gauge, Histogram};

const FUNCTION: &[&str] = &["function"];
const CACHE: &[&str] = &["cache"];

/// Every metric of the cache, in the order of its documentation.
pub const METRICS: &[Metric] = &[
    metric(
        "cache_requests_total",
        Counter,
        &["function", "outcome"],
        "calls, by what they got",
    ),
    metric(
        "cache_load_duration_seconds",
        Histogram,
        FUNCTION,
        "how long bodies ran, of reads and writes, also those that failed or were given up",
    ),
    metric(
        "cache_load_failures_total",
        Counter,
        FUNCTION,
        "bodies of reads that returned an error",
    ),
    metric(
        "cache_background_loads_total",
        Counter,
        FUNCTION,
        "refreshes behind a caller's back",
    ),
    metric(
        "cache_stand_ins_total",
        Counter,
        FUNCTION,
        "values past their lifetime served for a body that failed or was slow",
    ),
    metric(
        "cache_given_up_total",
        Counter,
        FUNCTION,
        "calls that met their `timeout` or `soft_timeout`",
    ),
    metric("cache_memory_entries", Gauge, CACHE, "entries in memory"),
    metric(
        "cache_memory_entries_limit",
        Gauge,
        CACHE,
        "how many there may be",
    ),
    metric(
        "cache_memory_bytes",
        Gauge,
        CACHE,
        "bytes in memory; an entry counts at least its share, limit by limit",
    ),
    metric(
        "cache_memory_bytes_limit",
        Gauge,
        CACHE,
        "how many there may be; at either limit these two are equal",
    ),
    metric(
        "cache_memory_evictions_total",
        Counter,
        CACHE,
        "entries that were still good and had to make room",
    ),
    metric(
        "cache_background_tasks",
        Gauge,
        &["cache", "kind"],
        "work under way behind callers' backs",
    ),
    metric(
        "cache_shed_total",
        Counter,
        CACHE,
        "background work that was dropped because too much was under way",
    ),
    metric(
        "cache_invalidations_total",
        Counter,
        CACHE,
        "removals asked for",
    ),
    metric(
        "cache_removed_entries_total",
        Counter,
        CACHE,
        "entries that removals took away",
    ),
    metric(
        "cache_stores_refused_total",
        Counter,
        CACHE,
        "values too large to be stored, or that the codec refused",
    ),
    of_redis(metric(
        "cache_stores_total",
        Counter,
        CACHE,
        "values stored in Redis",
    )),
    of_redis(metric(
        "cache_stores_lost_total",
        Counter,
        CACHE,
        "values not stored because their key was removed meanwhile, or Redis was lost",
    )),
    of_redis(metric(
        "cache_invalidations_queued_total",
        Counter,
        CACHE,
        "removals that had to wait for Redis",
    )),
    of_redis(metric(
        "cache_ledger_patterns",
        Gauge,
        CACHE,
        "removals by prefix, glob or tag that Redis remembers",
    )),
    of_redis(metric(
        "cache_ledger_losses_total",
        Counter,
        CACHE,
        "times that Redis lost the ledger of removals, by eviction or by hand: everything was cold then",
    )),
    of_redis(metric(
        "cache_ledger_folds_total",
        Counter,
        CACHE,
        "times that old removals became fewer because there were too many: too much was removed then",
    )),
    of_redis(metric(
        "cache_journal_length",
        Gauge,
        CACHE,
        "removals that wait for Redis now",
    )),
    of_redis(metric(
        "cache_breaker_state",
        Gauge,
        CACHE,
        "0 closed: Redis is used; 1 half-open: a probe is under way; 2 open",
    )),
    of_redis(metric(
        "cache_breaker_transitions_total",
        Counter,
        &["cache", "to"],
        "how often each state was entered",
    )),
    of_redis(metric(
        "cache_leases_held",
        Gauge,
        CACHE,
        "rights to store that this process holds in Redis",
    )),
    of_redis(metric(
        "cache_waits_total",
        Counter,
        CACHE,
        "calls that waited for another process's load",
    )),
    of_redis(metric(
        "cache_unusable_total",
        Counter,
        CACHE,
        "entries of another type, template or server run, or damaged",
    )),
    of_redis(metric(
        "cache_foreign_total",
        Counter,
        CACHE,
        "keys that hold something that is not ours; left alone",
    )),
    of_redis(metric(
        "cache_redis_errors_total",
        Counter,
        &["cache", "kind"],
        "operations that timed out, met a broken connection, or were refused",
    )),
    of_redis(metric(
        "cache_redis_duration_seconds",
        Histogram,
        &["operation"],
        "how long operations of Redis took, also those that failed or that nobody waited for to the end",
    )),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_the_table_says() {
        let told = METRICS.iter().map(|metric| {
            let labels = metric.labels.iter().map(|label| format!("`{label}`"));
            format!(
                "| `{}` | {} | {} | {}{} |",
                metric.name,
                metric.kind.as_str(),
                labels.collect::<Vec<_>>().join(", "),
                metric.help,
                if metric.redis { " ¹" } else { "" },
            )
        });
        let page = include_str!("../../docs/metrics.md");
        let written = page.lines().filter(|line| line.starts_with("| `cache_"));
        assert_eq!(
            written.collect::<Vec<_>>().join("\n"),
            told.collect::<Vec<_>>().join("\n")
        );
    }
}
