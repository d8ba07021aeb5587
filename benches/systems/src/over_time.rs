//! The hit rate over time, from a cold start, with entries that expire and a write.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use bench_parts::open_loop::{Idle, Load};
use bench_parts::random::Random;
use bench_parts::timeline::{Line, Timeline};

use crate::ask::{Outcome, Sessions};
use crate::load;
use crate::options::Bench;
use crate::service::{Mode, Start};
use crate::systems::System;

/// All times of one run.
pub(crate) struct Times {
    /// Every TTL of the mix.
    pub(crate) lifetime: Duration,
    pub(crate) write: Duration,
    pub(crate) whole: Duration,
    step: Duration,
}

impl Times {
    pub(crate) fn of(quick: bool) -> Self {
        let scale = if quick { 60 } else { 1_000 };
        Self {
            lifetime: Duration::from_millis(5 * scale),
            write: Duration::from_millis(12 * scale),
            whole: Duration::from_millis(18 * scale),
            step: Duration::from_millis(scale / 2),
        }
    }
}

/// Reads and hits of each kind in each step, of all rounds together.
pub(crate) struct Counts {
    reads: Vec<Vec<u32>>,
    hits: Vec<Vec<u32>>,
}

impl Counts {
    pub(crate) fn none(system: &System, times: &Times) -> Self {
        let steps = (times.whole.as_millis() / times.step.as_millis()) as usize;
        let zeros = || vec![vec![0; steps]; system.kinds.len()];
        Self {
            reads: zeros(),
            hits: zeros(),
        }
    }

    /// Of all reads after the first lifetime, in percent.
    pub(crate) fn hit_rate(&self, times: &Times) -> f64 {
        let from = (times.lifetime.as_millis() / times.step.as_millis()) as usize;
        let sum = |counts: &[Vec<u32>]| -> u32 {
            counts
                .iter()
                .flat_map(|steps| steps.iter().skip(from))
                .sum()
        };
        100.0 * f64::from(sum(&self.hits)) / f64::from(sum(&self.reads).max(1))
    }
}

pub(crate) async fn run(
    system: &System,
    start: Start<'_>,
    bench: &Bench,
    round: usize,
    counts: &mut Counts,
) {
    let times = Times::of(bench.quick);
    let lifetime = format!("{}ms", times.lifetime.as_millis());
    let settings: Vec<(&str, &str)> = system
        .lifetimes
        .iter()
        .map(|name| (*name, lifetime.as_str()))
        .collect();
    let service = Start {
        mode: Mode::Memory,
        settings: &settings,
        ..start
    }
    .start();
    let sessions = Sessions::open(service.address, system.users).await;
    let random = RefCell::new(Random::new(77 + round as u64));
    let idle = Idle::to(service.address);
    let rate = system.rates[1];
    let load = Load {
        count: (times.whole.as_secs_f64() * f64::from(rate)) as u32,
        per_second: rate,
        start: Instant::now() + Duration::from_millis(20),
    };
    let writes_at = (times.write.as_secs_f64() * f64::from(rate)) as u32;
    let came = load.send(|number| {
        let (kind, ask) = match number == writes_at {
            true => (usize::MAX, (system.write)(round as u32)),
            false => system.read(&mut random.borrow_mut()),
        };
        let (idle, bytes) = (idle.clone(), sessions.bytes(&ask));
        async move { (kind, load::one(&idle, &bytes).await) }
    });
    for came in came.await {
        let Some((kind, outcome)) = came.what else {
            continue;
        };
        let at = load.at(came.number) - load.start;
        let step = (at.as_millis() / times.step.as_millis()) as usize;
        if let Some(reads) = counts
            .reads
            .get_mut(kind)
            .and_then(|kind| kind.get_mut(step))
        {
            *reads += 1;
            counts.hits[kind][step] += u32::from(outcome == Outcome::Hit);
        }
    }
}

pub(crate) fn picture(system: &System, counts: &Counts, times: &Times) -> Timeline {
    let lines = system.kinds.iter().enumerate().map(|(kind, of)| {
        let both = counts.hits[kind].iter().zip(&counts.reads[kind]);
        let points = both.map(|(hits, reads)| {
            (*reads > 0).then(|| 100.0 * f64::from(*hits) / f64::from(*reads))
        });
        Line {
            name: of.name.replace('`', ""),
            points: points.collect(),
        }
    });
    let lifetime = times.lifetime;
    let expiries = (1..).map(|number| lifetime * number);
    let expiries = expiries.take_while(|at| *at < times.whole);
    let mut events: Vec<(Duration, String)> = expiries.map(|at| (at, "TTL".to_owned())).collect();
    events.push((times.write, "write".to_owned()));
    Timeline {
        title: format!("{}: hit rate over time", system.title),
        subtitle: format!(
            "from a cold start, {} requests a second; each TTL is {} s here; a write after {} s",
            system.rates[1],
            lifetime.as_secs_f64(),
            times.write.as_secs_f64()
        ),
        step: times.step,
        lines: lines.collect(),
        events,
    }
}
