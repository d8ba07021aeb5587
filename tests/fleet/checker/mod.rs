//! Reads a history and says which promise was broken, if any.
//!
//! It errs on one side only: what it reports is a broken promise; where it cannot know (a process was cut off, a machine
//! stood still) it allows what the promises allow at most.

mod away;
mod kept;
mod loads;
mod quiet;
mod removals;
mod stale;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use self::quiet::Quiet;
use self::removals::Removals;
use crate::clock::{Nanos, nanos};
use crate::history::{History, Made, ProcessId, Read, Removal};

/// How far memory may lag behind another process's durable removal while nothing is wrong: Redis's push, on a machine
/// that is busy with other things.
pub(crate) const PUSH_DELAY: Nanos = nanos(Duration::from_millis(250));

/// For how long memory may speak while its process is cut off; what the processes are configured with.
pub(crate) const OUTAGE_MAX_AGE: Duration = Duration::from_secs(3);

/// What a call may take in all: bodies that it waits for, and a holder that died (2 s at most).
const LONGEST_READ: Nanos = nanos(Duration::from_millis(3_000));

/// The same when everything has healed: no lock may be left behind.
const LONGEST_LAST_READ: Nanos = nanos(Duration::from_millis(2_000));

/// For how long the loss of what removals are written in may go unnoticed: the next removal finds out, and then all that
/// was stored before it is as good as gone.
const UNNOTICED: Nanos = nanos(Duration::from_secs(12));

/// Around a removal, for nothing to be wrong.
const PEACE: Nanos = nanos(Duration::from_millis(500));

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    /// What happened, in one line.
    pub(crate) story: String,
}

/// Which promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rule {
    /// A value from before a durable removal, served after it.
    StaleAfterDurable,
    /// A value from before a removal of the same process, durable or queued, served after it.
    StaleInItsOwnProcess,
    /// Everything has healed, and a value from before a removal is still there.
    LostRemoval,
    /// A read that took too long after everything had healed.
    LockLeftBehind,
    /// A read that took too long at any other time.
    SlowRead,
    /// A removal of a cached function that took too long.
    SlowRemoval,
    /// A value that a transaction had written and not committed, read outside of it.
    Uncommitted,
    /// A value of another tenant.
    AnothersValue,
    /// An entry that nobody removed was not there.
    VanishedWithoutReason,
    /// Nothing was wrong any more, and under its load a process did not find back to Redis.
    StayedAway,
    /// Two loads of one key at once in one process, for no reason.
    LoadedTwice,
    /// A task panicked.
    Panicked,
    /// A process did not find back to Redis, or did not answer.
    DidNotHeal,
}

impl Rule {
    /// A value was read that had been removed, or that was never to be seen.
    pub(crate) fn is_staleness(self) -> bool {
        matches!(
            self,
            Self::StaleAfterDurable
                | Self::StaleInItsOwnProcess
                | Self::LostRemoval
                | Self::Uncommitted
        )
    }
}

/// How long ago Redis must have been heard for memory to be believed.
pub(crate) const HEARD_WITHIN: Nanos = nanos(Duration::from_secs(2));

/// All that was broken.
pub(crate) fn check(history: &History) -> Vec<Violation> {
    let quiet = Quiet::of(history);
    let removals = Removals::of(history);
    let mut violations = stale::check(history, &quiet, &removals);
    violations.extend(uncommitted(history));
    violations.extend(others(history));
    violations.extend(kept::check(history, &quiet, &removals));
    violations.extend(slow(history, &quiet));
    violations.extend(slow_removals(history, &quiet));
    violations.extend(away::check(history, &quiet));
    violations.extend(loads::check(history, &quiet));
    violations.extend(history.panics.iter().map(|(process, text)| Violation {
        rule: Rule::Panicked,
        story: format!("process {process}: {text}"),
    }));
    violations
}

/// Removals that Redis was not told of in time, though nothing had been wrong for a while, before it or just after. No
/// broken promise, but a figure that tells how much a removal asks of Redis.
pub(crate) fn queued_in_peace(history: &History, removals: &[(ProcessId, Removal)]) -> u64 {
    let quiet = Quiet::of(history);
    let in_peace = |(remover, removal): &&(ProcessId, Removal)| {
        let around = (
            removal.called.saturating_sub(PEACE),
            removal.returned + PEACE,
        );
        !removal.durable && !removal.dropped && !quiet.is_troubled(*remover, around)
    };
    removals.iter().filter(in_peace).count() as u64
}

/// Reads that got what a transaction had written and not committed.
fn uncommitted(history: &History) -> Vec<Violation> {
    let unseen = |(_, read): &&(ProcessId, Read)| read.got.version >= crate::uncommitted::FIRST;
    let told = |(process, read): &(ProcessId, Read)| Violation {
        rule: Rule::Uncommitted,
        story: format!(
            "process {process} read {:?} {} ({:?}) and got version {}, which was never committed, loaded by process {:?}",
            read.family, read.id, read.tier, read.got.version, read.got.loader,
        ),
    };
    history.reads.iter().filter(unseen).map(told).collect()
}

/// Reads that got what another tenant had stored.
fn others(history: &History) -> Vec<Violation> {
    let strange =
        |(process, read): &&(ProcessId, Read)| read.got.tenant != history.tenant(*process);
    let told = |(process, read): &(ProcessId, Read)| Violation {
        rule: Rule::AnothersValue,
        story: format!(
            "process {process} of {} read {:?} {} ({:?}) and got a value of {}, loaded by process {:?}",
            history.tenant(*process),
            read.family,
            read.id,
            read.tier,
            read.got.tenant,
            read.got.loader,
        ),
    };
    history.reads.iter().filter(strange).map(told).collect()
}

/// Reads that took longer than anything they may have had to wait for.
fn slow(history: &History, quiet: &Quiet) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (process, read) in &history.reads {
        let window = (read.begin, read.end);
        let took = quiet.running(*process, window);
        let (rule, longest) = match history.healed.is_some_and(|healed| healed < read.begin) {
            true => (Rule::LockLeftBehind, LONGEST_LAST_READ),
            false => (Rule::SlowRead, LONGEST_READ),
        };
        if took > longest {
            let story = format!(
                "process {process} read {:?} {} in {} ({:?}), begun at {}",
                read.family,
                read.id,
                Millis(took),
                read.tier,
                Millis(read.begin)
            );
            violations.push(Violation { rule, story });
        }
    }
    violations
}

/// Removals of functions that took longer than anything they may have had to wait for.
fn slow_removals(history: &History, quiet: &Quiet) -> Vec<Violation> {
    let mut violations = Vec::new();
    let removals = history.removals.iter();
    for (process, removal) in removals.filter(|(_, removal)| removal.made == Made::ByFunction) {
        let took = quiet.running(*process, (removal.called, removal.returned));
        if took > LONGEST_READ {
            let story = format!(
                "process {process} removed {:?} in {}, called at {}",
                removal.target,
                Millis(took),
                Millis(removal.called)
            );
            violations.push(Violation {
                rule: Rule::SlowRemoval,
                story,
            });
        }
    }
    violations
}

/// A time as a reader wants it.
struct Millis(Nanos);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ms", self.0 as f64 / 1e6)
    }
}

/// Whose word is taken about a process, in short.
fn of(process: ProcessId, reader: ProcessId) -> String {
    if process == reader {
        "the same process".into()
    } else {
        format!("process {process}")
    }
}
