//! Plans whose load, keyspace, neighbours or runtimes are the trouble.

use std::time::Duration;

use super::usual::{self, calm};
use super::{Act, Bodies, Kind, Lane, NetworkFault, Plan, ProcessFault};
use crate::catalogue::Family;

/// The usual mix, begun at a rate that does not care how the system does.
pub(super) fn open() -> Plan {
    Plan {
        name: "open",
        rate: 250,
        server: usual::server(),
        network: usual::network(),
        ..calm_with_usual_acts()
    }
}

/// Many removals of single keys, begun at a rate, over a short distance; now and then Redis pauses for a little longer than
/// a call waits, and is well for a long time afterwards.
pub(super) fn pauses() -> Plan {
    Plan {
        name: "pauses",
        processes: 2,
        rate: 600,
        families: vec![(Family::Item, 1), (Family::Exact, 1)],
        acts: vec![(Act::Read, 60), (Act::Remove, 40)],
        kinds: vec![(Kind::Key, 1)],
        rows: 400,
        round_trip: Duration::from_millis(5),
        bodies: Bodies::sound((10, (1, 10))),
        network: Lane {
            gap: (4_000, 5_000),
            faults: vec![(NetworkFault::Pause, 1)],
        },
        ..calm()
    }
}

/// A hundred thousand keys in Redis, and removals of all of them.
pub(super) fn large() -> Plan {
    Plan {
        name: "large",
        families: vec![(Family::Bulk, 1)],
        acts: vec![(Act::Read, 990), (Act::Remove, 8), (Act::RemoveAndLook, 2)],
        kinds: vec![
            (Kind::Key, 8),
            (Kind::Family, 1),
            (Kind::Glob, 1),
            (Kind::All, 1),
        ],
        rows: 100_000,
        filled: true,
        bodies: Bodies::sound((10, (1, 10))),
        ..calm()
    }
}

/// Two applications on one server, the namespace of one a beginning of the other's. The outer one removes all that it
/// can name; the inner one removes little, so that what vanishes there tells something.
pub(super) fn tenants() -> Plan {
    Plan {
        name: "tenants",
        processes: 4,
        tenants: 2,
        families: vec![
            (Family::Hand, 4),
            (Family::Exact, 2),
            (Family::Tagged, 1),
            (Family::Late, 1),
        ],
        acts: vec![(Act::Read, 96), (Act::Remove, 4)],
        kinds: vec![
            (Kind::NestedKey, 6),
            (Kind::Key, 4),
            (Kind::Family, 1),
            (Kind::Row, 1),
            (Kind::Group, 1),
            (Kind::Authors, 1),
            (Kind::Glob, 1),
            (Kind::All, 1),
        ],
        rows: 24,
        writer: Some(0),
        bodies: Bodies::sound((20, (1, 15))),
        ..calm()
    }
}

/// The same, and it is the inner one that removes.
pub(super) fn tenants_inner() -> Plan {
    Plan {
        name: "tenants-inner",
        writer: Some(1),
        families: vec![
            (Family::Nested, 4),
            (Family::Exact, 2),
            (Family::Tagged, 1),
            (Family::Late, 1),
        ],
        ..tenants()
    }
}

/// Both applications use the same keys in Redis, under names that differ.
pub(super) fn collisions() -> Plan {
    Plan {
        name: "collisions",
        writer: None,
        families: vec![(Family::Hand, 2), (Family::Nested, 2), (Family::Exact, 1)],
        rows: 6,
        ..tenants()
    }
}

/// Bodies that keep their thread, runtimes of one thread, and processes that stand still for seconds.
pub(super) fn starved() -> Plan {
    Plan {
        name: "starved",
        lone_threads: true,
        families: vec![(Family::Item, 3), (Family::Exact, 1), (Family::Tagged, 1)],
        kinds: vec![(Kind::Key, 4), (Kind::Family, 1), (Kind::Row, 1)],
        bodies: Bodies {
            computing: (2, (50, 1_000)),
            ..Bodies::sound((20, (5, 40)))
        },
        process: Lane {
            gap: (200, 1_000),
            faults: vec![
                (ProcessFault::Starve, 4),
                (ProcessFault::Freeze, 1),
                (ProcessFault::LongFreeze, 2),
            ],
        },
        ..calm()
    }
}

/// Runtimes end, and their processes go on with others. What they ask for, they have in memory, so that nothing tells
/// them soon that their connection went with the runtime.
pub(super) fn runtimes() -> Plan {
    Plan {
        name: "runtimes",
        lone_threads: true,
        families: vec![(Family::Item, 1)],
        acts: vec![(Act::Read, 99), (Act::Remove, 1)],
        kinds: vec![(Kind::Key, 1)],
        writer: Some(0),
        rows: 3,
        process: Lane {
            gap: (1_000, 4_000),
            faults: vec![(ProcessFault::EndRuntime, 1)],
        },
        ..calm()
    }
}

fn calm_with_usual_acts() -> Plan {
    Plan {
        process: Lane::none(),
        ..usual::usual()
    }
}
