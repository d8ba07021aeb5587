//! A run: rounds of trouble, each followed by peace, a look at everything, and the checker.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use cache_runtime::sabotage::Safeguard;
use serde::Serialize;

use crate::checker::{Rule, Violation, check};
use crate::clock;
use crate::faults::{self, SETTLING};
use crate::history::{History, Tier};
use crate::plan::Plan;
use crate::random::Random;
use crate::stage::{Journals, Stage};

/// How long peace may take: a process that was frozen finds its connection dead, and looks for another.
const HEALING: Duration = Duration::from_secs(10);

/// Removals older than this concern nothing that may still be alive: entries live for five seconds.
const MEMORY: Duration = Duration::from_secs(15);

/// Stories that the report tells.
const TOLD: usize = 5;

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) plan: Plan,
    pub(crate) seed: u64,
    pub(crate) without: Vec<Safeguard>,
    pub(crate) journals: Journals,
    pub(crate) length: Duration,
    pub(crate) round: Duration,
}

/// What a run came to, as one line of JSON.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Report {
    plan: &'static str,
    seed: u64,
    without: Vec<&'static str>,
    seconds: f64,
    rounds: u32,
    processes: u32,
    reads: u64,
    memory: u64,
    redis: u64,
    shared: u64,
    body: u64,
    /// Reads that got a value past its lifetime.
    stale: u64,
    loads: u64,
    durable: u64,
    queued: u64,
    /// Those of the queued that were replayed by another process than their own, which had crashed.
    inherited: u64,
    slowest_read_ms: f64,
    faults: BTreeMap<String, u64>,
    violations: u64,
    rules: BTreeMap<Rule, u64>,
    first: Vec<Violation>,
}

impl Report {
    pub(crate) fn is_clean(&self) -> bool {
        self.violations == 0
    }

    fn add(&mut self, history: &History, violations: &[Violation]) {
        self.rounds += 1;
        for (_, read) in &history.reads {
            self.reads += 1;
            match read.tier {
                Tier::Memory => self.memory += 1,
                Tier::Redis => self.redis += 1,
                Tier::Shared => self.shared += 1,
                Tier::Body => self.body += 1,
            }
            self.stale += u64::from(read.stale);
            self.slowest_read_ms = self
                .slowest_read_ms
                .max((read.end - read.begin) as f64 / 1e6);
        }
        self.loads += history.loads.len() as u64;
        self.violations += violations.len() as u64;
        for violation in violations {
            *self.rules.entry(violation.rule).or_default() += 1;
        }
        let room = TOLD.saturating_sub(self.first.len());
        self.first.extend(violations.iter().take(room).cloned());
    }
}

/// Runs until its time is over, or something is found.
pub(crate) fn run(options: &Options) -> std::io::Result<Report> {
    let started = Instant::now();
    let random = Random::new(options.seed);
    let without = options
        .without
        .iter()
        .map(|safeguard| safeguard.name())
        .collect();
    let mut report = Report {
        plan: options.plan.name,
        seed: options.seed,
        without,
        ..Report::default()
    };
    let stage = Stage::set(
        options.plan.clone(),
        random.next(),
        options.without.clone(),
        options.journals,
    )?;
    while report.is_clean() && started.elapsed() < options.length {
        let left = options.length.saturating_sub(started.elapsed());
        round(
            &stage,
            options,
            random.next(),
            options.round.min(left),
            &mut report,
        );
        report.seconds = started.elapsed().as_secs_f64();
    }
    report.processes = stage.started();
    report.faults = stage
        .tally
        .lock()
        .map(|tally| tally.clone())
        .unwrap_or_default();
    Ok(report)
}

fn round(stage: &Stage, options: &Options, seed: u64, length: Duration, report: &mut Report) {
    let number = 2 * u64::from(report.rounds);
    let before = stage.collector.heard().history.removals.len();
    stage.say("go");
    faults::rage(stage, &options.plan, seed, Instant::now() + length);
    stage.heal();
    let mut violations = Vec::new();
    let mut demand = |what: &str, healed: bool| {
        if !healed {
            let story = format!("{what} not within {HEALING:?} after the last fault");
            violations.push(Violation {
                rule: Rule::DidNotHeal,
                story,
            });
        }
    };
    stage.say(&format!("pause {}", number + 1));
    demand(
        "every call returned:",
        stage.wait_for(HEALING, |heard, process| heard.is_done(process, number + 1)),
    );
    demand(
        "every process connected:",
        stage.wait_for(HEALING, |heard, process| heard.is_connected(process)),
    );
    thread::sleep(SETTLING);
    let healed = clock::now();
    stage.say(&format!("sweep {}", number + 2));
    demand(
        "everything read:",
        stage.wait_for(HEALING, |heard, process| heard.is_done(process, number + 2)),
    );
    let mut history = stage.collector.heard().take();
    history.healed = Some(healed);
    violations.extend(check(&history));
    for (remover, removal) in &history.removals[before.min(history.removals.len())..] {
        match removal.durable {
            true => report.durable += 1,
            false => report.queued += 1,
        }
        report.inherited += u64::from(history.is_inherited(*remover, removal));
    }
    report.add(&history, &violations);
    let oldest = healed.saturating_sub(clock::nanos(MEMORY));
    let carried = history.carried_over(healed, oldest);
    stage
        .collector
        .heard()
        .history
        .removals
        .extend(carried.removals);
}
