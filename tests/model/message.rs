//! What a connection brings, and what an own removal's reply tells.

use crate::ledger::{Ledger, Patterns};
use crate::state::Slot;

/// What a connection brings, in the order in which Redis wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    /// A push: the key changed.
    Key,
    /// A push: everything changed.
    Everything,
    /// A push: a removal, or a birth alone. `sender` is the flight that it spares.
    Removal {
        birth: u8,
        number: u8,
        patterns: Patterns,
        sender: u8,
    },
    /// The second half of a removal's push, where the two are not one step: memory and flights.
    Pass {
        patterns: Patterns,
        sender: u8,
    },
    /// A reply to a `GET`, with the lock beside the key.
    Got {
        flight: u8,
        slot: Slot,
        locked: bool,
    },
    /// The ledger, as it was asked for without pushes.
    News(Ledger),
    /// A reply to a planting: what stands at the key now.
    Planted {
        flight: u8,
        slot: Slot,
    },
    Locked {
        flight: u8,
        got: bool,
    },
    Stored {
        flight: u8,
        won: bool,
    },
    /// A reply to a removal.
    Removed {
        writer: u8,
        reply: Removed,
    },
    /// A reply to a replayed removal.
    Replayed(Removed),
    /// The whole ledger, on a new connection.
    Ledger(Ledger),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Removed {
    pub(crate) birth: u8,
    pub(crate) number: u8,
    /// The ledger as the script found it: it tells what is newer than a load.
    pub(crate) before: Ledger,
}
