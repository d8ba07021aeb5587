//! The mix of a system at a fixed rate, whether or not the service keeps up.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use bench_parts::figures::{median, median_time, percentile};
use bench_parts::open_loop::{Came, Idle, Load};
use bench_parts::random::Random;
use tokio::task::JoinSet;

use crate::ask::{Outcome, Sessions};
use crate::options::Bench;
use crate::service::{Mode, Start};
use crate::systems::System;

/// One run.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) slowest: Duration,
    /// Of all requests, in percent.
    pub(crate) failed: f64,
    /// Of reads, in percent.
    pub(crate) hits: f64,
    pub(crate) statements_for_100: f64,
}

/// How long it is measured.
pub(crate) fn measured(quick: bool) -> Duration {
    Duration::from_millis(if quick { 200 } else { 4_000 })
}

/// Requests of the mix that fill the cache before it is measured.
pub(crate) fn warm_up(quick: bool) -> u32 {
    if quick { 40 } else { 2_000 }
}

/// Those who send them, one after the other.
const WARMING: u32 = 4;

pub(crate) async fn run(system: &System, start: Start<'_>, rate: u32, bench: &Bench) -> Run {
    let service = start.start();
    let sessions = Sessions::open(service.address, system.users).await;
    let random = RefCell::new(Random::new(0x9E37_79B9_7F4A_7C15));
    let idle = Idle::to(service.address);
    let requests = match start.mode {
        Mode::Off => WARMING * 5, // there is nothing to fill
        _ => warm_up(bench.quick),
    };
    warm(requests, &idle, || {
        let read = system.read(&mut random.borrow_mut());
        sessions.bytes(&read.1)
    })
    .await;
    let load = Load {
        count: (f64::from(rate) * measured(bench.quick).as_secs_f64()).ceil() as u32,
        per_second: rate,
        start: Instant::now() + Duration::from_millis(20),
    };
    let before = service.statements().await;
    let came = load.send(|number| {
        let ask = system.request(&mut random.borrow_mut(), number);
        let (idle, bytes) = (idle.clone(), sessions.bytes(&ask));
        async move { (ask.write, one(&idle, &bytes).await) }
    });
    let came = came.await;
    let statements = service.statements().await - before;
    summary(&came, statements)
}

async fn warm(requests: u32, idle: &Idle, request: impl Fn() -> Vec<u8>) {
    let mut callers = JoinSet::new();
    for _ in 0..WARMING {
        let requests: Vec<_> = (0..requests / WARMING).map(|_| request()).collect();
        let idle = idle.clone();
        callers.spawn(async move {
            for request in requests {
                one(&idle, &request).await;
            }
        });
    }
    callers.join_all().await;
}

/// Sends a request on a connection that nobody uses.
pub(crate) async fn one(idle: &Idle, request: &[u8]) -> Outcome {
    let Ok(mut connection) = idle.take().await else {
        return Outcome::Failed;
    };
    let outcome = Outcome::of(&mut connection, request).await;
    if outcome != Outcome::Failed {
        idle.give(connection);
    }
    outcome
}

fn summary(came: &[Came<(bool, Outcome)>], statements: u64) -> Run {
    let mut times: Vec<Duration> = came.iter().map(|came| came.took).collect();
    times.sort();
    let count = came.len().max(1) as f64;
    let failed = came.iter().filter(|came| match came.what {
        Some((_, outcome)) => outcome == Outcome::Failed,
        None => true,
    });
    let reads = came.iter().filter_map(|came| match came.what {
        Some((false, outcome)) => Some(outcome),
        _ => None,
    });
    let hits = reads.clone().filter(|outcome| *outcome == Outcome::Hit);
    Run {
        p50: percentile(&times, 50),
        p99: percentile(&times, 99),
        slowest: times.last().copied().unwrap_or_default(),
        failed: 100.0 * failed.count() as f64 / count,
        hits: 100.0 * hits.count() as f64 / reads.count().max(1) as f64,
        statements_for_100: 100.0 * statements as f64 / count,
    }
}

/// The medians of some runs, each by itself.
pub(crate) fn medians(runs: &[Run]) -> Run {
    let time = |of: fn(&Run) -> Duration| median_time(runs.iter().map(of));
    let figure = |of: fn(&Run) -> f64| median(runs.iter().map(of).collect());
    Run {
        p50: time(|run| run.p50),
        p99: time(|run| run.p99),
        slowest: time(|run| run.slowest),
        failed: figure(|run| run.failed),
        hits: figure(|run| run.hits),
        statements_for_100: figure(|run| run.statements_for_100),
    }
}
