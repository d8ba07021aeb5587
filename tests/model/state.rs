//! Everything that can differ between two moments.

/// What stands at the key in Redis, or stood there when a reply was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    #[default]
    Empty,
    Lease {
        token: u8,
        run: u8,
    },
    /// `named`: the writer's removal names it (an entry may stand that does not carry the tag).
    Value {
        version: u8,
        id: u8,
        run: u8,
        named: bool,
    },
}

/// The members that the key has in the index, the completeness marker, and a rebuild's own member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Index {
    pub(crate) complete: bool,
    pub(crate) key: bool,
    pub(crate) tag: bool,
    pub(crate) open: bool,
    pub(crate) rebuild: bool,
}

/// What a snapshot or a replica holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Data {
    pub(crate) slot: Slot,
    pub(crate) index: Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) up: bool,
    /// Counts the reigns: each restart and each promotion begins one.
    pub(crate) epoch: u8,
    pub(crate) data: Data,
    pub(crate) snapshot: Data,
    pub(crate) replica: Data,
    /// What the server held that was master before: who is still connected to it may find its own lease there.
    pub(crate) superseded: Slot,
    /// A planting that was sent, whose sender is gone.
    pub(crate) late_plant: Option<(u8, u8)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// Redis is read.
    Open,
    /// It is not.
    Shut,
    /// Connected, the journal replayed.
    Replayed,
    /// In the middle of a switch that is not one step.
    Opening,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) mode: Mode,
    /// The reign that it is connected to; 0: to none.
    pub(crate) epoch: u8,
    /// The version in its memory tier.
    pub(crate) copy: Option<u8>,
    /// Redis will push the next change to it.
    pub(crate) tracked: bool,
    /// Pushes on their way.
    pub(crate) pushes: u8,
    /// "Everything changed" is on its way.
    pub(crate) flushed: bool,
    pub(crate) journal: bool,
    pub(crate) recent: bool,
    /// The newest version whose removal returned in this process, durable or queued.
    pub(crate) own: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Read,
    /// Stores over the entry that it read; nobody joins it.
    Refresh,
    Put,
    /// A cached call that invalidates its own prefix.
    Own,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// The leader's `GET` is sent.
    Get,
    /// It was answered so; the leader has not seen it yet.
    Reply(Slot),
    /// The lease is sent.
    Plant,
    /// The load has begun, and has read nothing yet.
    Load,
    /// It has read this version.
    Body(u8),
    /// The store was executed, or failed; the leader has not seen it yet.
    Verdict { version: u8, won: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flight {
    pub(crate) id: u8,
    pub(crate) process: u8,
    pub(crate) kind: Kind,
    pub(crate) phase: Phase,
    /// What its store may replace.
    pub(crate) over: Slot,
    /// The connection it uses; 0: it began without Redis.
    pub(crate) epoch: u8,
    /// It is the one that readers of this process find.
    pub(crate) live: bool,
    pub(crate) retired: bool,
    pub(crate) dirty: bool,
    /// The fence was raised since it began.
    pub(crate) fenced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reading {
    Idle,
    /// It leads the flight.
    Lead(u8),
    /// It came before the load began.
    Before(u8),
    /// It came while the load was under way.
    During(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reader {
    pub(crate) process: u8,
    pub(crate) reading: Reading,
    /// The oldest version that it may return.
    pub(crate) floor: u8,
    /// Reads to go.
    pub(crate) left: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Writing {
    Idle,
    /// The database has the new version.
    Wrote,
    /// The optional local pass is done.
    Passed,
    /// The n-th step of a walk over the index.
    Walk(u8),
    /// The walk waits for a rebuild, at its n-th step.
    Rebuild {
        walk: u8,
        step: u8,
    },
    /// Redis has removed it.
    Removed,
    /// The journal has it.
    Queued,
    /// It runs a flight of its own.
    Flying(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Writer {
    pub(crate) writing: Writing,
    pub(crate) version: u8,
    /// The reign in which its removal began.
    pub(crate) epoch: u8,
    pub(crate) left: u8,
}

/// Events that may still happen, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    /// A lease or an entry expires.
    pub(crate) expiries: u8,
    pub(crate) refreshes: u8,
    /// A leader's caller vanishes.
    pub(crate) drops: u8,
    /// A command times out; whether it ran is unknown.
    pub(crate) timeouts: u8,
    pub(crate) saves: u8,
    /// Each with a restart from the snapshot.
    pub(crate) crashes: u8,
    /// A lagging replica is promoted.
    pub(crate) failovers: u8,
    /// A process loses its connection, and the server stays.
    pub(crate) cuts: u8,
    pub(crate) flushalls: u8,
    /// The index is lost, with its marker.
    pub(crate) index_losses: u8,
}

/// A property that did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stale {
    /// A read returned a version that had been removed before it began.
    Read { process: u8, got: u8, floor: u8 },
    /// A copy in memory that no push will take out.
    Copy { process: u8 },
    /// Something in Redis that a process would use.
    Entry,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The version in the database.
    pub(crate) database: u8,
    /// The newest version whose removal returned `durable`.
    pub(crate) durable: u8,
    pub(crate) server: Server,
    pub(crate) processes: Vec<Process>,
    pub(crate) flights: Vec<Flight>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) writers: Vec<Writer>,
    pub(crate) left: Faults,
    /// The next identity to give.
    pub(crate) next: u8,
    pub(crate) broken: Option<Stale>,
}

impl State {
    pub(crate) fn fresh(&mut self) -> u8 {
        self.next += 1;
        self.next
    }

    /// The server, reached by this process's current connection.
    pub(crate) fn connected(&self, process: u8) -> bool {
        self.server.up && self.processes[usize::from(process)].epoch == self.server.epoch
    }

    pub(crate) fn process(&mut self, process: u8) -> &mut Process {
        &mut self.processes[usize::from(process)]
    }

    /// Changes what stands at the key; whoever is tracked will hear of it.
    pub(crate) fn change(&mut self, slot: Slot) {
        self.server.data.slot = slot;
        let epoch = self.server.epoch;
        for process in &mut self.processes {
            if process.tracked && process.epoch == epoch {
                process.pushes = (process.pushes + 1).min(2);
            }
            process.tracked = false;
        }
    }

    /// The same state with its identities named in the order in which they are met, and equal readers in one order: two
    /// histories that differ only in names are one.
    pub(crate) fn canonical(mut self) -> Self {
        self.readers.sort_unstable();
        let mut names = Names::default();
        let server = &mut self.server;
        let (data, snapshot) = (&mut server.data.slot, &mut server.snapshot.slot);
        for slot in [
            data,
            snapshot,
            &mut server.replica.slot,
            &mut server.superseded,
        ] {
            names.slot(slot);
        }
        if let Some((_, token)) = &mut server.late_plant {
            names.name(token);
        }
        for flight in &mut self.flights {
            names.name(&mut flight.id);
            names.slot(&mut flight.over);
            if let Phase::Reply(slot) = &mut flight.phase {
                names.slot(slot);
            }
        }
        for reader in &mut self.readers {
            if let Reading::Lead(id) | Reading::Before(id) | Reading::During(id) =
                &mut reader.reading
            {
                names.name(id);
            }
        }
        for writer in &mut self.writers {
            if let Writing::Flying(id) = &mut writer.writing {
                names.name(id);
            }
        }
        self.next = names.given;
        self
    }
}

#[derive(Default)]
struct Names {
    new: [u8; 32],
    given: u8,
}

impl Names {
    fn name(&mut self, id: &mut u8) {
        let new = &mut self.new[usize::from(*id)];
        if *new == 0 {
            self.given += 1;
            *new = self.given;
        }
        *id = *new;
    }

    fn slot(&mut self, slot: &mut Slot) {
        match slot {
            Slot::Empty => {}
            Slot::Lease { token: id, .. } | Slot::Value { id, .. } => self.name(id),
        }
    }
}
