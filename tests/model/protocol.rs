//! The protocol as a transition system: what is there at the start, what can happen next.

use std::fmt;

use crate::explore::Model;
use crate::ledger::{Ledger, Patterns};
use crate::safeguard::Safeguard;
use crate::state::{
    Data, Entry, Faults, Floor, Mode, Origin, Process, Reader, Reading, Server, Slot, Stale, State,
    Writer, Writing,
};
use crate::{
    connection, flight, hand_over, journal, outage, properties, reader, refresh, server, store,
    writer,
};

/// How a process reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// From a memory tier that accepts the push delay of Redis.
    Near,
    /// Without push delay: every reader asks Redis.
    Strict,
    /// Without pushes: every reader asks Redis, and asks for the ledger's news after it.
    Pull,
}

/// One configuration: who takes part, what may go wrong, and which safeguards are missing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Protocol {
    pub(crate) processes: Vec<Reads>,
    /// Readers: their process, and how many reads each makes.
    pub(crate) readers: Vec<(u8, u8)>,
    pub(crate) writers: Vec<Task>,
    pub(crate) faults: Faults,
    /// Redis writes the push of a connection's own removal before its reply (6.2, 7.0), or after it (8.0, Valkey 9.1).
    pub(crate) push_first: bool,
    /// What a push teaches, and what it takes out of memory and flights, are two steps.
    pub(crate) two_halves: bool,
    /// An entry without the tag stands at the start.
    pub(crate) seeded: bool,
    /// No removal covers the entry that stands at the start: it must stay, and be of use to all.
    pub(crate) survives: bool,
    /// A promoted server may be one that had reigned before, under the same run id.
    pub(crate) failback: bool,
    pub(crate) off: Vec<Safeguard>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) process: u8,
    pub(crate) job: Job,
    pub(crate) times: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// A write, then the removal of these patterns. (No write, if they do not cover the key.)
    Remove(Patterns),
    Put,
    /// A cached call that writes, and invalidates these patterns before it stores.
    Own(Patterns),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) what: &'static str,
    pub(crate) process: Option<u8>,
}

/// Collects what can happen next.
pub(crate) type Next = Vec<(Step, State)>;

pub(crate) fn add(next: &mut Next, what: &'static str, process: u8, state: State) {
    let process = Some(process);
    next.push((Step { what, process }, state));
}

pub(crate) fn add_server(next: &mut Next, what: &'static str, state: State) {
    let process = None;
    next.push((Step { what, process }, state));
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
        !self.off.contains(&safeguard)
    }

    pub(crate) fn is_near(&self, process: u8) -> bool {
        self.processes[usize::from(process)] == Reads::Near
    }

    /// It has pushes.
    pub(crate) fn hears(&self, process: u8) -> bool {
        self.processes[usize::from(process)] != Reads::Pull
    }

    /// The run of the server in a reign: its run id, and which reign of that run it is.
    pub(crate) fn run(&self, reign: u8) -> u8 {
        match (self.on(Safeguard::Run), self.on(Safeguard::Reign)) {
            (false, _) => 0,
            (true, false) if self.failback => 1 + (reign + 1) % 2,
            _ => reign,
        }
    }

    pub(crate) fn origin_in(&self, reign: u8, known: &Ledger) -> Origin {
        let birth = if self.on(Safeguard::Birth) {
            known.birth
        } else {
            0
        };
        Origin {
            run: self.run(reign),
            birth,
        }
    }

    pub(crate) fn origin(&self, process: &Process) -> Origin {
        self.origin_in(process.reign, &process.known)
    }

    /// Nothing that covers what was loaded under this number is newer, as far as the ledger is known.
    pub(crate) fn is_fresh(&self, known: &Ledger, number: u8, tagged: bool) -> bool {
        number >= known.covering(tagged) || !self.on(Safeguard::Number)
    }

    /// Whoever knows the ledger so would read the entry.
    pub(crate) fn is_usable(&self, entry: &Entry, reign: u8, known: &Ledger) -> bool {
        entry.origin == self.origin_in(reign, known)
            && self.is_fresh(known, entry.number, entry.tagged)
            && !entry.ended
    }
}

impl Model for Protocol {
    type State = State;
    type Broken = Stale;

    fn start(&self) -> State {
        let ledger = Ledger::born(1);
        let slot = if self.seeded {
            Slot::Value(Entry {
                version: 0,
                id: 1,
                origin: self.origin_in(1, &ledger),
                number: 0,
                tagged: false,
                ended: false,
            })
        } else {
            Slot::Empty
        };
        let data = Data {
            slot,
            lock: 0,
            ledger,
        };
        let reader = |&(process, left)| Reader {
            process,
            reading: Reading::Idle,
            floor: Floor::default(),
            left,
        };
        let writer = |task: &Task| Writer {
            writing: Writing::Idle,
            version: 0,
            spares: 0,
            left: task.times,
        };
        let replicates = self.faults.failovers > 0;
        State {
            database: 0,
            durable: Floor::default(),
            server: Server {
                up: true,
                reign: 1,
                data,
                snapshot: Data::default(),
                replica: if replicates { data } else { Data::default() },
                deposed: None,
                births: 1,
                late: None,
            },
            processes: vec![process(ledger); self.processes.len()],
            flights: Vec::new(),
            readers: self.readers.iter().map(reader).collect(),
            writers: self.writers.iter().map(writer).collect(),
            left: self.faults,
            next: 1,
            broken: None,
        }
    }

    fn steps(&self, state: &State, next: &mut Next) {
        writer::steps(self, state, next);
        reader::steps(self, state, next);
        hand_over::steps(self, state, next);
        flight::steps(self, state, next);
        store::steps(self, state, next);
        refresh::steps(self, state, next);
        connection::steps(self, state, next);
        outage::steps(self, state, next);
        journal::steps(self, state, next);
        server::steps(self, state, next);
    }

    fn broken(&self, state: &State) -> Option<Stale> {
        properties::broken(self, state)
    }

    fn canonical(state: State) -> State {
        state.canonical()
    }
}

fn process(known: Ledger) -> Process {
    Process {
        mode: Mode::Open,
        reign: 1,
        known,
        queue: Vec::new(),
        delayed: Vec::new(),
        copy: None,
        tracked: false,
        waiting: Patterns::NONE,
        replaying: Patterns::NONE,
        replayed: None,
        recent: Patterns::NONE,
        own: Floor::default(),
    }
}
