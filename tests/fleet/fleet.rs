//! A run: rounds of trouble, each followed by peace, a look at everything, and the checker.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use cache_runtime::sabotage::Safeguard;
use serde::Serialize;

use crate::busy;
use crate::checker::{Rule, Violation, check, queued_in_peace};
use crate::clock::{self, Nanos};
use crate::collector::Heard;
use crate::faults::{self, SETTLING};
use crate::history::{History, Made, ProcessId, Removal, Tier};
use crate::plan::Plan;
use crate::random::Random;
use crate::stage::{Journals, Stage};

/// How long peace may take: a process that was frozen finds its connection dead, and looks for another.
const HEALING: Duration = Duration::from_secs(30);

/// How long it may take until every row is in Redis.
const FILLING: Duration = Duration::from_secs(120);

/// Removals older than this concern nothing that may still be alive.
const MEMORY: Duration = Duration::from_secs(15);

/// The same where rows are put into Redis for a minute.
const LONG_MEMORY: Duration = Duration::from_secs(75);

/// Stories that the report tells.
const TOLD: usize = 5;

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) plan: Plan,
    pub(crate) seed: u64,
    pub(crate) without: Vec<Safeguard>,
    pub(crate) journals: Journals,
    /// Threads that only compute, on the one core that everything runs on; 0: nothing else runs, and all cores are used.
    pub(crate) busy: u32,
    pub(crate) length: Duration,
    pub(crate) round: Duration,
}

/// What a run came to, as one line of JSON.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Report {
    plan: &'static str,
    seed: u64,
    without: Vec<&'static str>,
    round_trip_ms: u64,
    names: &'static str,
    tenants: u32,
    rows: u32,
    busy: u32,
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
    /// Those that were queued although nothing was wrong.
    queued_in_peace: u64,
    slowest_read_ms: f64,
    slowest_removal_ms: f64,
    /// The same of those by hand, which wait until what they have removed is taken away.
    slowest_by_hand_ms: f64,
    /// Acts that a clock began, and those it dropped because too many were under way.
    begun: u64,
    dropped: u64,
    faults: BTreeMap<String, u64>,
    violations: u64,
    rules: BTreeMap<Rule, u64>,
    first: Vec<Violation>,
}

impl Report {
    pub(crate) fn is_clean(&self) -> bool {
        self.violations == 0
    }

    /// What the run is for: anything at all; or, where a safeguard is off, a stale value.
    fn has_found(&self, options: &Options) -> bool {
        match options.without.is_empty() {
            true => !self.is_clean(),
            false => self.rules.keys().any(|rule| rule.is_staleness()),
        }
    }

    fn of(options: &Options) -> Self {
        let plan = &options.plan;
        let names = options.without.iter().map(|safeguard| safeguard.name());
        Self {
            plan: plan.name,
            seed: options.seed,
            without: names.collect(),
            round_trip_ms: u64::try_from(plan.round_trip.as_millis()).unwrap_or(u64::MAX),
            names: plan.names.name(),
            tenants: plan.tenants,
            rows: plan.rows,
            busy: options.busy,
            ..Self::default()
        }
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
            self.slowest_read_ms = self.slowest_read_ms.max(millis(read.begin, read.end));
        }
        self.loads += history.loads.len() as u64;
        self.begun += history.begun;
        self.dropped += history.dropped;
        self.violations += violations.len() as u64;
        for violation in violations {
            *self.rules.entry(violation.rule).or_default() += 1;
        }
        let room = TOLD.saturating_sub(self.first.len());
        self.first.extend(violations.iter().take(room).cloned());
    }

    /// The removals of one round.
    fn add_removals(&mut self, history: &History, removals: &[(ProcessId, Removal)]) {
        self.queued_in_peace += queued_in_peace(history, removals);
        for (remover, removal) in removals {
            match removal.durable {
                true => self.durable += 1,
                false => self.queued += 1,
            }
            self.inherited += u64::from(history.is_inherited(*remover, removal));
            let took = millis(removal.called, removal.returned);
            let slowest = match removal.made {
                Made::ByHand => &mut self.slowest_by_hand_ms,
                _ => &mut self.slowest_removal_ms,
            };
            *slowest = slowest.max(took);
        }
    }
}

fn millis(from: Nanos, to: Nanos) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

/// Runs until its time is over, or something is found.
pub(crate) fn run(options: &Options) -> std::io::Result<Report> {
    busy::keep(options.busy)?;
    let started = Instant::now();
    let random = Random::new(options.seed);
    let mut report = Report::of(options);
    let stage = Stage::set(
        options.plan.clone(),
        random.next(),
        options.without.clone(),
        options.journals,
    )?;
    while !report.has_found(options) && started.elapsed() < options.length {
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
    let number = 4 * u64::from(report.rounds);
    let before = stage.collector.heard().history.removals.len();
    let mut demands = Demands {
        stage,
        broken: Vec::new(),
    };
    prepare(&mut demands, &options.plan, number);
    stage.say("go");
    faults::rage(stage, &options.plan, seed, Instant::now() + length);
    stage.heal();
    let healed = settle(&mut demands, &options.plan, number);
    let history = History {
        healed: Some(healed),
        tenants: stage.tenants(),
        round_trip: clock::nanos(options.plan.round_trip),
        ..stage.collector.heard().take()
    };
    let mut violations = demands.broken;
    violations.extend(check(&history));
    report.add_removals(
        &history,
        &history.removals[before.min(history.removals.len())..],
    );
    report.add(&history, &violations);
    carry_over(stage, options, &history, healed);
}

/// What is asked of every process while nothing is wrong.
struct Demands<'a> {
    stage: &'a Stage,
    broken: Vec<Violation>,
}

impl Demands<'_> {
    fn wait(&mut self, what: &str, within: Duration, of: impl Fn(&Heard, ProcessId) -> bool) {
        if !self.stage.wait_for(within, of) {
            self.broken.push(Violation {
                rule: Rule::DidNotHeal,
                story: format!("{what}: not within {within:?} without a fault"),
            });
        }
    }

    /// Says a line to every process, which tells when it has done that.
    fn ask(&mut self, command: &str, number: u64, within: Duration) {
        self.stage.say(&format!("{command} {number}"));
        self.wait(command, within, |heard, process| {
            heard.is_done(process, number)
        });
    }
}

fn prepare(demands: &mut Demands<'_>, plan: &Plan, number: u64) {
    if plan.filled {
        demands.ask("fill", number + 1, FILLING);
    }
    // So that a way which is slow from now on is one that is in use. Processes that take over begin in the midst of it.
    demands.wait("connect at the start", HEALING, Heard::is_connected);
}

/// Lets everything end and be looked at. Returns since when everybody has heard of everything.
fn settle(demands: &mut Demands<'_>, plan: &Plan, number: u64) -> Nanos {
    // A removal by hand counts what it has taken away.
    let counting = if plan.filled { FILLING } else { HEALING };
    demands.ask("pause", number + 2, counting);
    demands.ask("connect", number + 3, HEALING);
    thread::sleep(SETTLING);
    let healed = clock::now();
    demands.ask("sweep", number + 4, HEALING);
    healed
}

/// What the next round must know of this one.
fn carry_over(stage: &Stage, options: &Options, history: &History, healed: Nanos) {
    let memory = if options.plan.filled {
        LONG_MEMORY
    } else {
        MEMORY
    };
    let oldest = healed.saturating_sub(clock::nanos(memory));
    let carried = history.carried_over(healed, oldest);
    let mut heard = stage.collector.heard();
    heard.history.removals.extend(carried.removals);
    heard.history.unsettled.extend(carried.unsettled);
    heard.history.undriven.extend(carried.undriven);
}
