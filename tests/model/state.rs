//! Everything that can differ between two moments.

use crate::ledger::{Ledger, Patterns};
use crate::message::{Message, Removed};

/// Where a number comes from; numbers of two origins are not compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) run: u8,
    pub(crate) birth: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    pub(crate) token: u8,
    pub(crate) origin: Origin,
    pub(crate) number: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) version: u8,
    pub(crate) id: u8,
    pub(crate) origin: Origin,
    pub(crate) number: u8,
    /// It carries the tag.
    pub(crate) tagged: bool,
    /// Its time is over; a refresh keeps it standing.
    pub(crate) ended: bool,
}

/// What stands at the key in Redis, or stood there when a reply was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    #[default]
    Empty,
    Lease(Lease),
    Value(Entry),
}

impl Slot {
    /// The same lease, or the same entry: by its token, its identity.
    pub(crate) fn is(self, other: Slot) -> bool {
        match (self, other) {
            (Slot::Empty, Slot::Empty) => true,
            (Slot::Lease(one), Slot::Lease(two)) => one.token == two.token,
            (Slot::Value(one), Slot::Value(two)) => one.id == two.id,
            _ => false,
        }
    }
}

/// What a server, a snapshot or a replica holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Data {
    pub(crate) slot: Slot,
    /// The lock beside the key: the flight that holds it; 0: none.
    pub(crate) lock: u8,
    pub(crate) ledger: Ledger,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) up: bool,
    /// Counts the reigns: each restart and each promotion begins one.
    pub(crate) reign: u8,
    pub(crate) data: Data,
    pub(crate) snapshot: Data,
    pub(crate) replica: Data,
    /// The master of the reign before, which somebody may still be connected to.
    pub(crate) deposed: Option<Data>,
    /// The births given so far.
    pub(crate) births: u8,
    /// A command that was sent, whose sender has given it up.
    pub(crate) late: Option<Late>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Late {
    Plant(Lease),
    Store { over: Slot, entry: Entry },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// Redis is read.
    Open,
    /// It is not.
    Shut,
    /// Connected and subscribed.
    Subscribed,
    /// The ledger is asked for.
    Asking,
    /// It has been read.
    Ready,
    /// In the middle of a switch that is not one step.
    Opening,
}

/// What is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Copy {
    pub(crate) version: u8,
    pub(crate) tagged: bool,
}

/// The oldest versions that may be read: of any entry, and of one that carries the tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Floor {
    any: u8,
    tagged: u8,
}

impl Floor {
    /// A version was removed by these patterns.
    pub(crate) fn raise(&mut self, version: u8, patterns: Patterns) {
        if patterns.cover_key() {
            self.any = self.any.max(version);
        }
        if patterns.cover(true) {
            self.tagged = self.tagged.max(version);
        }
    }

    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            any: self.any.max(other.any),
            tagged: self.tagged.max(other.tagged),
        }
    }

    pub(crate) fn forbids(self, version: u8, tagged: bool) -> bool {
        version < self.any || (tagged && version < self.tagged)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) mode: Mode,
    /// The reign of the server that it is connected to; 0: to none.
    pub(crate) reign: u8,
    /// What it knows of the ledger.
    pub(crate) known: Ledger,
    pub(crate) queue: Vec<Message>,
    /// Pushes that keep no order (without that safeguard).
    pub(crate) delayed: Vec<Message>,
    /// Its memory tier.
    pub(crate) copy: Option<Copy>,
    /// Redis will push the next change of the key to it.
    pub(crate) tracked: bool,
    /// Removals that wait for Redis.
    pub(crate) waiting: Patterns,
    /// Those of them that are sent.
    pub(crate) replaying: Patterns,
    /// What Redis replied to that.
    pub(crate) replayed: Option<Removed>,
    /// Removals that Redis acknowledged lately.
    pub(crate) recent: Patterns,
    /// What its own removals forbid, durable or queued.
    pub(crate) own: Floor,
}

impl Process {
    /// Waiting removals shut what they cover.
    pub(crate) fn shut(&self) -> Patterns {
        self.waiting.and(self.replaying)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Read,
    /// The own `GET` of a reader that accepts no push delay.
    Ask,
    /// Stores over the entry that it read; nobody joins it.
    Refresh,
    Put,
    /// A cached call that invalidates its own prefix, and has not done so yet.
    Own,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Command {
    Get,
    /// The news of the ledger, in one pipeline with a `GET` that Redis answers so.
    News(Slot, bool),
    Plant,
    Lock,
    Store(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Sent(Command),
    /// Redis has run it; the reply is in the queue.
    Ran(Command),
    /// The reply to the `GET`, with the lock beside the key; it is not judged yet.
    Reply(Slot, bool),
    /// It was an entry, and the reader has it; memory does not yet.
    Fill(Entry),
    /// The load has begun, and has read nothing yet.
    Load,
    /// It has read this version; the value is not there yet, and its tags are unknown.
    Body(u8),
    /// The store has ended; the flight has not drawn its conclusion yet.
    Verdict {
        version: u8,
        won: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flight {
    pub(crate) id: u8,
    pub(crate) process: u8,
    pub(crate) kind: Kind,
    pub(crate) phase: Phase,
    /// What its next command may replace: what it found, then its lease, or the entry of a refresh.
    pub(crate) over: Slot,
    /// It may store over `over`.
    pub(crate) leased: bool,
    pub(crate) origin: Origin,
    pub(crate) number: u8,
    /// It began while Redis was read.
    pub(crate) linked: bool,
    /// The connection that it used last is gone.
    pub(crate) cut: bool,
    /// It is the one that readers of this process find.
    pub(crate) live: bool,
    pub(crate) retired: bool,
    pub(crate) dirty: bool,
    /// The fence was raised since it began.
    pub(crate) fenced: bool,
    /// A removal by tag may concern it.
    pub(crate) suspect: bool,
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
    pub(crate) floor: Floor,
    /// Reads to go.
    pub(crate) left: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Writing {
    Idle,
    /// The database has the new version.
    Wrote,
    /// Redis has run the removal; `current`: on the server that reigned then.
    Ran {
        current: bool,
    },
    /// Its reply is here.
    Removed {
        current: bool,
        reply: Removed,
    },
    /// The journal has it.
    Queued,
    /// It runs a flight of its own.
    Flying(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Writer {
    pub(crate) writing: Writing,
    pub(crate) version: u8,
    /// The flight that its removal spares; 0: none.
    pub(crate) spares: u8,
    pub(crate) left: u8,
}

/// Events that may still happen, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    /// A lease, an entry or a lock expires.
    pub(crate) expiries: u8,
    /// A `DEL` by hand.
    pub(crate) deletions: u8,
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
    /// The ledger is evicted.
    pub(crate) evictions: u8,
    /// Two patterns become the prefix that they have in common.
    pub(crate) folds: u8,
    /// A pattern is dropped for its age.
    pub(crate) prunings: u8,
}

/// A property that did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stale {
    /// A read returned a version that had been removed before it began.
    Read { process: u8, got: u8, floor: Floor },
    /// A copy in memory that no push will take out.
    Copy { process: u8 },
    /// Something in Redis that a process would use.
    Entry,
    /// Not stale but lost: an entry that no removal covers is of no use.
    Lost,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The version in the database.
    pub(crate) database: u8,
    /// What the removals that returned `durable` forbid.
    pub(crate) durable: Floor,
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

    pub(crate) fn at(&self, process: u8) -> &Process {
        &self.processes[usize::from(process)]
    }

    pub(crate) fn process(&mut self, process: u8) -> &mut Process {
        &mut self.processes[usize::from(process)]
    }

    pub(crate) fn process_numbers(&self) -> std::ops::Range<u8> {
        0..u8::try_from(self.processes.len()).unwrap_or(0)
    }

    pub(crate) fn flight_of(&self, id: u8) -> Option<usize> {
        self.flights.iter().position(|flight| flight.id == id)
    }
}
