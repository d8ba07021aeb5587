//! Switches that turn one safeguard of the protocol off, so that a test that looks for stale values can prove that it
//! finds them. They are only for tests of the tests: in a build without the feature `sabotage` every question is
//! answered at compile time.

/// A measure that keeps a removed value from being served. The code asks `off` wherever the measure is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Safeguard {
    /// A store compares the value at the key with the lease, or the entry, that it may replace.
    Cas,
    /// A removal of this process retires the flights that it names.
    Retire,
    /// A caller that comes during a load shares it only if the lease was still there at the end.
    Verdict,
    /// A reader that accepts no push delay sends a `GET` of its own.
    OwnGet,
    /// What was read before a push, or before a removal, does not fill memory after it.
    Guard,
    /// What was read or loaded before a switch between Redis and outage does not fill memory after it.
    Fence,
    /// Memory is emptied at the switch back to Redis.
    Flush,
    /// Removals in the journal are replayed to Redis.
    Replay,
    /// Keys and tags that a removal in the journal covers are not read from Redis.
    Shut,
    /// A removal is applied to memory and flights once more after Redis has run it.
    LocalPass,
    /// Entries and leases of another run of the server are not accepted.
    RunId,
    /// Entries and leases of another life of the ledger are not accepted.
    Birth,
    /// An entry is stale if a removal that covers it has a larger number.
    Number,
    /// A message of the ledger's channel is taken in before the replies that follow it.
    PushOrder,
    /// The ledger is read after the subscription to its channel.
    SubscribeFirst,
    /// Memory is trusted only if Redis was heard a short while ago.
    Heard,
    /// Inside of a writer or a transaction, calls go past the cache for what it changes.
    OwnWrites,
    /// A process that keeps values which Redis does not have removes the keys that others name.
    Names,
}

impl Safeguard {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Cas,
        Self::Retire,
        Self::Verdict,
        Self::OwnGet,
        Self::Guard,
        Self::Fence,
        Self::Flush,
        Self::Replay,
        Self::LocalPass,
        Self::RunId,
        Self::Shut,
        Self::Birth,
        Self::Number,
        Self::PushOrder,
        Self::SubscribeFirst,
        Self::Heard,
        Self::OwnWrites,
        Self::Names,
    ];

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cas => "cas",
            Self::Retire => "retire",
            Self::Verdict => "verdict",
            Self::OwnGet => "own-get",
            Self::Guard => "guard",
            Self::Fence => "fence",
            Self::Flush => "flush",
            Self::Replay => "replay",
            Self::LocalPass => "local-pass",
            Self::RunId => "run-id",
            Self::Shut => "shut",
            Self::Birth => "birth",
            Self::Number => "number",
            Self::PushOrder => "push-order",
            Self::SubscribeFirst => "subscribe-first",
            Self::Heard => "heard",
            Self::OwnWrites => "own-writes",
            Self::Names => "names",
        }
    }
}

#[cfg(not(any(feature = "sabotage", all(test, shuttle))))]
pub(crate) const fn off(_: Safeguard) -> bool {
    false
}

#[cfg(all(test, shuttle))]
pub(crate) use explored::{off, turn_off};
#[cfg(all(feature = "sabotage", not(all(test, shuttle))))]
pub(crate) use switch::off;
#[cfg(all(feature = "sabotage", not(all(test, shuttle))))]
pub use switch::turn_off;

#[cfg(all(feature = "sabotage", not(all(test, shuttle))))]
mod switch {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::{Safeguard, bit};

    static OFF: AtomicU32 = AtomicU32::new(0);

    /// Turns a safeguard off, in every cache of this process and for as long as it lives.
    pub fn turn_off(safeguard: Safeguard) {
        OFF.fetch_or(bit(safeguard), Relaxed);
    }

    pub(crate) fn off(safeguard: Safeguard) -> bool {
        OFF.load(Relaxed) & bit(safeguard) != 0
    }
}

/// One exploration runs on one thread, and the next test on another.
#[cfg(all(test, shuttle))]
mod explored {
    use std::cell::Cell;

    use super::{Safeguard, bit};

    thread_local! {
        static OFF: Cell<u32> = const { Cell::new(0) };
    }

    pub(crate) fn turn_off(safeguard: Safeguard) {
        OFF.set(OFF.get() | bit(safeguard));
    }

    pub(crate) fn off(safeguard: Safeguard) -> bool {
        OFF.get() & bit(safeguard) != 0
    }
}

#[cfg(any(feature = "sabotage", all(test, shuttle)))]
const fn bit(safeguard: Safeguard) -> u32 {
    1 << safeguard as u32
}
