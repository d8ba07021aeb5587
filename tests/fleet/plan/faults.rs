//! What can go wrong, by whom it happens to.

use super::Millis;

/// Faults that come one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Lane<F: 'static> {
    pub(crate) gap: Millis,
    pub(crate) faults: Vec<(F, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ServerFault {
    /// Not a fault, but what a later restart comes back with.
    Save,
    /// `kill -9`, some time, and back with the snapshot.
    KillToSnapshot,
    KillToEmpty,
    Freeze,
    FlushAll,
    KillClients,
    /// Everything is evicted for a while, then there is room again.
    Squeeze,
    /// What removals are written in is deleted, as an eviction would.
    DropLedger,
    FlushScripts,
    /// In a cluster: a replica takes over from its master, which agrees to it.
    FailOver,
    /// In a cluster: `kill -9` of a master, until a replica has taken over.
    KillMaster,
    /// In a cluster: a master stands still until a replica has taken over, and then goes on as if it still were one.
    FreezeMaster,
    /// In a cluster: keys move to another master, with the ledger of their removals.
    MoveSlot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NetworkFault {
    Cut,
    /// Cut, and nobody listens for a while.
    Down,
    Delay,
    /// So short that no call gives up.
    Pulse,
    /// A little longer than a call waits.
    Pause,
    Stall,
    BlackHole,
    HoleToServer,
    HoleToClient,
    /// A line of a modem's speed.
    Trickle,
    /// So slow that an answer and the push behind it do not arrive in one piece.
    Drip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProcessFault {
    Freeze,
    /// So long that others believe it dead.
    LongFreeze,
    /// Its threads compute without yielding, so that nothing else of it runs.
    Starve,
    /// Its runtime is dropped, and it goes on with another.
    EndRuntime,
    Kill,
}

impl<F> Lane<F> {
    pub(crate) fn none() -> Self {
        Self {
            gap: (100, 100),
            faults: Vec::new(),
        }
    }
}
