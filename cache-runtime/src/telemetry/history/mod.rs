//! The figures of the last two days, for operators: sampled every two seconds, kept at falling resolution, bounded.
//!
//! Nothing here is touched by a call. A sample reads the counters that calls have bumped, and what was counted since the
//! last one is added to a ring for each range: slots of 10 s for the last half an hour, of 30 s for 2 hours, of 3 min for
//! 12 hours and of 10 min for 48 hours, so that a range and the period before it are kept. If samples come late, their
//! counts are spread evenly over the time since the last one, so no ring loses or doubles a count. Time is tokio's clock;
//! wall-clock times of answers are computed when they are given.
//!
//! Memory: of the whole cache 948 slots, of each of the first [`FUNCTIONS`] functions those of 528 slots in which it
//! was called, and 500 events. A slot takes some 350 bytes: less than half a megabyte in all, and up to 180 kB for each
//! function that is called all the time, so 23 MB if there are 128 of them.

mod events;
mod figures;
mod range;
mod ring;
mod series;
mod stretch;
mod times;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use self::events::{Event, Events, Happened};
pub(crate) use self::figures::{Figures, Gauges, Kind};
pub(crate) use self::range::{FUNCTION, Range, WHOLE};
pub(crate) use self::ring::{Point, Resolution, Ring};
pub(crate) use self::series::{Period, Series};
pub(crate) use self::stretch::Stretch;
pub(crate) use self::times::Times;
use crate::telemetry::stats::CacheStats;

/// The time between two samples.
pub(crate) const EVERY: Duration = Duration::from_secs(2);

/// The number of functions that have a history of their own.
const FUNCTIONS: usize = 128;

/// The history of a cache.
#[derive(Debug, Default)]
pub(crate) struct History {
    on: AtomicBool,
    kept: Mutex<Option<Kept>>,
    /// The task that takes samples.
    sampler: Mutex<Option<JoinHandle<()>>>,
}

/// Everything that a sample reads: counters since the start, and what stands now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) stats: CacheStats,
    /// How long bodies and operations of Redis took.
    pub(crate) loads: Times,
    pub(crate) redis: Times,
    pub(crate) gauges: Gauges,
    /// The breaker of each part of the cache.
    pub(crate) breakers: Vec<Breaker>,
    pub(crate) functions: Vec<(&'static str, Figures)>,
}

/// The breaker of a part of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Breaker {
    pub(crate) closed: bool,
    /// How often it was closed until now.
    pub(crate) closings: u64,
}

/// What the history says of a range.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// The time of the latest sample, and of everything else here, is counted from the beginning of the history.
    pub(crate) now: Duration,
    pub(crate) current: Period,
    /// The period before it; `None` if the history begins later.
    pub(crate) previous: Option<Period>,
    pub(crate) events: Vec<Event>,
}

/// What the history says of a function.
#[derive(Clone, Debug)]
pub(crate) struct FunctionView {
    pub(crate) name: &'static str,
    pub(crate) current: Period,
    pub(crate) previous: Option<Period>,
}

#[derive(Debug)]
struct Kept {
    began: Instant,
    /// When the last sample was taken, and what it read.
    sampled: Duration,
    last: Sample,
    whole: Series,
    functions: HashMap<&'static str, (Series, Figures)>,
    events: Events,
}

impl History {
    /// Begins with a first sample, or stops and forgets everything.
    pub(crate) fn turn(&self, on: bool, now: Instant, first: impl FnOnce() -> Sample) {
        let mut kept = self.kept.lock();
        self.on.store(on, Relaxed);
        if !on {
            *kept = None;
        } else if kept.is_none() {
            *kept = Some(Kept::new(now, first()));
        }
        drop(kept);
        if !on && let Some(sampler) = self.sampler.lock().take() {
            sampler.abort();
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// Has the sampler started by `spawn`, unless it is running. One that is late is on a runtime that nobody drives: it is
    /// replaced.
    pub(crate) fn keep_sampling(&self, now: Instant, spawn: impl FnOnce() -> JoinHandle<()>) {
        let is_late = self.due().is_some_and(|due| due + 3 * EVERY < now);
        let mut sampler = self.sampler.lock();
        let running = sampler.as_ref().filter(|task| !task.is_finished());
        if running.is_some() && !is_late {
            return;
        }
        if let Some(late) = sampler.replace(spawn()) {
            late.abort();
        }
    }

    /// When the next sample is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        let kept = self.kept.lock();
        let kept = kept.as_ref()?;
        let steps = kept.sampled.as_secs() / EVERY.as_secs() + 1;
        Some(kept.began + EVERY * u32::try_from(steps).unwrap_or(u32::MAX))
    }

    /// Adds what has changed since the last sample.
    pub(crate) fn take(&self, now: Instant, sample: impl FnOnce() -> Sample) {
        if let Some(kept) = &mut *self.kept.lock() {
            // Read under the lock, so that of two samples the later one has the larger counts.
            kept.take(now, sample());
        }
    }

    /// Adds an event that no counter tells of.
    pub(crate) fn note(&self, now: Instant, what: Happened) {
        if self.is_on()
            && let Some(kept) = &mut *self.kept.lock()
        {
            let at = now.saturating_duration_since(kept.began);
            kept.events.note(at, what, 1);
        }
    }

    /// The range that ends with the latest sample; `None` if there is no history.
    pub(crate) fn view(&self, range: Range) -> Option<View> {
        let kept = self.kept.lock();
        let kept = kept.as_ref()?;
        let (current, previous) = kept.whole.look(range, kept.sampled);
        let since = kept.sampled.saturating_sub(range.length());
        Some(View {
            now: kept.sampled,
            current,
            previous,
            events: kept.events.since(since),
        })
    }

    /// The same for each function that has a history of its own.
    pub(crate) fn functions(&self, range: Range) -> Vec<FunctionView> {
        let kept = self.kept.lock();
        let Some(kept) = kept.as_ref() else {
            return Vec::new();
        };
        let view = |(name, (series, _)): (&&'static str, &(Series, Figures))| {
            let (current, previous) = series.look(range, kept.sampled);
            FunctionView {
                name,
                current,
                previous,
            }
        };
        kept.functions.iter().map(view).collect()
    }
}

impl Kept {
    fn new(began: Instant, first: Sample) -> Self {
        let mut kept = Self {
            began,
            sampled: Duration::ZERO,
            whole: Series::new(&WHOLE),
            functions: HashMap::new(),
            events: Events::default(),
            last: Sample::default(),
        };
        for (name, figures) in first.functions.iter().take(FUNCTIONS) {
            kept.function(name).1 = figures.clone();
        }
        kept.last = first;
        kept
    }

    fn function(&mut self, name: &'static str) -> &mut (Series, Figures) {
        let new = || (Series::new(&FUNCTION), Figures::default());
        self.functions.entry(name).or_insert_with(new)
    }

    fn take(&mut self, now: Instant, sample: Sample) {
        let now = now.saturating_duration_since(self.began).max(self.sampled);
        let counted = sample.figures().since(&self.last.figures());
        self.whole.add(self.sampled, now, &counted, sample.gauges);
        let from = self.sampled;
        for (name, figures) in &sample.functions {
            if self.functions.len() >= FUNCTIONS && !self.functions.contains_key(name) {
                continue;
            }
            let (series, last) = self.function(name);
            let counted = figures.since(last);
            if !counted.are_zero() {
                series.add(from, now, &counted, Gauges::default());
            }
            series.expire(now);
            *last = figures.clone();
        }
        self.happened(now, &sample);
        self.sampled = now;
        self.last = sample;
    }

    /// The events that the counters of two samples show.
    fn happened(&mut self, now: Duration, sample: &Sample) {
        let (before, events) = (&self.last, &mut self.events);
        let grown =
            |of: fn(&CacheStats) -> u64| of(&sample.stats).saturating_sub(of(&before.stats));
        let (opened, closed, reopened) = changes(&before.breakers, &sample.breakers);
        events.note(
            now,
            Happened::LedgerLost,
            grown(|stats| stats.ledger_losses),
        );
        events.note(
            now,
            Happened::LedgerFolded,
            grown(|stats| stats.ledger_folds),
        );
        events.note(now, Happened::WorkShed, grown(|stats| stats.shed));
        events.note(now, Happened::BreakerOpened, opened);
        events.note(now, Happened::BreakerClosed, closed);
        events.note(now, Happened::BreakerOpened, reopened);
        let queued = grown(|stats| stats.queued);
        events.note(now, Happened::RemovalsQueued, queued);
        let waited = before.gauges.journal > 0 || queued > 0;
        let replayed = waited && sample.gauges.journal == 0;
        events.note(now, Happened::JournalReplayed, u64::from(replayed));
    }
}

impl Sample {
    fn figures(&self) -> Figures {
        Figures::new(&self.stats, self.loads.clone(), self.redis.clone())
    }
}

/// How many breakers have left the closed state, how many were closed then or in the first place, and how many have left it
/// again.
fn changes(before: &[Breaker], now: &[Breaker]) -> (u64, u64, u64) {
    if before.len() != now.len() {
        // The cache was divided: these are others.
        return (0, 0, 0);
    }
    let mut sums = (0, 0, 0);
    for (before, now) in before.iter().zip(now) {
        let closings = now.closings.saturating_sub(before.closings);
        let openings = (closings + u64::from(before.closed)).saturating_sub(u64::from(now.closed));
        let first = u64::from(before.closed).min(openings);
        sums.0 += first;
        sums.1 += closings;
        sums.2 += openings - first;
    }
    sums
}

#[cfg(test)]
mod tests;
