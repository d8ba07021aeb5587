//! One key of 8 KB, always a hit: how many requests a second does one core answer?

use std::time::Duration;

use crate::client;
use crate::contenders::{self, Contender, Section};
use crate::page::Page;
use crate::process::Process;
use crate::setting::Setting;
use crate::verdict::{self, Figure};
use crate::wrk::{self, Rate};
use bench_parts::chart::{Bar, Chart, Panel, Scale};
use bench_parts::client::Connection;
use bench_parts::figures::{median, median_time, rounds_of, time, whole};
use bench_parts::part::{Part, Picture};
use bench_parts::table::{NOT_OFFERED, Table, name};

const LOAD: Duration = Duration::from_millis(2);
const PATH: &str = "/jobs/0/0";

struct Runner {
    contender: Contender,
    process: Process,
    etag: Option<String>,
    full: Vec<Rate>,
    unchanged: Vec<Rate>,
}

pub async fn run(setting: &Setting) -> Part {
    let mut runners = Vec::new();
    for contender in contenders::of(Section::Hot) {
        let Some(process) = Process::start(contender, None, LOAD, &setting.python) else {
            continue;
        };
        let etag = check(contender, &process).await;
        runners.push(Runner {
            contender,
            process,
            etag,
            full: Vec::new(),
            unchanged: Vec::new(),
        });
    }
    let seconds = if setting.quick { 1 } else { 2 };
    for _ in 0..setting.rounds {
        for runner in &mut runners {
            let address = runner.process.address;
            runner.full.push(wrk::run(address, PATH, seconds, None));
            if let Some(etag) = &runner.etag {
                let rate = wrk::run(address, PATH, seconds, Some(etag));
                runner.unchanged.push(rate);
            }
        }
    }
    report(&runners, setting.rounds, seconds)
}

/// Panics if it does not answer what it shall. Returns its `ETag` if it answers 304 to it.
async fn check(contender: Contender, process: &Process) -> Option<String> {
    let failed = |error| panic!("{}: {error}", contender.name);
    let connection = Connection::open(process.address).await;
    let mut connection = connection.unwrap_or_else(failed);
    let request = client::get(0, 0);
    let failed = |error| panic!("{}: {error}", contender.name);
    connection.ask(&request).await.unwrap_or_else(failed); // a miss
    let failed = |error| panic!("{}: {error}", contender.name);
    let answer = connection.ask(&request).await.unwrap_or_else(failed);
    assert_eq!(answer.status, 200, "{}", contender.name);
    let right = Page::new(0, 0, 1).json();
    assert!(answer.body == right, "{} sends other bytes", contender.name);
    if contender.is_ours() && contender.name.contains("CacheLayer") {
        assert_eq!(answer.header("x-cache"), Some("HIT"), "{}", contender.name);
    }
    let etag = answer.header("etag")?.to_owned();
    let conditional =
        format!("GET {PATH} HTTP/1.1\r\nHost: bench\r\nIf-None-Match: {etag}\r\n\r\n");
    let answer = connection.ask(conditional.as_bytes()).await.ok()?;
    (answer.status == 304).then_some(etag)
}

impl Runner {
    fn per_second(&self) -> f64 {
        median(self.full.iter().map(|rate| rate.per_second).collect())
    }

    fn unchanged_per_second(&self) -> Option<f64> {
        let rates: Vec<f64> = self.unchanged.iter().map(|rate| rate.per_second).collect();
        (!rates.is_empty()).then(|| median(rates))
    }
}

fn report(runners: &[Runner], rounds: usize, seconds: u64) -> Part {
    let ceiling = runners.first().map_or(f64::NAN, Runner::per_second);
    let mut table = Table::new(&[
        "",
        "requests/s",
        "of prepared bytes",
        "p50",
        "p99",
        "304: requests/s",
    ]);
    let (mut bars, mut figures) = (Vec::new(), Vec::new());
    for runner in runners {
        let (who, per_second) = (runner.contender, runner.per_second());
        let unchanged = runner.unchanged_per_second();
        table.row(vec![
            name(who.name, who.is_ours()),
            whole(per_second),
            format!("{:.2}", per_second / ceiling),
            time(median_time(runner.full.iter().map(|rate| rate.p50))),
            time(median_time(runner.full.iter().map(|rate| rate.p99))),
            unchanged.map_or(NOT_OFFERED.into(), whole),
        ]);
        bars.push(Bar {
            name: who.name.to_owned(),
            value: per_second,
            label: whole(per_second),
            ours: who.is_ours(),
        });
        figures.push(Figure {
            name: who.name,
            value: per_second,
        });
    }
    Part {
        title: "Hot: one key, always a hit".to_owned(),
        text: text(rounds, seconds),
        tables: vec![(String::new(), table)],
        verdicts: vec![verdict::better("", "More requests a second", &figures)],
        notes: notes(),
        pictures: vec![Picture::bars(
            "http-hot",
            &Chart {
                title: "Hot: one key of 8 KB".to_owned(),
                panels: vec![Panel {
                    title: "requests a second (more is better)".to_owned(),
                    scale: Scale::Linear,
                    bars,
                }],
            },
        )],
    }
}

fn text(rounds: usize, seconds: u64) -> String {
    format!(
        "`wrk` with {} connections asks for one page that is in memory: {} of {seconds} s, in turn. Before \
         that, the answer is checked: its status, every byte, and `X-Cache: HIT` where `CacheLayer` says so. *Prepared \
         bytes* is a handler that sends bytes that are ready, so it is what axum can do at best; *no cache* loads for each \
         request, which takes 2 ms, so {} connections cannot get more than {} a second. *304* repeats the measurement \
         with `If-None-Match`, for those that answer it.",
        wrk::CONNECTIONS,
        rounds_of(rounds),
        wrk::CONNECTIONS,
        whole(32.0 / LOAD.as_secs_f64()),
    )
}

fn notes() -> Vec<String> {
    vec![
        "Rows without `CacheLayer` send no `ETag`, `Age` or `X-Cache`. Those with `CacheLayer` do more for each answer."
            .to_owned(),
        "`ours, Json`, `cached` and `moka by hand, Arc<T>` cache the value and make JSON of it for each answer; `ours, Json` \
         and `cached` also clone it."
            .to_owned(),
    ]
}
