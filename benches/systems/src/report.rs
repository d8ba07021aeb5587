//! The page: what was measured, on what, and how to run it; then a part for each system.

use std::time::Duration;

use bench_parts::chart::{Bar, Chart, Panel, Scale};
use bench_parts::figures::{median, median_time, rounds_of, time, whole};
use bench_parts::machine;
use bench_parts::open_loop::PATIENCE;
use bench_parts::part::{Part, Picture};
use bench_parts::redis_server::RedisServer;
use bench_parts::table::{NOT_OFFERED, Table};

use crate::database::Databases;
use crate::load::{self, Run};
use crate::options::Bench;
use crate::over_time::{self, Counts, Times};
use crate::rows::{self, Sitting};
use crate::service::{Mode, Start};
use crate::systems::{Row, System};

/// Everything above the first table.
pub(crate) fn head(bench: &Bench) -> String {
    let pinned = match bench.pinned() {
        true => {
            "The service has one core and one worker thread; the client and Redis share a second core."
        }
        false => "The service, the client and Redis share all cores.",
    };
    let busy = match bench.busy {
        _ if bench.quick => {
            " **This is a short run over small tables**, which shows that the program works, and nothing else."
        }
        true => {
            " **This run was made on a machine busy with other work**, so its times are longer than they need be, and the \
             ratios rougher. The command repeats it."
        }
        false => "",
    };
    let (all, fewer) = (rounds_of(bench.rounds), rounds_of(few(bench)));
    let rounds = match all == fewer {
        true => all,
        false => format!("{all} or, where it says so, of {fewer}"),
    };
    format!(
        "# The examples under load\n\n\
         Each example of this repository, with and without its cache, measured over HTTP in one run of \
         [`benches/systems`](../../benches/systems/README.md). The examples follow descriptions of production systems; what these \
         report of themselves is in the columns *they report*, with the ratio in brackets. *Ratio* is ours: without the cache, divided \
         by a hit in memory. It is larger than theirs for a reason that is not the cache's: client and service are on one machine \
         here, and the way over a network, which is in both of their figures, is in neither of ours. Compare it with the ratio of \
         another cache on this machine ([http.md](http.md)), and theirs with what your network leaves of it.\n\n\
         The services run as they are: the example's own router, in a process of its own, over its own SQLite file with more \
         rows. Queries take the time that SQLite needs; nothing sleeps, except where a table says so. *Without* is the same \
         program with `CACHE_ENABLED=off`. All columns are measured in turn, round after round, and the figures are medians \
         of {rounds}. {pinned}{busy}\n\n\
         ```console\n$ cargo run --release -p systems\n```\n\n\
         Machine: {}. Redis {}, {}.",
        machine::description(),
        RedisServer::start().version(),
        machine::first_words("rustc", "--version", 2),
    )
}

/// Rounds of what takes long.
pub(crate) fn few(bench: &Bench) -> usize {
    bench.rounds.min(3)
}

const SAT: [Mode; 3] = [Mode::Off, Mode::Memory, Mode::RedisAlone];
const LOADED: [Mode; 3] = [Mode::Off, Mode::Memory, Mode::Redis];

/// All that is measured of a system.
struct Measured {
    /// For each mode of [`SAT`].
    near: Vec<Vec<Sitting>>,
    far: Vec<Vec<Sitting>>,
    /// For each rate and each mode of [`LOADED`].
    loads: [Vec<Run>; 2],
    counts: Counts,
}

pub(crate) async fn part(system: &System, bench: &Bench, databases: &Databases) -> Part {
    let measured = measure(system, bench, databases).await;
    let times = Times::of(bench.quick);
    let every: Vec<&Row> = system.rows.iter().collect();
    let mut tables = vec![(
        "One request after the other:".to_owned(),
        table_of_rows(&every, &measured.near),
    )];
    if let Some((round_trip, rows)) = &system.far {
        let line = format!(
            "The same with an artificial round trip of {} ms to the database:",
            round_trip.as_millis()
        );
        tables.push((line, table_of_rows(&pick(system, rows), &measured.far)));
    }
    tables.push((
        "Together, and in sum:".to_owned(),
        table_of_sums(system, &measured, &times),
    ));
    tables.push((
        format!(
            "Open load: requests come at a fixed rate, one in {} of them a write, and each answer counts from the time at which \
             its request was due. A request has *failed* if its status is not 2xx, or if nothing has come after {} s. {} s after {} \
             requests that have filled the cache, {}:",
            whole(system.reads_for_a_write as f64),
            PATIENCE.as_secs(),
            load::measured(bench.quick).as_secs_f64(),
            whole(f64::from(load::warm_up(bench.quick))),
            rounds_of(few(bench))
        ),
        table_of_loads(system, &measured.loads),
    ));
    let timeline = over_time::picture(system, &measured.counts, &times);
    Part {
        title: system.title.to_owned(),
        text: system.text.clone(),
        pictures: vec![
            Picture::bars(
                &format!("systems-{}", system.id),
                &bars(system, &measured.near),
            ),
            Picture::over_time(&format!("systems-{}-time", system.id), &timeline),
        ],
        tables,
        verdicts: verdicts(system, &measured, &times),
        notes: Vec::new(),
    }
}

async fn measure(system: &System, bench: &Bench, databases: &Databases) -> Measured {
    let path = databases.path(system.id);
    let start = Start {
        what: system.id,
        database: &path,
        mode: Mode::Off,
        settings: &[],
        round_trip: Duration::ZERO,
        pinned: bench.pinned(),
    };
    let every: Vec<&Row> = system.rows.iter().collect();
    let mut near: Vec<Vec<Sitting>> = SAT.iter().map(|_| Vec::new()).collect();
    let mut far: Vec<Vec<Sitting>> = SAT.iter().map(|_| Vec::new()).collect();
    for _ in 0..bench.rounds {
        for (place, mode) in SAT.into_iter().enumerate() {
            let start = Start { mode, ..start };
            near[place].push(rows::sit(system, start, &every, bench).await);
            if let Some((round_trip, rows)) = system.far {
                let start = Start {
                    round_trip,
                    ..start
                };
                far[place].push(rows::sit(system, start, &pick(system, rows), bench).await);
            }
        }
    }
    let mut loads: Vec<Vec<Vec<Run>>> = vec![vec![Vec::new(); LOADED.len()]; system.rates.len()];
    let mut counts = Counts::none(system, &Times::of(bench.quick));
    for round in 0..few(bench) {
        for (which, rate) in system.rates.into_iter().enumerate() {
            for (place, mode) in LOADED.into_iter().enumerate() {
                let start = Start { mode, ..start };
                loads[which][place].push(load::run(system, start, rate, bench).await);
            }
        }
        over_time::run(system, start, bench, round, &mut counts).await;
    }
    let medians = |modes: &Vec<Vec<Run>>| modes.iter().map(|runs| load::medians(runs)).collect();
    Measured {
        near,
        far,
        loads: [medians(&loads[0]), medians(&loads[1])],
        counts,
    }
}

fn pick<'a>(system: &'a System, rows: &[usize]) -> Vec<&'a Row> {
    rows.iter()
        .filter_map(|row| system.rows.get(*row))
        .collect()
}

/// Without the cache each request is like the first.
fn without(sittings: &[Vec<Sitting>], row: usize) -> Duration {
    let times = sittings[0].iter().flat_map(|sitting| {
        let both = [&sitting.first, &sitting.again];
        both.into_iter().filter_map(move |times| times.get(row))
    });
    median_time(times.flatten().copied())
}

fn hit(sittings: &[Sitting], row: usize) -> Duration {
    rows::median_of(sittings, row, |sitting| &sitting.again)
}

fn ratio(before: f64, after: f64) -> String {
    let ratio = before / after;
    match ratio {
        _ if !ratio.is_finite() => NOT_OFFERED.to_owned(),
        _ if ratio < 9.95 => format!("{ratio:.1}"),
        _ => format!("{ratio:.0}"),
    }
}

fn table_of_rows(rows: &[&Row], sittings: &[Vec<Sitting>]) -> Table {
    let mut table = Table::new(&[
        "",
        "they report",
        "without",
        "miss",
        "hit in Redis",
        "hit in memory",
        "ratio",
    ]);
    for (place, row) in rows.iter().enumerate() {
        let before = without(sittings, place);
        let miss = rows::median_of(&sittings[1], place, |sitting| &sitting.first);
        let after = hit(&sittings[1], place);
        let cached = |cell: String| match row.uncached {
            true => NOT_OFFERED.to_owned(),
            false => cell,
        };
        table.row(vec![
            row.name.to_owned(),
            row.theirs.to_owned(),
            time(before),
            cached(time(miss)),
            cached(time(hit(&sittings[2], place))),
            cached(time(after)),
            cached(ratio(before.as_secs_f64(), after.as_secs_f64())),
        ]);
    }
    table
}

fn table_of_sums(system: &System, measured: &Measured, times: &Times) -> Table {
    let mut table = Table::new(&[
        "",
        "they report",
        "without",
        "in memory",
        "with Redis",
        "ratio",
    ]);
    let mut add = |name: String, theirs: &str, figures: [f64; 3], write: fn(f64) -> String| {
        let mut cells = vec![name, theirs.to_owned()];
        cells.extend(figures.map(write));
        cells.push(ratio(figures[0], figures[1]));
        table.row(cells);
    };
    let sat = |of: fn(&Sitting) -> f64| {
        [0, 1, 2].map(|mode| median(measured.near[mode].iter().map(of).collect()))
    };
    let seconds = |figure: f64| time(Duration::from_secs_f64(figure));
    let number = |figure: f64| match figure {
        _ if figure < 10.0 && figure.fract() > 0.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    };
    add(
        "ten at once for a new page: the last answer".to_owned(),
        system.theirs.together,
        sat(|sitting| sitting.together.0.as_secs_f64()),
        seconds,
    );
    add(
        "ten at once for a new page: statements".to_owned(),
        NOT_OFFERED,
        sat(|sitting| sitting.together.1 as f64),
        number,
    );
    add(
        "statements for 100 requests of one page".to_owned(),
        system.theirs.one_page,
        sat(|sitting| sitting.one_page as f64),
        number,
    );
    let [calm, rush] = &measured.loads;
    // At the higher rate the service without the cache answers too few to be compared.
    add(
        format!(
            "statements for 100 requests of the mix, {} a second",
            system.rates[0]
        ),
        system.theirs.mix,
        [0, 1, 2].map(|mode| calm[mode].statements_for_100),
        number,
    );
    let rate = |name: String, cells: [String; 2]| {
        let [memory, redis] = cells;
        let none = NOT_OFFERED.to_owned();
        vec![
            name,
            system.theirs.hit_rate.to_owned(),
            none.clone(),
            memory,
            redis,
            none,
        ]
    };
    let cells = [1, 2].map(|mode| percent(rush[mode].hits));
    table.row(rate(
        format!("hit rate of the mix, {} a second", system.rates[1]),
        cells,
    ));
    table.row(rate(
        format!(
            "hit rate with all TTLs at {} s, as drawn above",
            times.lifetime.as_secs_f64()
        ),
        [
            percent(measured.counts.hit_rate(times)),
            NOT_OFFERED.to_owned(),
        ],
    ));
    table
}

pub(crate) fn percent(share: f64) -> String {
    format!("{share:.1} %")
}

fn table_of_loads(system: &System, loads: &[Vec<Run>; 2]) -> Table {
    let mut table = Table::new(&["", "requests/s", "p50", "p99", "slowest", "failed"]);
    for (rate, modes) in system.rates.iter().zip(loads) {
        for (mode, run) in LOADED.iter().zip(modes) {
            table.row(vec![
                mode.name().to_owned(),
                rate.to_string(),
                time(run.p50),
                time(run.p99),
                time(run.slowest),
                percent(run.failed),
            ]);
        }
    }
    table
}

fn bars(system: &System, sittings: &[Vec<Sitting>]) -> Chart {
    let panels = system.rows.iter().enumerate();
    let panels = panels.filter(|(_, row)| !row.uncached).map(|(place, row)| {
        let bar = |name: &str, took: Duration, ours| Bar {
            name: name.to_owned(),
            value: took.as_secs_f64() * 1e4, // so that the axis begins at 10 µs
            label: time(took),
            ours,
        };
        Panel {
            title: row.name.replace('`', ""),
            scale: Scale::LogarithmicTo(1e4),
            bars: vec![
                bar("without the cache", without(sittings, place), false),
                bar("hit in Redis", hit(&sittings[2], place), true),
                bar("hit in memory", hit(&sittings[1], place), true),
            ],
        }
    });
    Chart {
        title: format!(
            "{}: a request, on a logarithmic scale from 10 µs to 1 s",
            system.title
        ),
        panels: panels.collect(),
    }
}

fn verdicts(system: &System, measured: &Measured, times: &Times) -> Vec<String> {
    let [calm, rush] = &measured.loads;
    let rate = system.rates[1];
    vec![
        format!(
            "At {rate} requests a second {} of the requests fail without the cache; its p99 is {}, in memory {}, and with Redis {}.",
            percent(rush[0].failed),
            time(rush[0].p99),
            time(rush[1].p99),
            time(rush[2].p99)
        ),
        format!(
            "The cache saves {:.0} % of the statements of the mix.",
            100.0 - 100.0 * calm[1].statements_for_100 / calm[0].statements_for_100
        ),
        format!(
            "When every entry expires after {} s, {} of the reads after that time are hits.",
            times.lifetime.as_secs_f64(),
            percent(measured.counts.hit_rate(times))
        ),
    ]
}
