//! Reads and writes together: how many requests, how many loads, and does a read ever show what a write had replaced?

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client;
use crate::contenders::{self, Contender, Section};
use crate::plan::{Key, Operation, Plan};
use crate::process::Process;
use crate::setting::Setting;
use crate::verdict::{self, Figure};
use crate::witness::{Seen, Witness};
use bench_parts::chart::{Bar, Chart, Panel, Scale};
use bench_parts::client::Connection;
use bench_parts::cpu;
use bench_parts::figures::{median, median_time, percentile, rounds_of, time, whole};
use bench_parts::part::{Part, Picture};
use bench_parts::redis_server::RedisServer;
use bench_parts::table::{NOT_OFFERED, Table, name};

const LOAD: Duration = Duration::from_millis(2);
const WORKERS: usize = 32;
/// Keys that are looked at when all is quiet.
const LOOKED_AT: u32 = 1000;

type Measure = fn(&Round) -> f64;

/// The measures that the report compares in sentences. A larger value is better.
const MEASURES: [(&str, Measure); 2] = [
    ("more requests a second", |round| round.per_second),
    ("less CPU a request", |round| {
        1.0 / round.service_cpu.as_secs_f64()
    }),
];

#[derive(Clone, Copy)]
struct Round {
    per_second: f64,
    p99: Duration,
    loads_per_1000: f64,
    service_cpu: Duration,
    client_cpu: Duration,
    /// Nothing without Redis.
    redis_cpu: Duration,
    seen: Seen,
    left_behind: u64,
}

struct Runner {
    contender: Contender,
    rounds: Vec<Round>,
}

pub async fn run(setting: &Setting) -> Part {
    let plan = Arc::new(Plan::new());
    let mut runners: Vec<Runner> = contenders::of(Section::Mix)
        .into_iter()
        .filter(|who| !who.is_python() || setting.python.interpreter().is_some())
        .map(|contender| Runner {
            contender,
            rounds: Vec::new(),
        })
        .collect();
    for _ in 0..setting.rounds {
        for runner in &mut runners {
            let round = round(runner.contender, &plan, setting).await;
            runner.rounds.push(round);
        }
    }
    report(&runners, setting)
}

fn spans(quick: bool) -> (Duration, Duration) {
    match quick {
        true => (Duration::from_millis(500), Duration::from_secs(1)),
        false => (Duration::from_secs(1), Duration::from_secs(3)),
    }
}

/// A fresh process, and a fresh Redis if it uses one.
async fn round(contender: Contender, plan: &Arc<Plan>, setting: &Setting) -> Round {
    let server = contender.redis.then(RedisServer::start);
    let url = server.as_ref().map(RedisServer::url);
    let process = Process::start(contender, url.as_deref(), LOAD, &setting.python);
    let process = process.expect("Python was looked for");
    let (warm_up, measured) = spans(setting.quick);
    let witness = Arc::new(Witness::new());
    let from = Instant::now() + warm_up;
    let until = from + measured;
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (plan, witness, address) = (plan.clone(), witness.clone(), process.address);
        workers.spawn(async move {
            let mut pair = [
                Connection::open(address).await.expect("a connection"),
                Connection::open(address).await.expect("a connection"),
            ];
            work(worker, &plan, &witness, &mut pair, from, until).await
        });
    }
    let snapshot = async || {
        let loads = client::loads(process.address).await.expect("a number");
        let client_cpu = cpu::taken_by(std::process::id());
        let redis_cpu = server.as_ref().map_or(Duration::ZERO, RedisServer::cpu);
        let seen = witness.seen();
        (loads, process.cpu(), client_cpu, redis_cpu, seen)
    };
    sleep(from.saturating_duration_since(Instant::now())).await;
    let before = snapshot().await;
    sleep(until.saturating_duration_since(Instant::now())).await;
    let after = snapshot().await;
    let mut times: Vec<Duration> = workers.join_all().await.into_iter().flatten().collect();
    times.sort();
    let count = times.len().max(1) as u32;
    Round {
        per_second: f64::from(count) / measured.as_secs_f64(),
        p99: percentile(&times, 99),
        loads_per_1000: (after.0 - before.0) as f64 * 1000.0 / f64::from(count),
        service_cpu: (after.1 - before.1) / count,
        client_cpu: (after.2 - before.2) / count,
        redis_cpu: (after.3 - before.3) / count,
        seen: after.4.since(before.4),
        left_behind: left_behind(&witness, &process).await,
    }
}

/// One caller's requests, one after the other; how long each took that began in the time that is measured.
async fn work(
    worker: usize,
    plan: &Plan,
    witness: &Witness,
    pair: &mut [Connection; 2],
    from: Instant,
    until: Instant,
) -> Vec<Duration> {
    let mut times = Vec::new();
    let mut operations = plan.from(worker, WORKERS);
    // A write is followed by a read of what it changed, on the other connection.
    let mut next = None;
    loop {
        let started = Instant::now();
        if started >= until {
            return times;
        }
        let done = match next.take() {
            Some(key) => witness.read(&mut pair[1], key).await,
            None => match operations.next().expect("a plan without end") {
                Operation::Read(key) => witness.read(&mut pair[0], key).await,
                Operation::Write(group) => {
                    next = Some(plan.hottest_of(group));
                    witness.write(&mut pair[0], group).await
                }
            },
        };
        if done.is_err() {
            return times; // counted as failed; the connection is gone
        }
        if started >= from {
            times.push(started.elapsed());
        }
    }
}

/// Counts those of the hottest keys that still show an old version after the load has ended.
async fn left_behind(witness: &Witness, process: &Process) -> u64 {
    sleep(Duration::from_millis(200)).await;
    let Ok(mut connection) = Connection::open(process.address).await else {
        return 0;
    };
    let before = witness.seen();
    for rank in 0..LOOKED_AT {
        let _ = witness.read(&mut connection, Key::of_rank(rank)).await;
    }
    witness.seen().since(before).stale
}

impl Runner {
    fn figure(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of).collect())
    }

    fn sum(&self, of: impl Fn(&Round) -> u64) -> u64 {
        self.rounds.iter().map(of).sum()
    }

    fn stale(&self) -> u64 {
        self.sum(|round| round.seen.stale)
    }

    fn cells(&self) -> Vec<String> {
        let cpu = |of: fn(&Round) -> Duration| time(median_time(self.rounds.iter().map(of)));
        let failed = self.sum(|round| round.seen.failed);
        let mut stale = whole(self.stale() as f64);
        if failed > 0 {
            stale.push_str(&format!(" (and {} errors)", whole(failed as f64)));
        }
        vec![
            name(self.contender.name, self.contender.is_ours()),
            whole(self.figure(|round| round.per_second)),
            time(median_time(self.rounds.iter().map(|round| round.p99))),
            whole(self.figure(|round| round.loads_per_1000)),
            cpu(|round| round.service_cpu),
            match self.contender.redis {
                true => cpu(|round| round.redis_cpu),
                false => NOT_OFFERED.to_owned(),
            },
            stale,
            whole(self.sum(|round| round.seen.reads) as f64),
            whole(self.sum(|round| round.left_behind) as f64),
        ]
    }
}

fn report(runners: &[Runner], setting: &Setting) -> Part {
    let mut tables = Vec::new();
    let mut panels = Vec::new();
    let mut verdicts = Vec::new();
    for (redis, line) in [(false, "In memory:"), (true, "With Redis:")] {
        let some: Vec<&Runner> = runners
            .iter()
            .filter(|runner| runner.contender.redis == redis)
            .collect();
        let mut table = Table::new(&[
            "",
            "requests/s",
            "p99",
            "loads for 1,000 requests",
            "CPU a request",
            "of Redis",
            "stale answers",
            "of reads",
            "left behind",
        ]);
        for runner in &some {
            table.row(runner.cells());
        }
        tables.push((line.to_owned(), table));
        panels.push(panel(line, &some));
        for (what, of) in MEASURES {
            let figures = some.iter().map(|runner| Figure {
                name: runner.contender.name,
                value: runner.figure(of),
            });
            verdicts.push(verdict::better(line, what, &figures.collect::<Vec<_>>()));
        }
    }
    verdicts.push(staleness(runners));
    Part {
        title: "Mix: reads and writes over 10,000 keys".to_owned(),
        text: text(setting),
        tables,
        verdicts,
        notes: notes(runners),
        pictures: vec![Picture::bars(
            "http-mix",
            &Chart {
                title: "Mix: 95 % reads, 5 % writes with removal by prefix".to_owned(),
                panels,
            },
        )],
    }
}

fn panel(line: &str, some: &[&Runner]) -> Panel {
    let bars = some.iter().map(|runner| {
        let per_second = runner.figure(|round| round.per_second);
        Bar {
            name: runner.contender.name.to_owned(),
            value: per_second,
            label: format!(
                "{} · {} stale",
                whole(per_second),
                whole(runner.stale() as f64)
            ),
            ours: runner.contender.is_ours(),
        }
    });
    Panel {
        title: format!("{line} requests a second · stale answers"),
        scale: Scale::Linear,
        bars: bars.collect(),
    }
}

fn staleness(runners: &[Runner]) -> String {
    let wrong = runners
        .iter()
        .filter(|runner| runner.stale() > 0 || runner.sum(|round| round.left_behind) > 0);
    let wrong = wrong.map(|runner| {
        let redis = if runner.contender.redis {
            ", Redis"
        } else {
            ""
        };
        format!(
            "`{}{redis}` ({}, left behind {})",
            runner.contender.name,
            whole(runner.stale() as f64),
            whole(runner.sum(|round| round.left_behind) as f64)
        )
    });
    format!(
        "Stale answers, or pages left behind, came from: {}.",
        verdict::list(wrong)
    )
}

fn text(setting: &Setting) -> String {
    let (warm_up, measured) = spans(setting.quick);
    format!(
        "{WORKERS} callers, each with two connections, send one request after the other: reads by Zipf's law (exponent 1) \
         over 100 groups of 100 pages, and 5 % writes, evenly over the groups. A write raises the group's version in the \
         database and removes the group's 100 pages from the cache; then it is acknowledged. The next request of that caller \
         reads the hottest page of the group on its other connection. **Every** read is checked: if its version is older \
         than one that was acknowledged before it was sent, it counts as *stale*. *Left behind* is how many of the {} hottest \
         pages are still old 0.2 s after the last request; they stay so until the next write or the end of their TTL, an \
         hour. {} of {:.1} s after {:.1} s of warm-up, each with a new process and a new Redis. Stale answers and *left \
         behind* are sums of all rounds, the other figures are medians.",
        whole(f64::from(LOOKED_AT)),
        rounds_of(setting.rounds),
        measured.as_secs_f64(),
        warm_up.as_secs_f64(),
    )
}

fn notes(runners: &[Runner]) -> Vec<String> {
    vec![
        format!(
            "*CPU a request* is of the service, *of Redis* of Redis. The client has one core for itself and Redis. It was busy \
             for up to {:.0} % of the time without Redis, and for up to {:.0} % with it. Near 100 %, what is measured is that \
             core; a larger machine would have one more.",
            busy(runners, false),
            busy(runners, true)
        ),
        "axum-response-cache removes single entries only, while it answers a request for them. Here a number of the group is \
         part of its keys, and a write raises it."
            .to_owned(),
        "`cached` and tower-http-cache have no removal by prefix or tag in Redis; a write removes the group's 100 keys one \
         by one, at the same time. tower-http-cache in two tiers removes the keys that its memory knows for the tag."
            .to_owned(),
        "cashews removes by pattern with `SCAN` over all keys of the Redis.".to_owned(),
        "One process writes and reads here. `benches/peers` shows what two processes see of each other.".to_owned(),
    ]
}

/// The largest share of its core that the client took in a round, with Redis if there is one; in percent.
fn busy(runners: &[Runner], redis: bool) -> f64 {
    let of_kind = runners
        .iter()
        .filter(|runner| runner.contender.redis == redis);
    let rounds = of_kind.flat_map(|runner| &runner.rounds);
    let shares = rounds.map(|round| {
        let cost = round.client_cpu + round.redis_cpu;
        100.0 * cost.as_secs_f64() * round.per_second
    });
    shares.fold(0.0, f64::max)
}
