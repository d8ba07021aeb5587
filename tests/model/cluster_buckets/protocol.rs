//! The protocol as a transition system: what is there at the start, what can happen next.

use super::safeguard::Safeguard::{self, BirthInOrigin, RunInOrigin};
use super::state::{
    Bucket, Data, Faults, Ledger, Link, Message, Mode, Origin, Process, Reader, Slot, Stale, State,
    Stored, Writer,
};
use super::{faults, link, properties, reader, writer};
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
    /// A writer begins when the one before it has returned.
    pub(crate) in_order: bool,
    /// No entry stands at the start.
    pub(crate) empty: bool,
    /// The entries at the start were stored at the other master, before the slots moved from there to here.
    pub(crate) returns: bool,
    /// What is on the bus at the start.
    pub(crate) bus: Vec<(usize, u8, Message)>,
    /// Messages name the run of the master that wrote them, and one of another run is ignored.
    pub(crate) run_in_messages: bool,
    /// A ledger that was opened at a master of another run is born anew.
    pub(crate) born_for_one_run: bool,
    /// Each link has read a key of the bucket that never changes: when it moves, its deletion is pushed, and ends the link.
    pub(crate) marked: bool,
    pub(crate) off: Vec<Safeguard>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
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

    /// Whether what a process hears about a bucket matters to anyone: it reads the bucket.
    pub(crate) fn hears(&self, process: usize, bucket: usize) -> bool {
        let reads = |reader: &(usize, usize, u8)| (reader.0, reader.1) == (process, bucket);
        self.readers.iter().any(reads)
    }

    pub(crate) fn is_near(&self, process: usize) -> bool {
        self.processes[process] == Kind::Near
    }

    /// The writer's removal covers the keys.
    pub(crate) fn covers(&self, writer: usize) -> bool {
        self.writers[writer].1 != Job::Remove(super::state::OTHER)
    }

    /// The writer's removal has a part in the bucket.
    pub(crate) fn concerns(&self, writer: usize, bucket: usize) -> bool {
        !matches!(self.writers[writer].1, Job::Key(key) if key != bucket)
    }

    /// Under which origin a process reads and stores at this node.
    pub(crate) fn origin(&self, node: u8, birth: u8) -> Origin {
        let run = if self.on(RunInOrigin) { node } else { 0 };
        let birth = if self.on(BirthInOrigin) { birth } else { 0 };
        Origin { run, birth }
    }

    /// A process would use the entry, or respect the lease.
    pub(crate) fn is_usable(&self, node: u8, known: &Ledger, stored: &Stored) -> bool {
        stored.origin == self.origin(node, known.birth) && stored.number >= known.covering()
    }

    /// The ledger that all know at the start. One removal was recorded in it.
    fn ledger(&self) -> Ledger {
        Ledger {
            // It would have been born anew when the slot came here.
            birth: 1 + u8::from(self.born_for_one_run && self.returns),
            run: u8::from(self.born_for_one_run),
            counter: 1,
            ..Ledger::default()
        }
    }

    fn bucket(&self) -> Bucket {
        let entry = Stored {
            token: 63,
            version: 0,
            origin: self.origin(if self.returns { 2 } else { 1 }, 1),
            number: 1,
        };
        let slot = if self.empty {
            Slot::Empty
        } else {
            Slot::Entry(entry)
        };
        let ledger = self.ledger();
        let data = Data { ledger, slot };
        let replicates = self.faults.failovers + self.faults.kills > 0;
        Bucket {
            owner: 1,
            data,
            other: 2,
            moved: None,
            replica: if replicates { data } else { Data::default() },
            deposed: None,
            births: ledger.birth,
        }
    }

    fn process(&self) -> Process {
        let link = Link {
            node: 1,
            mode: Mode::Open,
            subscribed: true,
            known: self.ledger(),
            last_run: 1,
            ..Link::default()
        };
        Process {
            links: vec![link; self.buckets],
            own: [0; 2],
        }
    }
}

impl Model for Cluster {
    type State = State;
    type Broken = Stale;

    /// An entry stands in each bucket, and all links are open.
    fn start(&self) -> State {
        let reader = |&(_, _, left): &(usize, usize, u8)| Reader {
            left,
            ..Reader::default()
        };
        State {
            database: 0,
            durable: [0; 2],
            buckets: vec![self.bucket(); self.buckets],
            processes: self.processes.iter().map(|_| self.process()).collect(),
            readers: self.readers.iter().map(reader).collect(),
            writers: vec![Writer::default(); self.writers.len()],
            bus: self.bus.clone(),
            left: self.faults,
            broken: None,
        }
    }

    fn steps(&self, state: &State, next: &mut Next) {
        reader::steps(self, state, next);
        writer::steps(self, state, next);
        link::steps(self, state, next);
        faults::steps(self, state, next);
    }

    fn broken(&self, state: &State) -> Option<Stale> {
        properties::broken(self, state)
    }

    fn canonical(state: State) -> State {
        state
    }
}
