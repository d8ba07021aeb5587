//! The results of the measurement.

use std::time::Duration;

use serde::Serialize;

use crate::ctl::args::Bench;
use crate::ctl::bench::mix::{OPERATIONS, Operation};
use crate::ctl::bench::work::{Pair, Times};
use crate::ctl::histogram::Histogram;
use crate::ctl::place::Place;
use crate::ctl::table::Table;
use crate::ctl::units;

/// The length of the longest bar.
const BAR: u64 = 40;

/// The answer with `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    redis: String,
    seconds: f64,
    tasks: u16,
    keys: u32,
    value_bytes: u32,
    mix: String,
    /// Ctrl-C ended it early.
    interrupted: bool,
    /// Operations of the cache; beside each there were the plain commands.
    operations_total: u64,
    operations_per_second: f64,
    /// Of a hundred reads, how many found a value. Removals and writes make the rest.
    read_hit_percent: f64,
    operations: Vec<Row>,
    histogram: Vec<Octave>,
}

#[derive(Debug, Serialize)]
struct Row {
    operation: &'static str,
    count: u64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    max_us: f64,
    plain: &'static str,
    plain_p50_us: f64,
    plain_p99_us: f64,
    /// Of the medians.
    ratio: f64,
}

/// How many operations took less than this, and not less than the line before.
#[derive(Debug, Serialize)]
struct Octave {
    below_us: u64,
    cache: u64,
    plain: u64,
}

impl Report {
    pub(super) fn new(
        place: &Place,
        wanted: &Bench,
        times: &Times,
        took: Duration,
        interrupted: bool,
    ) -> Self {
        let mut all = Pair::default();
        for pair in times.all.values() {
            all.cache.merge(&pair.cache);
            all.plain.merge(&pair.plain);
        }
        let total = all.cache.count();
        let count = |operation: Operation| {
            times
                .all
                .get(operation.name())
                .map_or(0, |pair| pair.cache.count())
        };
        let reads = count(Operation::Read) + count(Operation::NearRead);
        Self {
            redis: place.target.to_string(),
            seconds: tenths(took.as_secs_f64()),
            tasks: wanted.tasks,
            keys: wanted.keys,
            value_bytes: wanted.bytes,
            mix: wanted.mix.clone(),
            interrupted,
            operations_total: total,
            operations_per_second: tenths(total as f64 / took.as_secs_f64().max(0.001)),
            read_hit_percent: tenths(times.hits as f64 * 100.0 / reads.max(1) as f64),
            operations: OPERATIONS
                .iter()
                .filter_map(|operation| Some((*operation, times.all.get(operation.name())?)))
                .filter(|(_, pair)| pair.cache.count() > 0)
                .map(|(operation, pair)| row(operation, pair))
                .collect(),
            histogram: octaves(&all),
        }
    }

    pub(super) fn text(&self) -> String {
        let mut table = Table::new(
            &[
                "OPERATION",
                "COUNT",
                "P50 µs",
                "P90 µs",
                "P99 µs",
                "MAX µs",
                "PLAIN COMMANDS",
                "P50 µs",
                "RATIO",
            ],
            &[1, 2, 3, 4, 5, 7, 8],
        );
        for row in &self.operations {
            table.row(vec![
                row.operation.to_owned(),
                units::number(row.count),
                whole(row.p50_us),
                whole(row.p90_us),
                whole(row.p99_us),
                whole(row.max_us),
                row.plain.to_owned(),
                whole(row.plain_p50_us),
                format!("{:.2}", row.ratio),
            ]);
        }
        let early = if self.interrupted {
            ", ended early by Ctrl-C"
        } else {
            ""
        };
        format!(
            "{}\n{} operations in {:.1} s, {} a second, with the plain commands beside them; {:.1} % of the reads found a value{early}\n\n{}",
            table.render(),
            units::number(self.operations_total),
            self.seconds,
            units::number(self.operations_per_second as u64),
            self.read_hit_percent,
            self.bars()
        )
    }

    fn bars(&self) -> String {
        let longest = self
            .histogram
            .iter()
            .map(|octave| octave.cache.max(octave.plain))
            .max();
        let longest = longest.unwrap_or(0).max(1);
        let bar = |count: u64| {
            let length = (count * BAR).div_ceil(longest);
            "█".repeat(usize::try_from(length).unwrap_or(0))
        };
        let mut table = Table::new(&["BELOW", "CACHE", "", "PLAIN", ""], &[0, 1, 3]);
        for octave in &self.histogram {
            let below = match octave.below_us {
                below @ 0..1_000 => format!("{below} µs"),
                below => format!("{:.1} ms", below as f64 / 1_000.0),
            };
            table.row(vec![
                below,
                units::number(octave.cache),
                bar(octave.cache),
                units::number(octave.plain),
                bar(octave.plain),
            ]);
        }
        table.render()
    }
}

fn row(operation: Operation, pair: &Pair) -> Row {
    let micros =
        |histogram: &Histogram, share| tenths(histogram.quantile(share).as_secs_f64() * 1e6);
    let (p50_us, plain_p50_us) = (micros(&pair.cache, 0.5), micros(&pair.plain, 0.5));
    Row {
        operation: operation.name(),
        count: pair.cache.count(),
        p50_us,
        p90_us: micros(&pair.cache, 0.9),
        p99_us: micros(&pair.cache, 0.99),
        max_us: tenths(pair.cache.longest().as_secs_f64() * 1e6),
        plain: operation.plain(),
        plain_p50_us,
        plain_p99_us: micros(&pair.plain, 0.99),
        ratio: (p50_us / plain_p50_us.max(0.1) * 1_000.0).round() / 1_000.0,
    }
}

fn octaves(all: &Pair) -> Vec<Octave> {
    let (cache, plain) = (all.cache.octaves(), all.plain.octaves());
    let mut ends: Vec<Duration> = cache.iter().chain(&plain).map(|(end, _)| *end).collect();
    ends.sort_unstable();
    ends.dedup();
    let count = |octaves: &[(Duration, u64)], end: Duration| {
        let found = octaves.iter().find(|(other, _)| *other == end);
        found.map_or(0, |(_, count)| *count)
    };
    ends.into_iter()
        .map(|end| Octave {
            below_us: u64::try_from(end.as_micros()).unwrap_or(u64::MAX),
            cache: count(&cache, end),
            plain: count(&plain, end),
        })
        .collect()
}

fn tenths(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

fn whole(figure: f64) -> String {
    match figure {
        small if small < 10.0 => format!("{small:.1}"),
        large => units::number(large.round() as u64),
    }
}
