//! Everything that can differ between two moments.

/// Which ledger a number is from: the run and reign of the ledger's master, and the ledger's birth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Era {
    pub(crate) reign: u8,
    pub(crate) birth: u8,
}

/// What must be the same for an entry to be of use: the node that holds its bucket, in one reign, and the era.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) node: u8,
    pub(crate) era: Era,
}

/// The patterns of removals; each covers the keys of all buckets.
pub(crate) const PATTERNS: usize = 2;

/// The largest number given, and the number of each pattern; in Redis, or as a process knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    pub(crate) counter: u8,
    pub(crate) numbers: [u8; PATTERNS],
}

/// A pattern that covers none of the keys: it only takes a number.
pub(crate) const OTHER: usize = PATTERNS;

impl Ledger {
    pub(crate) fn set(&mut self, number: u8, pattern: usize) {
        self.counter = self.counter.max(number);
        if let Some(own) = self.numbers.get_mut(pattern) {
            *own = number.max(*own);
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.counter = self.counter.max(other.counter);
        for (own, number) in self.numbers.iter_mut().zip(other.numbers) {
            *own = number.max(*own);
        }
    }

    /// The largest number of a pattern that covers the keys.
    pub(crate) fn covering(&self) -> u8 {
        self.numbers.into_iter().max().unwrap_or(0)
    }
}

/// The ledger's master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Keeper {
    pub(crate) reign: u8,
    /// 0: there is no ledger.
    pub(crate) birth: u8,
    pub(crate) ledger: Ledger,
    pub(crate) births: u8,
    /// What the replica has: a birth, and a ledger.
    pub(crate) replica: (u8, Ledger),
    /// The master of the reign before, which processes may still ask.
    pub(crate) deposed: Option<(u8, Ledger)>,
}

/// What stands at a bucket's one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    #[default]
    Empty,
    Lease(Stored),
    Entry(Stored),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stored {
    /// Whose load it is from.
    pub(crate) token: u8,
    /// What the load has read; nothing yet in a lease.
    pub(crate) version: u8,
    pub(crate) origin: Origin,
    pub(crate) number: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bucket {
    /// The master that owns it, in one reign.
    pub(crate) node: u8,
    pub(crate) slot: Slot,
    pub(crate) replica: Slot,
    /// The master before, which does not know yet that it is deposed.
    pub(crate) deposed: Option<(u8, Slot)>,
    /// A master before that is a replica of the new one now; 0: none.
    pub(crate) demoted: u8,
}

/// What a process does about a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    #[default]
    Shut,
    /// To the node that it takes for the owner.
    Connected,
    /// The subscription is sent.
    Subscribing,
    /// The subscription is confirmed: the ledger is to be read.
    Subscribed,
    /// The ledger is being read.
    Asking,
    /// Its entries are read.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    Subscribed,
    /// A push: the slot is not here any more.
    Unsubscribed,
    /// A push: a removal.
    Removal {
        era: Era,
        number: u8,
        pattern: usize,
    },
    /// A push: the key has changed.
    Changed,
    /// A reply to a `GET`.
    Got {
        reader: usize,
        slot: Slot,
    },
    /// A reply to a planting: what stands there now.
    Planted {
        reader: usize,
        slot: Slot,
    },
    /// A reply: the slot is elsewhere.
    Moved {
        reader: usize,
    },
}

/// A process's connection to the node of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    /// 0: none.
    pub(crate) node: u8,
    pub(crate) mode: Mode,
    /// As the node sees it.
    pub(crate) subscribed: bool,
    pub(crate) tracked: bool,
    pub(crate) queue: Vec<Message>,
    /// The version that the memory tier has.
    pub(crate) copy: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Asking {
    #[default]
    Nothing,
    /// The ledger is asked for.
    Sent,
    /// Its master has run that; the reply is on its way.
    Ran {
        era: Era,
        ledger: Ledger,
        deposed: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) era: Era,
    pub(crate) known: Ledger,
    pub(crate) asking: Asking,
    /// It asks the ledger's master of the reign before, while that is there.
    pub(crate) behind: bool,
    /// A deposed master has told it what it knows of the ledger.
    pub(crate) misled: bool,
    /// The latest reign of the ledger's master that a push has told of.
    pub(crate) heard: u8,
    pub(crate) links: Vec<Link>,
    /// What its own removals forbid in each bucket, durable or queued.
    pub(crate) own: [u8; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    #[default]
    Idle,
    /// The `GET` is sent.
    Get,
    /// The planting is sent.
    Plant,
    /// A command has run; its reply is in the queue.
    Waits,
    Load,
    /// The load has read this version.
    Body(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reader {
    pub(crate) phase: Phase,
    /// The oldest version that may be read.
    pub(crate) floor: u8,
    /// What it plants over; then its lease.
    pub(crate) over: Slot,
    pub(crate) origin: Origin,
    pub(crate) number: u8,
    /// Reads to go.
    pub(crate) left: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Writing {
    #[default]
    Idle,
    /// A call that removes its own prefix has planted its lease.
    Planted,
    /// The database has the new version.
    Wrote,
    /// The ledger has the removal; the reply is on its way. `newer`: something else that covers has a larger number than
    /// the call's own load.
    Recorded {
        era: Era,
        number: u8,
        newer: bool,
    },
    /// Some buckets are still to be told: one bit each.
    Publishing {
        era: Era,
        number: u8,
        pending: u8,
    },
    /// All that is due is acknowledged.
    Paid,
    Done,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Writer {
    pub(crate) writing: Writing,
    pub(crate) version: u8,
    /// It ran where its key, its bucket or the ledger really is.
    pub(crate) current: bool,
    /// It waits in the journal, and shuts what it covers.
    pub(crate) queued: bool,
    /// The lease of a call that removes its own prefix.
    pub(crate) lease: Option<Stored>,
}

/// Events that may still happen, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    /// A bucket moves to the other node, or back.
    pub(crate) moves: u8,
    /// A lagging replica of a bucket's master is promoted.
    pub(crate) failovers: u8,
    /// A lagging replica of the ledger's master is promoted.
    pub(crate) ledger_failovers: u8,
    pub(crate) evictions: u8,
    /// A process loses a connection, and the node stays.
    pub(crate) cuts: u8,
    /// A removal times out between its record and its last publication.
    pub(crate) timeouts: u8,
}

/// A property that did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stale {
    /// A read returned a version that had been removed before it began.
    Read {
        process: usize,
        bucket: usize,
        got: u8,
        floor: u8,
    },
    /// A copy in memory that no push will take out.
    Copy { process: usize, bucket: usize },
    /// Nothing is under way, and a process would use what was removed.
    Entry { process: usize, bucket: usize },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The version in the database.
    pub(crate) database: u8,
    /// What the removals that returned `durable` forbid in each bucket.
    pub(crate) durable: [u8; 2],
    pub(crate) keeper: Keeper,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) processes: Vec<Process>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) writers: Vec<Writer>,
    pub(crate) left: Faults,
    pub(crate) broken: Option<Stale>,
}
