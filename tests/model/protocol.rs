//! The protocol as a transition system: what is there at the start, what can happen next.

use std::fmt;

use crate::safeguard::Safeguard;
use crate::state::{
    Data, Faults, Index, Mode, Process, Reader, Reading, Server, Slot, State, Writer, Writing,
};
use crate::{flight, outage, properties, reader, server, writer};

/// One configuration: who takes part, what may go wrong, and which safeguard is missing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Protocol {
    /// Each process, and whether its readers accept the push delay of Redis.
    pub(crate) near: Vec<bool>,
    /// Readers: their process, and how many reads each makes.
    pub(crate) readers: Vec<(u8, u8)>,
    pub(crate) writers: Vec<Task>,
    pub(crate) faults: Faults,
    /// A removal may begin with a local pass, for promptness.
    pub(crate) first_pass: bool,
    /// The index is followed: removals by tag and glob, rebuilds.
    pub(crate) indexed: bool,
    /// An entry stands at the start that the writer's removal does not name.
    pub(crate) seeded: bool,
    /// A promoted server may be one that had reigned before, under the same run id.
    pub(crate) failback: bool,
    pub(crate) off: Option<Safeguard>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) process: u8,
    pub(crate) job: Job,
    pub(crate) times: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// A write, then the removal of the key.
    RemoveKey,
    /// A write, then a removal by a tag that only the entry's value tells.
    RemoveTag,
    /// A write, then a removal by glob, which walks the index.
    RemoveGlob,
    Put,
    /// A cached call that writes, and invalidates its own prefix before it stores.
    Own,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) what: &'static str,
    pub(crate) process: Option<u8>,
}

/// Collects what can happen next.
pub(crate) type Next = Vec<(Step, State)>;

pub(crate) fn add(next: &mut Next, what: &'static str, process: u8, state: State) {
    next.push((
        Step {
            what,
            process: Some(process),
        },
        state,
    ));
}

pub(crate) fn add_server(next: &mut Next, what: &'static str, state: State) {
    next.push((
        Step {
            what,
            process: None,
        },
        state,
    ));
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.process {
            Some(process) => write!(f, "process {process}: {}", self.what),
            None => write!(f, "server: {}", self.what),
        }
    }
}

impl Protocol {
    pub(crate) fn on(&self, safeguard: Safeguard) -> bool {
        self.off != Some(safeguard)
    }

    pub(crate) fn is_near(&self, process: u8) -> bool {
        self.near[usize::from(process)]
    }

    /// The run id that the server shows in a reign.
    pub(crate) fn run(&self, epoch: u8) -> u8 {
        if self.failback {
            1 + (epoch + 1) % 2
        } else {
            epoch
        }
    }

    /// A reader connected to this reign would use the slot.
    pub(crate) fn usable(&self, slot: Slot, epoch: u8) -> Option<(u8, bool)> {
        match slot {
            Slot::Value {
                version,
                run,
                named,
                ..
            } if run == self.run(epoch) || !self.on(Safeguard::EntryRun) => Some((version, named)),
            _ => None,
        }
    }

    pub(crate) fn start(&self) -> State {
        let slot = match self.seeded {
            true => Slot::Value {
                version: 0,
                id: 1,
                run: 1,
                named: false,
            },
            false => Slot::Empty,
        };
        let index = Index {
            complete: self.indexed,
            key: self.indexed && self.seeded,
            ..Index::default()
        };
        let data = Data { slot, index };
        let process = Process {
            mode: Mode::Open,
            epoch: 1,
            copy: None,
            tracked: false,
            pushes: 0,
            flushed: false,
            journal: false,
            recent: false,
            own: 0,
        };
        let reader = |&(process, left)| Reader {
            process,
            reading: Reading::Idle,
            floor: 0,
            left,
        };
        let writer = |task: &Task| Writer {
            writing: Writing::Idle,
            version: 0,
            epoch: 0,
            left: task.times,
        };
        State {
            database: 0,
            durable: 0,
            server: Server {
                up: true,
                epoch: 1,
                data,
                snapshot: Data::default(),
                replica: if self.faults.failovers > 0 {
                    data
                } else {
                    Data::default()
                },
                superseded: Slot::Empty,
                late_plant: None,
            },
            processes: vec![process; self.near.len()],
            flights: Vec::new(),
            readers: self.readers.iter().map(reader).collect(),
            writers: self.writers.iter().map(writer).collect(),
            left: self.faults,
            next: 1,
            broken: None,
        }
    }

    pub(crate) fn steps(&self, state: &State, next: &mut Next) {
        writer::steps(self, state, next);
        reader::steps(self, state, next);
        flight::steps(self, state, next);
        outage::steps(self, state, next);
        server::steps(self, state, next);
    }

    pub(crate) fn broken(&self, state: &State) -> Option<crate::state::Stale> {
        properties::broken(self, state)
    }
}
