//! Plans in which removals race loads, pushes and replies.

use std::time::Duration;

use super::usual::calm;
use super::{Act, Bodies, Kind, Lane, NetworkFault, Plan};
use crate::catalogue::Family;

/// Values are refreshed behind their readers, under removals.
pub(super) fn aging() -> Plan {
    Plan {
        name: "aging",
        families: vec![(Family::Aging, 1), (Family::Patient, 1)],
        acts: vec![
            (Act::Read, 95),
            (Act::Refresh, 1),
            (Act::Remove, 3),
            (Act::Write, 1),
        ],
        kinds: vec![
            (Kind::Key, 4),
            (Kind::Author, 2),
            (Kind::Row, 1),
            (Kind::Authors, 1),
        ],
        rows: 12,
        bodies: Bodies {
            failing: 10,
            ..Bodies::sound((50, (5, 60)))
        },
        ..calm()
    }
}

/// Values change their tags, under removals by tag.
pub(super) fn tags() -> Plan {
    Plan {
        name: "tags",
        families: vec![(Family::Late, 5), (Family::Patient, 3), (Family::Tagged, 1)],
        rows: 3,
        acts: vec![(Act::Read, 70), (Act::Refresh, 20), (Act::Remove, 10)],
        kinds: vec![
            (Kind::Author, 8),
            (Kind::Group, 1),
            (Kind::Authors, 1),
            (Kind::Key, 1),
        ],
        ..calm()
    }
}

/// Transactions read what they have written, and often roll it back, among those who read the same rows.
pub(super) fn transactions() -> Plan {
    Plan {
        name: "transactions",
        families: Family::USUAL.map(|family| (family, 1)).to_vec(),
        rows: 4,
        acts: vec![(Act::Read, 85), (Act::Transact, 12), (Act::Remove, 3)],
        bodies: Bodies {
            failing: 3,
            ..Bodies::sound((50, (5, 40)))
        },
        ..calm()
    }
}

/// Values that Redis does not have, and removals of their keys by name.
pub(super) fn threads() -> Plan {
    Plan {
        name: "threads",
        families: vec![(Family::Thread, 3), (Family::Item, 1)],
        rows: 4,
        acts: vec![(Act::Read, 90), (Act::Remove, 7), (Act::Write, 3)],
        kinds: vec![(Kind::Key, 8), (Kind::Family, 1), (Kind::Row, 1)],
        network: super::usual::network(),
        ..calm()
    }
}

/// Every answer of Redis is some milliseconds old.
pub(super) fn late() -> Plan {
    Plan {
        name: "late",
        families: vec![(Family::Exact, 1)],
        acts: vec![(Act::Read, 97), (Act::Remove, 3)],
        rows: 2,
        writer: Some(0),
        tasks: 24,
        pause: (0, 30),
        bodies: Bodies::sound((10, (1, 10))),
        network: Lane {
            gap: (20, 60),
            faults: vec![(NetworkFault::Delay, 1)],
        },
        ..calm()
    }
}

/// Replies and pushes arrive in one go, after a stop.
pub(super) fn pulses() -> Plan {
    Plan {
        name: "pulses",
        families: vec![(Family::Item, 1)],
        acts: vec![(Act::Read, 90), (Act::Remove, 10)],
        rows: 6,
        tasks: 10,
        writer: Some(0),
        pause: (0, 2),
        bodies: Bodies::sound((0, (0, 0))),
        network: Lane {
            gap: (10, 40),
            faults: vec![(NetworkFault::Pulse, 1)],
        },
        ..calm()
    }
}

/// The answer to a removal of a key and the push that follows it arrive apart, and a reader comes between.
pub(super) fn trickle() -> Plan {
    Plan {
        name: "trickle",
        processes: 1,
        tasks: 12,
        rows: 1,
        families: vec![(Family::Item, 1)],
        acts: vec![(Act::Read, 1_997), (Act::WriteAndLook, 3)],
        kinds: vec![(Kind::Key, 1)],
        pause: (0, 1),
        bodies: Bodies::sound((0, (0, 0))),
        budget: Duration::from_millis(1_500),
        network: Lane {
            gap: (20, 100),
            faults: vec![(NetworkFault::Drip, 1)],
        },
        ..calm()
    }
}

/// One process removes what is below a key, and does not wait until it is taken away; others ask Redis about it: only the
/// push before the answer tells them that what stands there has been removed.
pub(super) fn pushes() -> Plan {
    Plan {
        name: "pushes",
        families: vec![(Family::Exact, 3), (Family::Late, 1)],
        acts: vec![(Act::Read, 94), (Act::Write, 6)],
        rows: 3,
        tasks: 12,
        writer: Some(0),
        pause: (0, 2),
        bodies: Bodies::sound((10, (1, 10))),
        ..calm()
    }
}

/// Nothing is removed at its key: what removals leave standing in Redis is told by its number alone.
pub(super) fn numbers() -> Plan {
    Plan {
        name: "numbers",
        families: vec![
            (Family::Item, 1),
            (Family::Exact, 1),
            (Family::Late, 1),
            (Family::Tagged, 1),
        ],
        kinds: vec![
            (Kind::Family, 3),
            (Kind::Row, 3),
            (Kind::Group, 1),
            (Kind::Author, 2),
            (Kind::Authors, 1),
            (Kind::Glob, 1),
        ],
        rows: 12,
        ..calm()
    }
}

/// Loads remove what else is under their own prefix, while others remove it, too, or more than it.
pub(super) fn own() -> Plan {
    Plan {
        name: "own",
        families: vec![(Family::Own, 1)],
        acts: vec![(Act::Read, 92), (Act::Remove, 6), (Act::Refresh, 2)],
        kinds: vec![
            (Kind::Key, 3),
            (Kind::Family, 2),
            (Kind::Glob, 1),
            (Kind::All, 1),
        ],
        rows: 4,
        tasks: 8,
        ..calm()
    }
}

/// Whoever comes during a load waits for its value, but another process's removal has taken its lease away.
pub(super) fn verdicts() -> Plan {
    Plan {
        name: "verdicts",
        families: vec![(Family::Exact, 3), (Family::Late, 2)],
        acts: vec![(Act::Read, 90), (Act::Remove, 10)],
        kinds: vec![(Kind::Key, 1)],
        rows: 3,
        tasks: 10,
        pause: (0, 4),
        bodies: Bodies::sound((70, (5, 30))),
        ..calm()
    }
}
