//! What writes make of a cache: 98 % reads, 2 % writes, and several ways to cache the same lists.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bench_parts::chart::{Bar, Chart, Panel, Scale};
use bench_parts::client::Connection;
use bench_parts::figures::{median, median_time, percentile, rounds_of, time, whole};
use bench_parts::part::{Part, Picture};
use bench_parts::random::{Random, Zipf};
use bench_parts::table::{NOT_OFFERED, Table};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::ask::{Ask, Outcome, Sessions};
use crate::database::{CHANGED, Databases, JOB_BOARD};
use crate::options::Bench;
use crate::report::{few, percent};
use crate::service::{Mode, Service, Start};
use crate::variants::CATEGORIES;

const CALLERS: u64 = 8;
/// Pages of each category, and of all of them together.
const PAGES: u32 = 20;
/// In percent.
const WRITES: u64 = 2;

struct Variant {
    name: &'static str,
    /// As on the command line of `serve`.
    id: &'static str,
    mode: Mode,
    writes: u64,
    /// How old a list may be.
    age: &'static str,
}

const VARIANTS: [Variant; 9] = [
    Variant::new("no cache, no writes", "plain", Mode::Off, 0, NONE),
    Variant::new("plain, no writes", "plain", Mode::Memory, 0, NONE),
    Variant::new("no cache", "plain", Mode::Off, WRITES, NONE),
    Variant::new(
        "plain: a write clears all lists",
        "plain",
        Mode::Memory,
        WRITES,
        NONE,
    ),
    Variant::new("the same with `stale`", "stale", Mode::Memory, WRITES, NONE),
    Variant::new(
        "the same with `stale` and `soft_timeout`",
        "soft",
        Mode::Memory,
        WRITES,
        NONE,
    ),
    Variant::new(
        "finer tags: a write clears its category",
        "finer",
        Mode::Memory,
        WRITES,
        NONE,
    ),
    Variant::new(
        "no removal: `ttl = \"1s\"`, `stale_on_error`, `soft_timeout`",
        "aged-soft",
        Mode::Memory,
        WRITES,
        "1 s, or up to 11 s where the load takes more than 2 ms",
    ),
    Variant::new(
        "no removal: `ttl = \"1s\"`, `stale`",
        "aged",
        Mode::Memory,
        WRITES,
        "1 s, at the first request after that up to 11 s",
    ),
];

const NONE: &str = "never outdated";

impl Variant {
    const fn new(
        name: &'static str,
        id: &'static str,
        mode: Mode,
        writes: u64,
        age: &'static str,
    ) -> Self {
        Self {
            name,
            id,
            mode,
            writes,
            age,
        }
    }
}

#[derive(Clone, Copy)]
struct Run {
    per_second: f64,
    p50: Duration,
    p99: Duration,
    hits: f64,
    statements_for_100: f64,
}

pub(crate) async fn run(bench: &Bench, databases: &Databases) -> Part {
    let path = databases.path("job-board");
    let mut runs: Vec<Vec<Run>> = VARIANTS.iter().map(|_| Vec::new()).collect();
    for _ in 0..few(bench) {
        for (variant, runs) in VARIANTS.iter().zip(&mut runs) {
            let start = Start {
                what: variant.id,
                database: &path,
                mode: variant.mode,
                settings: &[],
                round_trip: Duration::ZERO,
                pinned: bench.pinned(),
            };
            runs.push(one(variant, start.start(), bench).await);
        }
    }
    let runs: Vec<Run> = runs.iter().map(|runs| medians(runs)).collect();
    report(&runs, bench)
}

fn spans(quick: bool) -> (Duration, Duration) {
    match quick {
        true => (Duration::from_millis(50), Duration::from_millis(150)),
        false => (Duration::from_secs(1), Duration::from_secs(3)),
    }
}

async fn one(variant: &Variant, service: Service, bench: &Bench) -> Run {
    let (warm_up, measured) = spans(bench.quick);
    let from = Instant::now() + warm_up;
    let until = from + measured;
    let ranks = Arc::new(Zipf::over((CATEGORIES.len() as u32 + 1) * PAGES));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (ranks, writes, address) = (ranks.clone(), variant.writes, service.address);
        callers.spawn(async move {
            let connection = Connection::open(address).await;
            let mut connection = connection.expect("a connection");
            let mut random = Random::new(1 + caller);
            let mut came = Vec::new();
            loop {
                let ask = request(&ranks, &mut random, writes);
                let began = Instant::now();
                if began >= until {
                    return came;
                }
                let bytes = Sessions::default().bytes(&ask);
                let outcome = Outcome::of(&mut connection, &bytes).await;
                assert!(outcome != Outcome::Failed, "a request failed");
                if began >= from {
                    came.push((ask.write, began.elapsed(), outcome));
                }
            }
        });
    }
    sleep(from.saturating_duration_since(Instant::now())).await;
    let before = service.statements().await;
    let came: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    let statements = service.statements().await - before;
    let mut times: Vec<Duration> = came.iter().map(|(_, took, _)| *took).collect();
    times.sort();
    let reads = came.iter().filter(|(write, ..)| !write);
    let hits = reads
        .clone()
        .filter(|(.., outcome)| *outcome == Outcome::Hit);
    Run {
        per_second: came.len() as f64 / measured.as_secs_f64(),
        p50: percentile(&times, 50),
        p99: percentile(&times, 99),
        hits: 100.0 * hits.count() as f64 / reads.count().max(1) as f64,
        statements_for_100: 100.0 * statements as f64 / came.len().max(1) as f64,
    }
}

fn request(ranks: &Zipf, random: &mut Random, writes: u64) -> Ask {
    if random.below(100) < writes {
        let id = 1 + random.below(u64::from(CHANGED));
        return Ask::write("POST", format!("/jobs/{id}"), "");
    }
    let rank = ranks.draw(random);
    let kinds = CATEGORIES.len() as u32 + 1;
    let category = CATEGORIES.get((rank % kinds) as usize);
    let skip = rank / kinds * 20;
    Ask::get(format!("/lists/{}/{skip}", category.unwrap_or(&"all")))
}

fn medians(runs: &[Run]) -> Run {
    let figure = |of: fn(&Run) -> f64| median(runs.iter().map(of).collect());
    Run {
        per_second: figure(|run| run.per_second),
        p50: median_time(runs.iter().map(|run| run.p50)),
        p99: median_time(runs.iter().map(|run| run.p99)),
        hits: figure(|run| run.hits),
        statements_for_100: figure(|run| run.statements_for_100),
    }
}

/// The place of the variant that another is compared with: the one without a cache, and with as many writes.
fn base(variant: &Variant) -> usize {
    if variant.writes == 0 { 0 } else { 2 }
}

fn report(runs: &[Run], bench: &Bench) -> Part {
    let mut table = Table::new(&[
        "",
        "requests/s",
        "of no cache",
        "p50",
        "p99",
        "hit rate",
        "statements for 100 requests",
        "how old may a list be",
    ]);
    for (variant, run) in VARIANTS.iter().zip(runs) {
        table.row(vec![
            variant.name.to_owned(),
            whole(run.per_second),
            format!("{:.1}", run.per_second / runs[base(variant)].per_second),
            time(run.p50),
            time(run.p99),
            match variant.mode {
                Mode::Off => NOT_OFFERED.to_owned(),
                _ => percent(run.hits),
            },
            whole(run.statements_for_100),
            variant.age.to_owned(),
        ]);
    }
    Part {
        title: "Writes that clear lists".to_owned(),
        text: text(bench),
        pictures: vec![Picture::bars("systems-writes", &chart(runs))],
        tables: vec![(String::new(), table)],
        verdicts: verdicts(runs),
        notes: vec![
            "`stale` and `soft_timeout` serve values that have *expired*. A value that was removed is never served, so neither \
             of them changes what a removal costs; they help only those who do not remove."
                .to_owned(),
            "The rows without removal serve what writes have made wrong, for as long as the last column says. For lists of \
             which nobody expects to see the latest second this is the cheapest way; `near`, `early` and `jitter` change \
             nothing here."
                .to_owned(),
        ],
    }
}

fn text(bench: &Bench) -> String {
    let (warm_up, measured) = spans(bench.quick);
    format!(
        "The lists of the job board's database ({},000 jobs): {PAGES} pages of each of seven categories, and of all jobs, read by \
         Zipf's law. {CALLERS} callers send one request after the other, {WRITES} % of them writes: each changes a job and removes \
         lists, in memory. `benches/systems/src/variants.rs` has the functions. {} of {:.1} s after {:.1} s of warm-up, each with \
         a new process.",
        5 * JOB_BOARD,
        rounds_of(few(bench)),
        measured.as_secs_f64(),
        warm_up.as_secs_f64()
    )
}

fn verdicts(runs: &[Run]) -> Vec<String> {
    let times = |place: usize| runs[place].per_second / runs[base(&VARIANTS[place])].per_second;
    vec![
        format!(
            "Without writes the cache answers {:.1} times as many requests as no cache. With {WRITES} % writes that clear all \
             lists it is {:.1} times, with finer tags {:.1} times, and without removals {:.1} times.",
            times(1),
            times(3),
            times(6),
            times(8)
        ),
        format!(
            "The p99 with {WRITES} % writes: {} without a cache, {} where a write clears all lists, {} with finer tags, {} \
             without removals.",
            time(runs[2].p99),
            time(runs[3].p99),
            time(runs[6].p99),
            time(runs[8].p99)
        ),
    ]
}

fn chart(runs: &[Run]) -> Chart {
    let bars = VARIANTS.iter().zip(runs).map(|(variant, run)| {
        let times = run.per_second / runs[base(variant)].per_second;
        Bar {
            name: SHORT[VARIANTS
                .iter()
                .position(|one| std::ptr::eq(one, variant))
                .unwrap_or(0)]
            .to_owned(),
            value: run.per_second,
            label: format!("{} · {times:.1} times", whole(run.per_second)),
            ours: variant.mode != Mode::Off,
        }
    });
    Chart {
        title: "Writes that clear lists".to_owned(),
        panels: vec![Panel {
            title: "requests a second, and compared with no cache".to_owned(),
            scale: Scale::Linear,
            bars: bars.collect(),
        }],
    }
}

/// The variants as the picture names them.
const SHORT: [&str; 9] = [
    "no cache, no writes",
    "plain, no writes",
    "no cache",
    "plain",
    "stale",
    "stale, soft_timeout",
    "finer tags",
    "no removal, soft_timeout",
    "no removal, stale",
];
