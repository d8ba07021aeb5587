//! Takes the samples of the history.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use crate::cache::{Cache, Inner};
use crate::call::site;
use crate::local::memory::Memory;
use crate::outage::breaker::BreakerState;
use crate::redis::Tier;
use crate::telemetry::history::{Breaker, EVERY, Figures, Gauges, Sample, Times};

impl Cache {
    pub(super) fn turn_history(&self, on: bool) {
        let now = Instant::now();
        self.inner.history.turn(on, now, || self.sample());
        self.keep_sampling();
    }

    /// Has the history sampled every two seconds, by a task on the caller's runtime. If there is none, or if it ends later
    /// or is not driven, the next call of this starts the task; until then samples are only taken when the history is asked
    /// for.
    ///
    /// The task does not keep the cache alive, and ends with it.
    pub(crate) fn keep_sampling(&self) {
        let history = &self.inner.history;
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if history.is_on() {
            let cache = Arc::downgrade(&self.inner);
            let now = Instant::now();
            history.keep_sampling(now, || runtime.spawn(sample_often(cache)));
        }
    }

    /// Brings the history up to now.
    pub(crate) fn sample_now(&self) {
        let now = Instant::now();
        self.inner.history.take(now, || self.sample());
    }

    fn sample(&self) -> Sample {
        let inner = &self.inner;
        let tiers = || inner.shards.tiers();
        let mut redis = Times::default();
        tiers().for_each(|tier| redis.add(&Times::within(tier.times())));
        Sample {
            stats: self.stats(),
            loads: Times::within(&inner.counters.load_times),
            redis,
            gauges: self.gauges(),
            breakers: tiers().map(|tier| breaker(tier)).collect(),
            functions: functions(),
        }
    }

    fn gauges(&self) -> Gauges {
        let memories = || {
            let shards = self.inner.shards.all().iter();
            shards.map(|shard| &shard.local.memory)
        };
        let tiers = || self.inner.shards.tiers();
        let open = |tier: &&Arc<Tier>| tier.breaker_state() != BreakerState::Closed;
        Gauges {
            memory_entries: memories().map(Memory::len).sum::<usize>() as u64,
            memory_bytes: memories().map(Memory::weight).sum(),
            journal: tiers().map(|tier| tier.journal_len()).sum::<usize>() as u64,
            ledger: tiers().map(|tier| tier.ledger_len()).sum::<usize>() as u64,
            open: tiers().filter(open).count() as u64,
        }
    }
}

fn breaker(tier: &Tier) -> Breaker {
    Breaker {
        closed: tier.breaker_state() == BreakerState::Closed,
        closings: tier.breaker_transitions().closed,
    }
}

/// The figures of each function since the start. Two methods may have the same name.
fn functions() -> Vec<(&'static str, Figures)> {
    let mut by_name: BTreeMap<&'static str, Figures> = BTreeMap::new();
    for called in site::called() {
        let figures = Figures::new(&called.stats, called.times, Times::default());
        by_name.entry(called.name).or_default().add(&figures);
    }
    by_name.into_iter().collect()
}

async fn sample_often(cache: Weak<Inner>) {
    loop {
        let Some(due) = cache.upgrade().and_then(|inner| inner.history.due()) else {
            return;
        };
        // After a stall only the next sample is taken, not all that were missed.
        sleep_until(due.max(Instant::now() + EVERY / 8)).await;
        let Some(inner) = cache.upgrade() else { return };
        Cache { inner }.sample_now();
    }
}
