//! What happened, as the processes tell it: one line of JSON an event.

use serde::{Deserialize, Serialize};

use crate::catalogue::{Family, Target};
use crate::clock::Nanos;

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
    /// It stood still, because the machine or a signal made it.
    Stood(Nanos, Nanos),
    Panicked(String),
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
}

/// A removal that returned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Removal {
    /// No value whose load began before this may be served afterwards.
    pub(crate) called: Nanos,
    pub(crate) returned: Nanos,
    pub(crate) target: Target,
    pub(crate) durable: bool,
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
    /// Faults after which entries or leases may be gone, whoever asks.
    pub(crate) unsettled: Vec<Window>,
    pub(crate) stood: Vec<(ProcessId, Window)>,
    pub(crate) panics: Vec<(ProcessId, String)>,
    pub(crate) crashed: Vec<(ProcessId, Nanos)>,
    /// Since then nothing is wrong, and everybody has heard of everything.
    pub(crate) healed: Option<Nanos>,
}

impl History {
    pub(crate) fn has_crashed(&self, process: ProcessId) -> bool {
        self.crashed.iter().any(|(crashed, _)| *crashed == process)
    }

    /// What the next round must still know: the removals of the last seconds, which by now bind everybody.
    pub(crate) fn carried_over(&self, healed: Nanos, oldest: Nanos) -> Self {
        let mut removals = self.removals.clone();
        removals.retain(|(process, removal)| {
            removal.called >= oldest && (removal.durable || !self.has_crashed(*process))
        });
        for (_, removal) in &mut removals {
            removal.durable = true;
            removal.returned = removal.returned.max(healed);
        }
        Self {
            removals,
            ..Self::default()
        }
    }
}
