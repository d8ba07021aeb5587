//! Publishes the counters to a metrics recorder on request. They are the counters of [`crate::CacheStats`], at no
//! further cost.

use ::metrics::{Label, SharedString, counter, gauge};
use std::collections::BTreeMap;

use crate::cache::Cache;
use crate::call::site::functions;
use crate::local::memory::Memory;
use crate::outage::breaker::BreakerState;
use crate::redis::Tier;
use crate::telemetry::spans;
use crate::telemetry::stats::{BY_HAND, CacheStats};
use crate::telemetry::timer::label;

impl Cache {
    /// Sends the current values of this cache's counters, and of those of all cached functions, to the recorder of the
    /// `metrics` facade (feature `metrics`).
    ///
    /// Call it when metrics are fetched, before the exporter renders them; with an exporter that pushes, every few
    /// seconds. Between calls only durations are recorded, and no background task runs. [`crate::metrics`] lists all
    /// metrics.
    ///
    /// Counters are set to their totals, so it does not matter how often it is called, or when the recorder was
    /// installed.
    pub fn publish_metrics(&self) {
        let mut by_name: BTreeMap<&'static str, Functions> = BTreeMap::new();
        // Two methods may have the same name.
        for (name, stats) in functions() {
            by_name.entry(name).or_default().add(&stats);
        }
        let by_hand = BY_HAND.snapshot();
        if by_hand.hits() + by_hand.coalesced + by_hand.misses > 0 {
            by_name.entry(spans::BY_HAND).or_default().add(&by_hand);
        }
        for (name, figures) in by_name {
            figures.publish(name);
        }
        self.publish_own();
        if self.inner.shards.have_redis() {
            self.publish_redis();
            self.publish_breaker();
        }
    }

    fn publish_own(&self) {
        let (stats, inner) = (self.stats(), &self.inner);
        let memories = || inner.shards.all().iter().map(|shard| &shard.local.memory);
        let sum = |of: fn(&Memory) -> u64| memories().map(of).sum::<u64>();
        let of = || vec![self.label()];
        let whole = |value: usize| value as f64;
        let version = label("version", env!("CARGO_PKG_VERSION"));
        gauge!("cache_info", vec![self.label(), version]).set(1.0);
        let started = inner.instance.started_at_ms as f64 / 1_000.0;
        gauge!("cache_start_time_seconds", of()).set(started);
        gauge!("cache_memory_entries", of()).set(memories().map(Memory::len).sum::<usize>() as f64);
        gauge!("cache_memory_entries_limit", of()).set(whole(inner.config.max_entries));
        gauge!("cache_memory_bytes", of()).set(sum(Memory::weight) as f64);
        gauge!("cache_memory_bytes_limit", of()).set(sum(Memory::capacity) as f64);
        counter!("cache_memory_evictions_total", of()).absolute(sum(Memory::evictions));
        for (kind, tasks) in [("store", &inner.background), ("load", &inner.loads)] {
            let labels = vec![self.label(), label("kind", kind)];
            gauge!("cache_background_tasks", labels).set(whole(tasks.running()));
        }
        counter!("cache_shed_total", of()).absolute(stats.shed);
        counter!("cache_invalidations_total", of()).absolute(stats.invalidations);
        counter!("cache_removed_entries_total", of()).absolute(stats.removed);
        counter!("cache_stores_refused_total", of()).absolute(stats.stores_refused);
    }

    fn publish_redis(&self) {
        let tiers = || self.inner.shards.tiers();
        let sum = |of: fn(&Tier) -> usize| tiers().map(|tier| of(tier)).sum::<usize>() as f64;
        let stats = self.stats();
        let of = || vec![self.label()];
        counter!("cache_stores_total", of()).absolute(stats.stores);
        counter!("cache_stores_lost_total", of()).absolute(stats.stores_lost);
        counter!("cache_invalidations_queued_total", of()).absolute(stats.queued);
        gauge!("cache_ledger_patterns", of()).set(sum(Tier::ledger_len));
        counter!("cache_ledger_losses_total", of()).absolute(stats.ledger_losses);
        counter!("cache_ledger_folds_total", of()).absolute(stats.ledger_folds);
        gauge!("cache_journal_length", of()).set(sum(Tier::journal_len));
        gauge!("cache_leases_held", of()).set(sum(Tier::leases_held));
        counter!("cache_waits_total", of()).absolute(stats.waits);
        counter!("cache_unusable_total", of()).absolute(stats.unusable);
        counter!("cache_foreign_total", of()).absolute(stats.foreign);
        for (kind, count) in [
            ("timeout", stats.timeouts),
            ("disconnected", stats.disconnects),
            ("refused", stats.refusals),
        ] {
            let labels = vec![self.label(), label("kind", kind)];
            counter!("cache_redis_errors_total", labels).absolute(count);
        }
    }

    fn publish_breaker(&self) {
        let state = self.breaker_state().unwrap_or(BreakerState::Closed);
        gauge!("cache_breaker_state", vec![self.label()]).set(match state {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        });
        let mut sums = [
            (BreakerState::Closed, 0),
            (BreakerState::HalfOpen, 0),
            (BreakerState::Open, 0),
        ];
        for tier in self.inner.shards.tiers() {
            let entered = tier.breaker_transitions();
            let counts = [entered.closed, entered.half_open, entered.open];
            for (sum, count) in sums.iter_mut().zip(counts) {
                sum.1 += count;
            }
        }
        for (state, count) in sums {
            let labels = vec![self.label(), label("to", state.as_str())];
            counter!("cache_breaker_transitions_total", labels).absolute(count);
        }
    }

    /// The label that names this cache within the process.
    fn label(&self) -> Label {
        let namespace = self.inner.config.namespace.trim_end_matches(':');
        let name: SharedString = match namespace {
            "" => "default".into(),
            namespace => namespace.to_owned().into(),
        };
        label("cache", name)
    }
}

/// The totals by function. Each counter only grows; but a difference of two counters that are not read at the same
/// time may shrink for a moment, which [`::metrics::Counter::absolute`] ignores.
#[derive(Default)]
struct Functions {
    outcomes: [(&'static str, u64); 6],
    load_failures: u64,
    background_loads: u64,
    stale_on_error_hits: u64,
    timed_out: u64,
    shadow_hits: u64,
    compared: u64,
    mismatches: u64,
}

impl Functions {
    fn add(&mut self, stats: &CacheStats) {
        let stale = stats.stale_hits.saturating_sub(stats.stale_on_error_hits);
        let outcomes = [
            (
                "memory_hit",
                stats.memory_hits.saturating_sub(stats.stale_memory_hits),
            ),
            (
                "redis_hit",
                stats
                    .redis_hits
                    .saturating_sub(stale.saturating_sub(stats.stale_memory_hits)),
            ),
            ("stale", stale),
            ("coalesced", stats.coalesced),
            ("miss", stats.misses),
            ("bypass", stats.bypasses),
        ];
        for (sum, (outcome, count)) in self.outcomes.iter_mut().zip(outcomes) {
            *sum = (outcome, sum.1 + count);
        }
        self.load_failures += stats.load_failures;
        self.background_loads += stats.refreshes;
        self.stale_on_error_hits += stats.stale_on_error_hits;
        self.timed_out += stats.timed_out;
        self.shadow_hits += stats.shadow_hits;
        self.compared += stats.compared;
        self.mismatches += stats.mismatches;
    }

    fn publish(&self, function: &'static str) {
        let of = || vec![label("function", function)];
        for (outcome, count) in self.outcomes {
            let labels = vec![label("function", function), label("outcome", outcome)];
            counter!("cache_requests_total", labels).absolute(count);
        }
        counter!("cache_load_failures_total", of()).absolute(self.load_failures);
        counter!("cache_background_loads_total", of()).absolute(self.background_loads);
        counter!("cache_stale_on_error_hits_total", of()).absolute(self.stale_on_error_hits);
        counter!("cache_timed_out_total", of()).absolute(self.timed_out);
        counter!("cache_shadow_hits_total", of()).absolute(self.shadow_hits);
        counter!("cache_compared_total", of()).absolute(self.compared);
        counter!("cache_mismatch_total", of()).absolute(self.mismatches);
    }
}
