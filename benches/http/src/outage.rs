//! The outage: requests come at a fixed rate, Redis is killed for three seconds, and comes back empty.
//!
//! The load is open: every request has its time, is sent then, and its answer counts from then. A service that is slow
//! does not slow the load, as it would not slow its users.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use crate::client;
use crate::contenders::{self, Contender, Section};
use crate::plan::{Key, Operation, Plan};
use crate::process::Process;
use crate::setting::Setting;
use crate::verdict;
use crate::witness::Witness;
use bench_parts::chart::{Bar, Chart, Panel, Scale};
use bench_parts::client::Connection;
use bench_parts::figures::{percentile, time, whole};
use bench_parts::open_loop::{Idle, Load, PATIENCE};
use bench_parts::part::{Part, Picture};
use bench_parts::redis_server::RedisServer;
use bench_parts::table::{Table, name};

const LOAD: Duration = Duration::from_millis(2);
const PER_SECOND: u32 = 300;
/// Before, during and after.
const PHASE: Duration = Duration::from_secs(3);
const WARMED: u32 = 3000;
/// The longest delay that a user does not notice.
const SOON: Duration = Duration::from_millis(100);

/// The outcome of one request.
#[derive(Clone, Copy)]
struct Came {
    phase: usize,
    took: Duration,
    right: bool,
}

struct Runner {
    contender: Contender,
    came: Vec<Came>,
    /// While Redis was away; `None` if the service did not say.
    loads: Option<u64>,
    stale: u64,
}

pub async fn run(setting: &Setting) -> Part {
    let plan = Plan::new();
    let mut runners: Vec<Runner> = contenders::of(Section::Outage)
        .into_iter()
        .filter(|who| !who.is_python() || setting.python.interpreter().is_some())
        .map(|contender| Runner {
            contender,
            came: Vec::new(),
            loads: Some(0),
            stale: 0,
        })
        .collect();
    let rounds = setting.rounds.min(3);
    for _ in 0..rounds {
        for runner in &mut runners {
            round(runner, &plan, setting).await;
        }
    }
    report(&mut runners, rounds)
}

async fn round(runner: &mut Runner, plan: &Plan, setting: &Setting) {
    let server = RedisServer::start();
    let url = server.url();
    let process = Process::start(runner.contender, Some(&url), LOAD, &setting.python);
    let process = process.expect("Python was looked for");
    let witness = Arc::new(Witness::new());
    warm(&witness, process.address).await;
    let stale_before = witness.seen().stale;

    let start = Instant::now() + Duration::from_millis(50);
    let breaking = tokio::spawn(break_down(server, process.address, start));
    let came = requests(plan, witness.clone(), process.address, start).await;
    let (loads, _server) = breaking.await.expect("no panic");
    runner.came.extend(came);
    runner.loads = runner.loads.zip(loads).map(|(sum, loads)| sum + loads);
    runner.stale += witness.seen().stale - stale_before;
}

/// Reads what is read most, so that the cache is as it is after some time.
async fn warm(witness: &Arc<Witness>, address: SocketAddr) {
    let mut callers = JoinSet::new();
    for caller in 0..16 {
        let witness = witness.clone();
        callers.spawn(async move {
            let connection = Connection::open(address).await;
            let mut connection = connection.expect("a connection");
            for rank in (caller..WARMED).step_by(16) {
                let _ = witness.read(&mut connection, Key::of_rank(rank)).await;
            }
        });
    }
    callers.join_all().await;
}

/// Kills Redis after the first phase and starts it after the second; how often the service loaded in between.
async fn break_down(
    mut server: RedisServer,
    address: SocketAddr,
    start: Instant,
) -> (Option<u64>, RedisServer) {
    let count = async || {
        let answer = timeout(PATIENCE, client::loads(address)).await;
        answer.ok().and_then(Result::ok)
    };
    sleep(start + PHASE - Instant::now()).await;
    let mut server = spawn_blocking(move || {
        server.kill();
        server
    })
    .await
    .expect("no panic");
    let before = count().await;
    sleep((start + 2 * PHASE).saturating_duration_since(Instant::now())).await;
    let after = count().await;
    let server = spawn_blocking(move || {
        server.launch();
        server
    })
    .await
    .expect("no panic");
    let loads = before.zip(after).map(|(before, after)| after - before);
    (loads, server)
}

/// Sends every request at its time, on a connection that nobody uses.
async fn requests(
    plan: &Plan,
    witness: Arc<Witness>,
    address: SocketAddr,
    start: Instant,
) -> Vec<Came> {
    let load = Load {
        count: PER_SECOND * (3 * PHASE).as_secs() as u32,
        per_second: PER_SECOND,
        start,
    };
    let idle = Idle::to(address);
    let operations = RefCell::new(plan.from(0, 1));
    let came = load.send(|_| {
        let operation = operations.borrow_mut().next().expect("a plan without end");
        let (witness, idle) = (witness.clone(), idle.clone());
        async move { one(operation, &witness, &idle).await }
    });
    let came = came.await.into_iter().map(|came| Came {
        phase: (came.number / (PER_SECOND * PHASE.as_secs() as u32)) as usize,
        took: came.took,
        right: came.what.unwrap_or(false),
    });
    came.collect()
}

async fn one(operation: Operation, witness: &Witness, idle: &Idle) -> bool {
    let Ok(mut connection) = idle.take().await else {
        return false;
    };
    let done = match operation {
        Operation::Read(key) => witness.read(&mut connection, key).await,
        Operation::Write(group) => witness.write(&mut connection, group).await,
    };
    if done.is_ok() {
        idle.give(connection);
    }
    done.unwrap_or(false)
}

/// One phase of one contender.
struct Phase {
    requests: usize,
    errors: usize,
    /// Answered rightly and soon, in percent.
    soon: f64,
    p50: Duration,
    p99: Duration,
    max: Duration,
}

impl Runner {
    fn phase(&self, phase: usize) -> Phase {
        let came: Vec<Came> = self
            .came
            .iter()
            .filter(|came| came.phase == phase)
            .copied()
            .collect();
        let mut times: Vec<Duration> = came.iter().map(|came| came.took).collect();
        times.sort();
        let soon = came.iter().filter(|came| came.right && came.took <= SOON);
        Phase {
            soon: 100.0 * soon.count() as f64 / came.len().max(1) as f64,
            requests: came.len(),
            errors: came.iter().filter(|came| !came.right).count(),
            p50: percentile(&times, 50),
            p99: percentile(&times, 99),
            max: times.last().copied().unwrap_or_default(),
        }
    }

    fn cells(&self, phase: usize) -> Vec<String> {
        let phase = self.phase(phase);
        vec![
            name(self.contender.name, self.contender.is_ours()),
            whole(phase.errors as f64),
            percent(phase.soon),
            time(phase.p50),
            time(phase.p99),
            time(phase.max),
        ]
    }
}

fn report(runners: &mut [Runner], rounds: usize) -> Part {
    let columns = ["", "errors", "right within 100 ms", "p50", "p99", "slowest"];
    let mut tables = Vec::new();
    for (phase, line) in ["Before:", "While Redis is away:", "After its return:"]
        .into_iter()
        .enumerate()
    {
        let more = ["loads", "stale answers in all"];
        let mut table = match phase {
            1 => Table::new(&[&columns[..], &more].concat()),
            _ => Table::new(&columns),
        };
        for runner in runners.iter() {
            let mut cells = runner.cells(phase);
            if phase == 1 {
                let loads = runner.loads.map(|loads| whole(loads as f64));
                cells.push(loads.unwrap_or_else(|| "?".to_owned()));
                cells.push(whole(runner.stale as f64));
            }
            table.row(cells);
        }
        tables.push((line.to_owned(), table));
    }
    Part {
        title: "Outage: Redis is killed, and comes back".to_owned(),
        text: text(runners, rounds),
        tables,
        verdicts: verdicts(runners),
        notes: notes(),
        pictures: vec![Picture::bars("http-outage", &chart(runners))],
    }
}

fn text(runners: &[Runner], rounds: usize) -> String {
    let requests = runners.first().map_or(0, |runner| runner.phase(1).requests);
    format!(
        "The reads and writes of the mix come at {PER_SECOND} a second for 9 s, whether or not the service keeps up: each \
         has its time, and its answer counts from then. After 3 s Redis is killed (`SIGKILL`); after 6 s it is back, empty. \
         An error is a status other than 200, a lost connection, or no answer in {} s. {} requests in each phase of {rounds} \
         {}.",
        PATIENCE.as_secs(),
        whole(requests as f64),
        if rounds == 1 { "run" } else { "runs together" },
    )
}

fn verdicts(runners: &[Runner]) -> Vec<String> {
    let failed = runners.iter().filter_map(|runner| {
        let errors: usize = (0..3).map(|phase| runner.phase(phase).errors).sum();
        let name = runner.contender.name;
        (errors > 0).then(|| format!("`{name}` ({})", whole(errors as f64)))
    });
    vec![
        format!("Errors: {}.", verdict::list(failed)),
        format!(
            "p99 while Redis is away: {}.",
            in_order(runners, |runner| runner.phase(1).p99)
        ),
        format!(
            "p50 after its return: {}.",
            in_order(runners, |runner| runner.phase(2).p50)
        ),
    ]
}

/// From the least to the largest.
fn in_order(runners: &[Runner], of: fn(&Runner) -> Duration) -> String {
    let mut order: Vec<&Runner> = runners.iter().collect();
    order.sort_by_key(|runner| of(runner));
    let order = order.into_iter();
    verdict::list(order.map(|runner| format!("`{}` ({})", runner.contender.name, time(of(runner)))))
}

/// Rounded down, so that 100 % is all of them.
fn percent(share: f64) -> String {
    format!("{:.1} %", (share * 10.0).floor() / 10.0)
}

fn notes() -> Vec<String> {
    vec![
        "`cached` returns an error of Redis from the function, as its README says, and the handler answers 500. A handler can \
         catch it and load without the cache; it then still waits for Redis first."
            .to_owned(),
        "tower-http-cache answers a write with an error here if a removal fails. Reads go without the cache.".to_owned(),
        "Ours empties its memory when Redis is back, because removals by other processes may have been missed. So pages are \
         loaded again for a while, once each."
            .to_owned(),
        "cashews suppresses errors of Redis, which is its default.".to_owned(),
    ]
}

fn chart(runners: &[Runner]) -> Chart {
    let bar = |runner: &Runner, value: f64, label: String| Bar {
        name: runner.contender.name.to_owned(),
        value,
        label,
        ours: runner.contender.is_ours(),
    };
    let soon = runners.iter().map(|runner| {
        let soon = runner.phase(1).soon;
        bar(runner, soon, percent(soon))
    });
    let slow = runners.iter().map(|runner| {
        let p99 = runner.phase(1).p99;
        bar(runner, p99.as_secs_f64() * 1e3, time(p99))
    });
    Chart {
        title: "Outage: Redis is away for three seconds".to_owned(),
        panels: vec![
            Panel {
                title: "answered rightly within 100 ms meanwhile (more is better)".to_owned(),
                scale: Scale::Percent,
                bars: soon.collect(),
            },
            Panel {
                title: "p99 meanwhile, on a logarithmic scale (less is better)".to_owned(),
                scale: Scale::Logarithmic,
                bars: slow.collect(),
            },
        ],
    }
}
