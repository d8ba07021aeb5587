//! The protocol as a transition system: what is there at the start, what can happen next.

use super::safeguard::Safeguard::{self, BirthInEra, LedgerReignInEra, NodeInOrigin};
use super::state::{
    Bucket, Era, Faults, Keeper, Ledger, Link, Mode, Origin, Phase, Process, Reader, Slot, Stale,
    State, Stored, Writer,
};
use super::{faults, ledger, link, properties, reader, writer};
use crate::explore::Model;
use crate::protocol::Step;

/// One configuration: who takes part, what may go wrong, and which safeguards are missing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) buckets: usize,
    pub(crate) processes: Vec<Kind>,
    /// Readers: their process, their bucket, and how many reads each makes.
    pub(crate) readers: Vec<(usize, usize, u8)>,
    /// Writers: their process, and what each does once.
    pub(crate) writers: Vec<(usize, Job)>,
    pub(crate) faults: Faults,
    /// A writer begins when the one before it is done.
    pub(crate) in_order: bool,
    /// A master of the ledger that is superseded is gone, and everybody notices.
    pub(crate) prompt: bool,
    /// No entry stands at the start.
    pub(crate) empty: bool,
    pub(crate) off: Vec<Safeguard>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It removes, and reads nothing.
    Writes,
    /// Every reader asks Redis.
    Strict,
    /// From a memory tier that accepts the push delay of Redis.
    Near,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// A write, then the removal of a pattern, which covers all keys; [`OTHER`](super::state::OTHER) covers none.
    Remove(usize),
    /// A write, then the removal of a bucket's key by its name.
    Key(usize),
    /// A cached call at a bucket's key that writes, and removes a pattern of its own before it stores.
    Own(usize, usize),
}

/// Collects what can happen next.
pub(crate) type Next = Vec<(Step, State)>;

pub(crate) fn add(next: &mut Next, what: &'static str, process: usize, state: State) {
    let process = u8::try_from(process).ok();
    next.push((Step { what, process }, state));
}

pub(crate) fn add_server(next: &mut Next, what: &'static str, state: State) {
    let process = None;
    next.push((Step { what, process }, state));
}

impl Cluster {
    pub(crate) fn on(&self, safeguard: Safeguard) -> bool {
        !self.off.contains(&safeguard)
    }

    pub(crate) fn era(&self, reign: u8, birth: u8) -> Era {
        Era {
            reign: if self.on(LedgerReignInEra) { reign } else { 0 },
            birth: if self.on(BirthInEra) { birth } else { 0 },
        }
    }

    pub(crate) fn reads(&self, process: usize) -> bool {
        self.processes[process] != Kind::Writes
    }

    pub(crate) fn is_near(&self, process: usize) -> bool {
        self.processes[process] == Kind::Near
    }

    /// Under which origin a process reads and stores over a connection to this node.
    pub(crate) fn origin(&self, node: u8, era: Era) -> Origin {
        let node = if self.on(NodeInOrigin) { node } else { 0 };
        Origin { node, era }
    }

    /// A process would use the entry, or respect the lease.
    pub(crate) fn is_usable(&self, process: &Process, node: u8, stored: &Stored) -> bool {
        stored.origin == self.origin(node, process.era) && stored.number >= process.known.covering()
    }

    fn bucket(&self) -> Bucket {
        let origin = self.origin(1, self.era(1, 1));
        let entry = Stored {
            token: 63,
            version: 0,
            origin,
            number: 0,
        };
        let slot = if self.empty {
            Slot::Empty
        } else {
            Slot::Entry(entry)
        };
        let replicates = self.faults.failovers > 0;
        Bucket {
            node: 1,
            slot,
            replica: if replicates { slot } else { Slot::Empty },
            deposed: None,
            demoted: 0,
        }
    }

    fn process(&self, kind: Kind) -> Process {
        let reads = kind != Kind::Writes;
        let link = Link {
            node: 1,
            mode: if reads { Mode::Open } else { Mode::Shut },
            subscribed: reads,
            tracked: false,
            queue: Vec::new(),
            copy: None,
        };
        Process {
            era: self.era(1, 1),
            known: Ledger::default(),
            asking: super::state::Asking::Nothing,
            behind: false,
            misled: false,
            heard: 0,
            links: vec![link; self.buckets],
            own: [0; 2],
        }
    }
}

impl Model for Cluster {
    type State = State;
    type Broken = Stale;

    /// An entry stands in each bucket, and all are connected.
    fn start(&self) -> State {
        let reader = |&(_, _, left): &(usize, usize, u8)| Reader {
            phase: Phase::Idle,
            floor: 0,
            over: Slot::Empty,
            origin: Origin::default(),
            number: 0,
            left,
        };
        State {
            database: 0,
            durable: [0; 2],
            keeper: Keeper {
                reign: 1,
                birth: 1,
                ledger: Ledger::default(),
                births: 1,
                replica: (1, Ledger::default()),
                deposed: None,
            },
            buckets: vec![self.bucket(); self.buckets],
            processes: self
                .processes
                .iter()
                .map(|kind| self.process(*kind))
                .collect(),
            readers: self.readers.iter().map(reader).collect(),
            writers: vec![
                Writer {
                    current: true,
                    ..Writer::default()
                };
                self.writers.len()
            ],
            left: self.faults,
            broken: None,
        }
    }

    fn steps(&self, state: &State, next: &mut Next) {
        reader::steps(self, state, next);
        writer::steps(self, state, next);
        link::steps(self, state, next);
        ledger::steps(self, state, next);
        faults::steps(self, state, next);
    }

    fn broken(&self, state: &State) -> Option<Stale> {
        properties::broken(self, state)
    }

    fn canonical(state: State) -> State {
        state
    }
}
