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
        "calls by outcome",
    ),
    metric(
        "cache_load_duration_seconds",
        Histogram,
        FUNCTION,
        "run time of bodies of reads and writes, including bodies that failed or timed out",
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
        "refreshes in the background",
    ),
    metric(
        "cache_stale_on_error_hits_total",
        Counter,
        FUNCTION,
        "stale values served because a body failed or was slow",
    ),
    metric(
        "cache_timed_out_total",
        Counter,
        FUNCTION,
        "calls that reached their `timeout` or `soft_timeout`",
    ),
    metric(
        "cache_shadow_hits_total",
        Counter,
        FUNCTION,
        "calls in shadow mode for which the cache had a value",
    ),
    metric(
        "cache_compared_total",
        Counter,
        FUNCTION,
        "values in the cache that were compared with what the body returned (`verify`, `shadow`)",
    ),
    metric(
        "cache_mismatch_total",
        Counter,
        FUNCTION,
        "compared values that differed and were not removed: an invalidation is missing",
    ),
    metric(
        "cache_info",
        Gauge,
        &["cache", "version"],
        "always 1; its labels tell the version of the library",
    ),
    metric(
        "cache_start_time_seconds",
        Gauge,
        CACHE,
        "when the cache was created, in seconds since 1970",
    ),
    metric("cache_memory_entries", Gauge, CACHE, "entries in memory"),
    metric(
        "cache_memory_entries_limit",
        Gauge,
        CACHE,
        "limit of entries in memory",
    ),
    metric(
        "cache_memory_bytes",
        Gauge,
        CACHE,
        "bytes in memory; an entry counts for at least the byte limit divided by the entry limit",
    ),
    metric(
        "cache_memory_bytes_limit",
        Gauge,
        CACHE,
        "limit of bytes in memory; when either limit is reached, `cache_memory_bytes` equals this",
    ),
    metric(
        "cache_memory_evictions_total",
        Counter,
        CACHE,
        "entries evicted before they expired",
    ),
    metric(
        "cache_background_tasks",
        Gauge,
        &["cache", "kind"],
        "background work in progress",
    ),
    metric(
        "cache_shed_total",
        Counter,
        CACHE,
        "background work dropped because too much was in progress",
    ),
    metric(
        "cache_invalidations_total",
        Counter,
        CACHE,
        "removals requested",
    ),
    metric(
        "cache_removed_entries_total",
        Counter,
        CACHE,
        "entries deleted by removals",
    ),
    metric(
        "cache_stores_refused_total",
        Counter,
        CACHE,
        "values not stored because they were too large or the codec refused them",
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
        "values not stored because their key was removed meanwhile or the connection to Redis was lost",
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
        "removals by prefix, glob or tag recorded in Redis",
    )),
    of_redis(metric(
        "cache_ledger_losses_total",
        Counter,
        CACHE,
        "how often Redis lost its record of removals, by eviction or deletion; each time the cache starts cold",
    )),
    of_redis(metric(
        "cache_ledger_folds_total",
        Counter,
        CACHE,
        "how often old removals were combined because there were too many; each time more entries than necessary become stale",
    )),
    of_redis(metric(
        "cache_journal_length",
        Gauge,
        CACHE,
        "removals waiting for Redis now",
    )),
    of_redis(metric(
        "cache_breaker_state",
        Gauge,
        CACHE,
        "0 closed: Redis is used; 1 half-open: a probe is in progress; 2 open: Redis is not used",
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
        "leases (rights to store) that this process holds in Redis",
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
        "entries not usable because of another type, template or server run, or because of damage",
    )),
    of_redis(metric(
        "cache_foreign_total",
        Counter,
        CACHE,
        "keys with data of another program, which is left unchanged",
    )),
    of_redis(metric(
        "cache_redis_errors_total",
        Counter,
        &["cache", "kind"],
        "Redis operations that timed out, failed with the connection, or were refused",
    )),
    of_redis(metric(
        "cache_redis_duration_seconds",
        Histogram,
        &["operation"],
        "duration of Redis operations, including those that failed and those whose caller stopped waiting",
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
