//! Everything that can differ between two moments.

/// What must be the same for an entry to be of use: the master's run and reign, and the birth of the bucket's ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) run: u8,
    pub(crate) birth: u8,
}

/// The patterns of removals; each covers the keys of all buckets.
pub(crate) const PATTERNS: usize = 2;

/// A pattern that covers none of the keys: it only takes a number.
pub(crate) const OTHER: usize = PATTERNS;

/// A bucket's ledger, in Redis or as a link knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    /// 0: there is none, or none is known.
    pub(crate) birth: u8,
    /// The run of the master that created it, where ledgers tell that.
    pub(crate) run: u8,
    /// The largest number given.
    pub(crate) counter: u8,
    /// The number of each pattern.
    pub(crate) numbers: [u8; PATTERNS],
}

impl Ledger {
    pub(crate) fn set(&mut self, number: u8, pattern: usize) {
        self.counter = self.counter.max(number);
        if let Some(own) = self.numbers.get_mut(pattern) {
            *own = number.max(*own);
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        (self.birth, self.run) = (other.birth, other.run);
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

/// What one node holds of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Data {
    pub(crate) ledger: Ledger,
    pub(crate) slot: Slot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bucket {
    /// The master that owns it, in one run and reign.
    pub(crate) owner: u8,
    pub(crate) data: Data,
    /// The master that it may move to.
    pub(crate) other: u8,
    /// While it moves: what has arrived there.
    pub(crate) moved: Option<Data>,
    /// What the owner's replica has.
    pub(crate) replica: Data,
    /// The master before, which does not know yet that it is deposed.
    pub(crate) deposed: Option<(u8, Data)>,
    pub(crate) births: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    #[default]
    Shut,
    /// It is to read the ledger.
    Connected,
    /// It has asked for the ledger.
    Opening,
    /// Its entries are read, and removals are recorded over it.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    /// A push: a removal.
    Removal {
        birth: u8,
        number: u8,
        pattern: usize,
        /// The master that wrote it; real messages do not tell.
        run: u8,
    },
    /// A push: a ledger was created.
    Born { birth: u8, run: u8 },
    /// A push: the key has changed.
    Changed,
    /// A push: the key that marks the bucket has moved.
    Gone,
    /// The reply to the open script.
    Opened(Ledger),
    /// The reply to a `GET`.
    Got { reader: usize, slot: Slot },
    /// The reply to a planting: what stands there now.
    Planted { reader: usize, slot: Slot },
    /// `MOVED` or `ASK`.
    Elsewhere { reader: usize },
}

/// A process's link to the node of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    /// 0: none.
    pub(crate) node: u8,
    pub(crate) mode: Mode,
    /// It was not heard lately: it is neither used nor given up.
    pub(crate) unheard: bool,
    /// As the node sees it.
    pub(crate) subscribed: bool,
    pub(crate) tracked: bool,
    pub(crate) queue: Vec<Message>,
    /// What it knows of the ledger.
    pub(crate) known: Ledger,
    /// The version that the memory tier has.
    pub(crate) copy: Option<u8>,
    /// The run that the latest link was to.
    pub(crate) last_run: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
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
    /// A load without Redis has.
    Alone(u8),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Reader {
    pub(crate) phase: Phase,
    /// The oldest version that memory may answer with.
    pub(crate) floor: u8,
    /// The oldest version that Redis may answer with.
    pub(crate) durable: u8,
    /// What it plants over; then its lease, and the node where that is.
    pub(crate) over: Slot,
    pub(crate) node: u8,
    pub(crate) origin: Origin,
    pub(crate) number: u8,
    /// Reads to go.
    pub(crate) left: u8,
}

/// A removal in one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    #[default]
    Due,
    /// The owner has run it, or a deposed master; the reply is on its way.
    Ran(Recorded),
    /// It is acknowledged.
    Done { current: bool },
    /// It waits in the journal.
    Queued,
    /// Its replay has run; the reply is on its way.
    Replayed(Recorded),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Recorded {
    pub(crate) birth: u8,
    pub(crate) number: u8,
    /// Something else that covers has a larger number than the call's own load.
    pub(crate) newer: bool,
    /// It ran at the owner.
    pub(crate) current: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Hash)]
pub(crate) enum Writing {
    #[default]
    Idle,
    /// A call that removes its own prefix has planted its lease.
    Planted,
    /// The database has the new version, and the removal is under way.
    Removing,
    /// The caller knows the outcome.
    Returned,
    /// A call that removes its own prefix has stored, too.
    Stored,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Writer {
    pub(crate) writing: Writing,
    pub(crate) version: u8,
    pub(crate) parts: [Part; 2],
    /// The lease of a call that removes its own prefix, and its node.
    pub(crate) lease: Option<(u8, Stored)>,
}

/// Events that may still happen, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    /// A bucket moves to the other master, or back.
    pub(crate) moves: u8,
    /// A lagging replica is promoted, and the master before goes on answering.
    pub(crate) failovers: u8,
    /// A master is killed, and its lagging replica is promoted.
    pub(crate) kills: u8,
    /// A master hands over to its replica, and loses nothing.
    pub(crate) demotions: u8,
    pub(crate) evictions: u8,
    /// A process loses a link, and the node stays.
    pub(crate) cuts: u8,
    /// A script times out; whether it has run is not known.
    pub(crate) timeouts: u8,
    /// Copies of messages that arrive over the cluster bus.
    pub(crate) late: u8,
    /// A process does not hear a link for two seconds, and then hears it again.
    pub(crate) silences: u8,
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
    /// What the removals that were acknowledged forbid in each bucket.
    pub(crate) durable: [u8; 2],
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) processes: Vec<Process>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) writers: Vec<Writer>,
    /// Copies of messages on the cluster bus: of a bucket, from a node.
    pub(crate) bus: Vec<(usize, u8, Message)>,
    pub(crate) left: Faults,
    pub(crate) broken: Option<Stale>,
}
