//! What happened, as the processes tell it: one line of JSON an event.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::{Family, Target};
use crate::clock::Nanos;
use crate::names::Tenant;

/// Counts up with every process that is started; never used again.
pub(crate) type ProcessId = u32;

/// One thing that happened in one process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    Read(Read),
    Removal(Removal),
    Load(Load),
    /// From then on it reads Redis, and its journal is empty; or not.
    Connected(Nanos, bool),
    /// It was looked at in that time, and was connected, after it had not been.
    CaughtUp(Nanos, Nanos),
    /// It stood still, because the machine or a signal made it.
    Stood(Nanos, Nanos),
    /// Its connection to Redis was not driven in that time.
    Undriven(Cause, Nanos, Nanos),
    /// What its runtime asked of Redis by itself, past the code under test, took so long.
    Lagged(Nanos, Nanos),
    Panicked(String),
    /// So many acts have been begun since this was told last, and so many were due beyond those that may be under way.
    Begun {
        begun: u64,
        dropped: u64,
    },
    /// All that was asked of it is done.
    Done(u64),
}

/// A cached call that returned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Read {
    pub(crate) begin: Nanos,
    pub(crate) end: Nanos,
    pub(crate) family: Family,
    pub(crate) id: u32,
    pub(crate) tier: Tier,
    /// Past its lifetime.
    pub(crate) stale: bool,
    pub(crate) got: Got,
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tier {
    Memory,
    Redis,
    /// Another call's load, or its `GET`.
    Shared,
    /// The call's own body.
    Body,
}

/// What a call returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Got {
    /// When the load began that gave it.
    pub(crate) began: Nanos,
    /// Who loaded it, where that is known.
    pub(crate) loader: Option<ProcessId>,
    /// 0: the body failed.
    pub(crate) version: u64,
    pub(crate) author: u64,
    pub(crate) tenant: Tenant,
}

/// Reason nobody drove the connection of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// A signal stopped it.
    Frozen,
    /// All threads of its runtime were kept by tasks that did not yield.
    Starved,
    /// The runtime on which the cache had been begun was dropped.
    Ended,
}

/// A removal that returned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Removal {
    /// No value whose load began before this may be served afterwards.
    pub(crate) called: Nanos,
    pub(crate) returned: Nanos,
    pub(crate) target: Target,
    pub(crate) durable: bool,
    /// Its caller went away.
    pub(crate) dropped: bool,
    pub(crate) made: Made,
}

/// How a removal came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Made {
    /// It waited until what it had removed was taken away, to count it.
    ByHand,
    ByFunction,
    /// In an earlier round, and all that matters is that it was.
    Before,
}

/// A body that ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Load {
    /// When the call began that ran it.
    pub(crate) asked: Nanos,
    pub(crate) begin: Nanos,
    pub(crate) end: Nanos,
    pub(crate) family: Family,
    pub(crate) id: u32,
    /// On a miss, and not because a `put` or a `refresh` always runs it.
    pub(crate) missed: bool,
}

/// A time during which something that the promises depend on was not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: Nanos,
    pub(crate) to: Nanos,
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    pub(crate) process: ProcessId,
    pub(crate) at: Nanos,
    /// Who adopts the journal that it left, if it had one on the disk.
    pub(crate) heir: Option<ProcessId>,
}

/// What happened in one round.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) reads: Vec<(ProcessId, Read)>,
    pub(crate) removals: Vec<(ProcessId, Removal)>,
    pub(crate) loads: Vec<(ProcessId, Load)>,
    /// Faults of one process, of its connection, or (`None`) of all.
    pub(crate) faults: Vec<(Option<ProcessId>, Window)>,
    /// When a process itself knew that it had no Redis.
    pub(crate) cut_off: Vec<(ProcessId, Window)>,
    /// When nobody drove the connection of a process.
    pub(crate) undriven: Vec<(ProcessId, Cause, Window)>,
    /// Faults after which entries or leases may be gone, whoever asks.
    pub(crate) unsettled: Vec<Window>,
    pub(crate) stood: Vec<(ProcessId, Window)>,
    pub(crate) panics: Vec<(ProcessId, String)>,
    pub(crate) crashed: Vec<Crash>,
    /// When a process was found to read Redis with an empty journal, after it had not.
    pub(crate) caught_up: Vec<(ProcessId, Window)>,
    /// Whose each process is; of the outer one, unless it says something else.
    pub(crate) tenants: HashMap<ProcessId, Tenant>,
    /// To Redis and back, when nothing is wrong.
    pub(crate) round_trip: Nanos,
    /// Acts that a clock began, and those that it dropped.
    pub(crate) begun: u64,
    pub(crate) dropped: u64,
    /// Since then nothing is wrong, and everybody has heard of everything.
    pub(crate) healed: Option<Nanos>,
}

impl History {
    /// Whose process it is.
    pub(crate) fn tenant(&self, process: ProcessId) -> Tenant {
        self.tenants.get(&process).copied().unwrap_or_default()
    }

    /// What waited in it went with it: it crashed, and so did whoever was to adopt its journal, and left none.
    pub(crate) fn is_forgotten(&self, process: ProcessId) -> bool {
        let last = self.heirs(process).last().unwrap_or(process);
        self.crashed.iter().any(|crash| crash.process == last)
    }

    /// Those who adopted the journal of a process, one of the other.
    pub(crate) fn heirs(&self, process: ProcessId) -> impl Iterator<Item = ProcessId> + '_ {
        let heir = |process: &ProcessId| {
            let crash = self
                .crashed
                .iter()
                .find(|crash| crash.process == *process)?;
            crash.heir
        };
        std::iter::successors(heir(&process), heir)
    }

    /// From when on a removal binds every process: a durable one when it returned; one that was queued when the process
    /// has caught up with Redis, or, if it was killed before that, whoever adopted its journal.
    pub(crate) fn bound_since(&self, remover: ProcessId, removal: &Removal) -> Option<Nanos> {
        if removal.durable {
            return Some(removal.returned);
        }
        std::iter::once(remover)
            .chain(self.heirs(remover))
            .find_map(|process| self.caught_up_after(process, removal))
    }

    /// It was queued, and it was an heir who replayed it.
    pub(crate) fn is_inherited(&self, remover: ProcessId, removal: &Removal) -> bool {
        let mut heirs = self.heirs(remover);
        !removal.durable
            && self.caught_up_after(remover, removal).is_none()
            && heirs.any(|heir| self.caught_up_after(heir, removal).is_some())
    }

    fn caught_up_after(&self, process: ProcessId, removal: &Removal) -> Option<Nanos> {
        let looks = self.caught_up.iter();
        looks
            .filter(|(whose, look)| *whose == process && look.from > removal.returned)
            .map(|(_, look)| look.to)
            .min()
    }

    /// What the next round must still know: the removals of the last seconds, which by now bind everybody, what may not have
    /// been noticed yet, and whose connection nobody drives.
    pub(crate) fn carried_over(&self, healed: Nanos, oldest: Nanos) -> Self {
        let mut removals = self.removals.clone();
        removals.retain(|(process, removal)| {
            removal.called >= oldest && (removal.durable || !self.is_forgotten(*process))
        });
        for (_, removal) in &mut removals {
            removal.durable = true;
            removal.made = Made::Before;
            removal.returned = removal.returned.max(healed);
        }
        let mut unsettled = self.unsettled.clone();
        unsettled.retain(|window| window.to >= oldest);
        let mut undriven = self.undriven.clone();
        undriven.retain(|(_, _, window)| window.to >= healed);
        Self {
            removals,
            unsettled,
            undriven,
            ..Self::default()
        }
    }
}
