//! The stampede: 200 connections ask for one cold key at the same moment, and its load takes 100 ms.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::client;
use crate::contenders::{self, Contender, Section};
use crate::process::Process;
use crate::setting::Setting;
use crate::verdict;
use bench_parts::chart::{Bar, Chart, Panel, Scale};
use bench_parts::client::Connection;
use bench_parts::figures::{median, median_time, rounds_of, time, whole};
use bench_parts::part::{Part, Picture};
use bench_parts::redis_server::RedisServer;
use bench_parts::table::{Table, name};

const CALLERS: usize = 200;
const LOAD: Duration = Duration::from_millis(100);

struct Herd {
    loads: u64,
    slowest: Duration,
    errors: usize,
}

struct Runner {
    contender: Contender,
    herds: Vec<Herd>,
}

pub async fn run(setting: &Setting) -> Part {
    let mut runners = Vec::new();
    for contender in contenders::of(Section::Stampede) {
        let server = contender.redis.then(RedisServer::start);
        let url = server.as_ref().map(RedisServer::url);
        let process = Process::start(contender, url.as_deref(), LOAD, &setting.python);
        let Some(process) = process else {
            continue;
        };
        let mut connections = Vec::new();
        for _ in 0..CALLERS {
            let connection = Connection::open(process.address).await;
            connections.push(connection.expect("a connection"));
        }
        // Each connection has sent something, and each cache has stored something.
        for connection in &mut connections {
            let _ = connection.ask(&client::get(99, 99)).await;
        }
        let mut herds = Vec::new();
        for round in 0..setting.rounds {
            let (herd, back) = herd(&process, round as u32, connections).await;
            connections = back;
            herds.push(herd);
        }
        runners.push(Runner { contender, herds });
    }
    report(&runners, setting.rounds)
}

async fn herd(
    process: &Process,
    page: u32,
    connections: Vec<Connection>,
) -> (Herd, Vec<Connection>) {
    let before = client::loads(process.address).await.expect("a number");
    let start = Arc::new(Barrier::new(CALLERS));
    let mut callers = JoinSet::new();
    for mut connection in connections {
        let start = start.clone();
        callers.spawn(async move {
            start.wait().await;
            let asked = Instant::now();
            let answer = connection.ask(&client::get(0, page)).await;
            let right = answer.is_ok_and(|answer| answer.status == 200);
            (connection, asked.elapsed(), right)
        });
    }
    let came = callers.join_all().await;
    let after = client::loads(process.address).await.expect("a number");
    let herd = Herd {
        loads: after - before,
        slowest: came
            .iter()
            .map(|(_, took, _)| *took)
            .max()
            .unwrap_or_default(),
        errors: came.iter().filter(|(_, _, right)| !right).count(),
    };
    let connections = came.into_iter().map(|(connection, _, _)| connection);
    (herd, connections.collect())
}

impl Runner {
    fn loads(&self) -> f64 {
        median(self.herds.iter().map(|herd| herd.loads as f64).collect())
    }

    fn most_loads(&self) -> u64 {
        self.herds.iter().map(|herd| herd.loads).max().unwrap_or(0)
    }

    fn slowest(&self) -> Duration {
        median_time(self.herds.iter().map(|herd| herd.slowest))
    }
}

fn report(runners: &[Runner], rounds: usize) -> Part {
    let (mut tables, mut panels, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
    for (redis, line) in [(false, "In memory:"), (true, "With Redis:")] {
        let some: Vec<&Runner> = runners
            .iter()
            .filter(|runner| runner.contender.redis == redis)
            .collect();
        tables.push((line.to_owned(), table(&some)));
        panels.push(panel(line, &some));
        let once = some.iter().filter(|runner| runner.most_loads() == 1);
        let once = once.map(|runner| format!("`{}`", runner.contender.name));
        verdicts.push(format!(
            "{line} these loaded once in every round: {}.",
            verdict::list(once)
        ));
    }
    Part {
        title: "Stampede: 200 connections, one cold key".to_owned(),
        text: format!(
            "{CALLERS} open connections ask for one page that is not cached, at the same moment; loading it takes {} ms. \
             *Loads* is how often the database was asked, *slowest answer* how long until all had one: medians of {}, \
             each with another page. *Most* is of all rounds.",
            LOAD.as_millis(),
            rounds_of(rounds),
        ),
        tables,
        verdicts,
        notes: vec![
            "All callers are connections of one process. `benches/peers` has the stampede of two processes.".to_owned(),
            "cashews lets one caller of a process load by default; its `lock=True` is for several processes.".to_owned(),
        ],
        pictures: vec![Picture::bars("http-stampede", &Chart {
            title: "Stampede: 200 connections ask for one cold key".to_owned(),
            panels,
        })],
    }
}

fn table(some: &[&Runner]) -> Table {
    let mut table = Table::new(&["", "loads", "most", "slowest answer", "errors"]);
    for runner in some {
        let errors: usize = runner.herds.iter().map(|herd| herd.errors).sum();
        table.row(vec![
            name(runner.contender.name, runner.contender.is_ours()),
            whole(runner.loads()),
            whole(runner.most_loads() as f64),
            time(runner.slowest()),
            whole(errors as f64),
        ]);
    }
    table
}

fn panel(line: &str, some: &[&Runner]) -> Panel {
    let bars = some.iter().map(|runner| Bar {
        name: runner.contender.name.to_owned(),
        value: runner.loads(),
        label: format!("{} · {}", whole(runner.loads()), time(runner.slowest())),
        ours: runner.contender.is_ours(),
    });
    Panel {
        title: format!("{line} loads of the database (fewer is better) · slowest answer"),
        scale: Scale::Linear,
        bars: bars.collect(),
    }
}
