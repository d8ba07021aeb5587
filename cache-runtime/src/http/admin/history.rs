//! The JSON answers that tell of the last hours.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::cache::Cache;
use crate::telemetry::history::{self, Figures, Kind, Point, Range, Times};
use crate::telemetry::instance::Instance;

/// The figures of a range, slot by slot, and the events in it.
#[derive(Debug, Serialize)]
pub(super) struct History {
    instance: Instance,
    range: &'static str,
    /// The end of the range, in milliseconds since 1970; the last slot may begin before it and end after it.
    now_ms: u64,
    current: Period,
    /// `null` if the history does not reach back to the beginning of the period before the range.
    previous: Option<Period>,
    events: Vec<Event>,
}

#[derive(Debug, Serialize)]
struct Period {
    /// When the first slot begins.
    from_ms: u64,
    /// How long each slot is.
    step_ms: u64,
    totals: Totals,
    series: Series,
}

/// A value for each slot; `null` where nothing is known.
#[derive(Debug, Serialize)]
struct Series {
    #[serde(flatten)]
    counts: BTreeMap<&'static str, Vec<Option<u64>>>,
    #[serde(flatten)]
    times: BTreeMap<&'static str, Vec<Option<f64>>>,
}

/// The figures of a whole period.
#[derive(Debug, Serialize)]
pub(super) struct Totals {
    calls: u64,
    hits: u64,
    /// `null` without calls, as the times are without loads.
    hit_rate_percent: Option<f64>,
    #[serde(flatten)]
    counts: BTreeMap<&'static str, u64>,
    mean_load_ms: Option<f64>,
    #[serde(flatten)]
    times: BTreeMap<&'static str, Option<f64>>,
}

#[derive(Debug, Serialize)]
struct Event {
    at_ms: u64,
    what: &'static str,
    count: u64,
}

/// The figures of one function.
#[derive(Debug, Serialize)]
pub(super) struct FunctionPeriod {
    totals: Totals,
    previous: Option<Totals>,
    trend: Trend,
}

#[derive(Debug, Serialize)]
struct Trend {
    from_ms: u64,
    step_ms: u64,
    calls: Vec<u64>,
    misses: Vec<u64>,
    load_p95_ms: Vec<Option<f64>>,
}

/// The shares of durations that percentiles tell.
const PERCENTILES: [f64; 3] = [0.5, 0.95, 0.99];

const LOADS: [&str; 3] = ["load_p50_ms", "load_p95_ms", "load_p99_ms"];
const REDIS: [&str; 3] = ["redis_p50_ms", "redis_p95_ms", "redis_p99_ms"];

/// `None` if the cache keeps no history.
pub(super) fn history(cache: &Cache, range: Range) -> Option<History> {
    cache.sample_now();
    let view = cache.inner.history.view(range)?;
    let clock = Clock::at(view.now);
    let event = |event: &history::Event| Event {
        at_ms: clock.millis(event.at),
        what: event.what.name(),
        count: event.count,
    };
    Some(History {
        instance: cache.instance().clone(),
        range: range.name(),
        now_ms: clock.millis(view.now),
        current: period(&view.current, clock),
        previous: view.previous.as_ref().map(|before| period(before, clock)),
        events: view.events.iter().map(event).collect(),
    })
}

/// The same by the name of the function.
pub(super) fn functions(cache: &Cache, range: Range) -> BTreeMap<&'static str, FunctionPeriod> {
    cache.sample_now();
    let Some(now) = cache.inner.history.view(range).map(|view| view.now) else {
        return BTreeMap::new();
    };
    let clock = Clock::at(now);
    let functions = cache.inner.history.functions(range);
    let told = functions.into_iter().map(|function| {
        let period = FunctionPeriod {
            totals: Totals::of(&function.current.sum(), false),
            previous: (function.previous).map(|before| Totals::of(&before.sum(), false)),
            trend: trend(&function.current, clock),
        };
        (function.name, period)
    });
    told.collect()
}

fn period(period: &history::Period, clock: Clock) -> Period {
    let points = || period.points.iter().map(Option::as_ref);
    let mut counts = BTreeMap::new();
    let mut count = |name, of: &dyn Fn(&Point) -> u64| {
        counts.insert(name, points().map(|point| point.map(of)).collect());
    };
    for kind in Kind::ALL {
        count(kind.name(), &|point: &Point| point.figures.of(kind));
    }
    count("memory_entries", &|point| point.gauges.memory_entries);
    count("memory_bytes", &|point| point.gauges.memory_bytes);
    count("journal", &|point| point.gauges.journal);
    count("ledger", &|point| point.gauges.ledger);
    count("breakers_open", &|point| point.gauges.open);
    let mut times = BTreeMap::new();
    for (names, of) in timed() {
        for (name, share) in names.into_iter().zip(PERCENTILES) {
            let time = |point: Option<&Point>| percentile(of(&point?.figures), share);
            times.insert(name, points().map(time).collect());
        }
    }
    Period {
        from_ms: clock.millis(period.from),
        step_ms: millis(period.step),
        totals: Totals::of(&period.sum(), true),
        series: Series { counts, times },
    }
}

fn trend(period: &history::Period, clock: Clock) -> Trend {
    // Nothing is kept of a slot in which the function was not called.
    let figures = || {
        let points = period.points.iter();
        points.map(|point| point.as_ref().map(|point| &point.figures))
    };
    let count = |of: fn(&Figures) -> u64| figures().map(|of_slot| of_slot.map_or(0, of)).collect();
    let p95 = |figures: Option<&Figures>| percentile(&figures?.loads, 0.95);
    Trend {
        from_ms: clock.millis(period.from),
        step_ms: millis(period.step),
        calls: count(Figures::calls),
        misses: count(|figures| figures.of(Kind::Misses) + figures.of(Kind::Bypasses)),
        load_p95_ms: figures().map(p95).collect(),
    }
}

impl Totals {
    /// `redis`: with the percentiles of operations of Redis, which are not counted by function.
    fn of(figures: &Figures, redis: bool) -> Self {
        let counts = Kind::ALL.map(|kind| (kind.name(), figures.of(kind)));
        let timed = timed().into_iter().take(if redis { 2 } else { 1 });
        Self {
            calls: figures.calls(),
            hits: figures.hits(),
            hit_rate_percent: figures.hit_rate_percent(),
            counts: counts.into(),
            mean_load_ms: figures.mean_load().map(in_millis),
            times: timed
                .flat_map(|(names, of)| percentiles(names, of(figures)))
                .collect(),
        }
    }
}

type Timed = ([&'static str; 3], fn(&Figures) -> &Times);

fn timed() -> [Timed; 2] {
    [
        (LOADS, |figures| &figures.loads),
        (REDIS, |figures| &figures.redis),
    ]
}

fn percentiles(names: [&'static str; 3], times: &Times) -> [(&'static str, Option<f64>); 3] {
    let mut shares = PERCENTILES.into_iter();
    names.map(|name| (name, percentile(times, shares.next().unwrap_or(1.0))))
}

/// The percentiles of everything since the start, for the counters.
pub(super) fn percentiles_of_loads(times: &Times) -> BTreeMap<&'static str, Option<f64>> {
    percentiles(LOADS, times).into()
}

/// The same of operations of Redis.
pub(super) fn percentiles_of_redis(times: &Times) -> BTreeMap<&'static str, Option<f64>> {
    percentiles(REDIS, times).into()
}

fn percentile(times: &Times, share: f64) -> Option<f64> {
    times.quantile(share).map(in_millis)
}

fn in_millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1_000.0
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Tells times of the history by the clock of the machine.
#[derive(Clone, Copy)]
struct Clock {
    now: Duration,
    since_1970: Duration,
}

impl Clock {
    /// `now`: the present, counted from the beginning of the history.
    fn at(now: Duration) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            now,
            since_1970: since_1970.unwrap_or_default(),
        }
    }

    fn millis(self, time: Duration) -> u64 {
        millis((self.since_1970 + time).saturating_sub(self.now))
    }
}
