//! Plans in which connections, servers and processes come and go.

use std::time::Duration;

use super::usual::calm;
use super::{Act, Bodies, Kind, Lane, NetworkFault, Places, Plan, ProcessFault, ServerFault};
use crate::catalogue::Family;

/// Connections come and go while loads run. What such a load leaves in memory, Redis does not know of, and so does not tell
/// when another process removes its key.
pub(super) fn switch() -> Plan {
    Plan {
        name: "switch",
        families: vec![(Family::Item, 1)],
        acts: vec![(Act::Read, 75), (Act::Remove, 25)],
        kinds: vec![(Kind::Key, 1)],
        rows: 60,
        tasks: 12,
        writer: Some(0),
        bodies: Bodies::sound((90, (20, 60))),
        network: Lane {
            gap: (300, 500),
            faults: vec![(NetworkFault::Down, 1)],
        },
        troubled: Places::AllBut(0),
        ..calm()
    }
}

/// Long enough away for a removal to be missed, long enough back for that to show.
pub(super) fn flapping() -> Plan {
    Plan {
        name: "flapping",
        families: vec![(Family::Item, 1)],
        rows: 12,
        acts: vec![(Act::Read, 90), (Act::Remove, 10)],
        writer: Some(0),
        troubled: Places::AllBut(0),
        network: Lane {
            gap: (400, 500),
            faults: vec![(NetworkFault::Down, 1)],
        },
        ..calm()
    }
}

/// Everybody writes, and is cut off now and then.
pub(super) fn outages() -> Plan {
    Plan {
        name: "outages",
        acts: vec![(Act::Read, 90), (Act::Remove, 6), (Act::Write, 4)],
        network: Lane {
            gap: (50, 150),
            faults: vec![(NetworkFault::Down, 3), (NetworkFault::Cut, 1)],
        },
        ..calm()
    }
}

/// The same, and processes die with what they could not tell Redis.
pub(super) fn crashes() -> Plan {
    Plan {
        name: "crashes",
        acts: vec![(Act::Read, 90), (Act::Remove, 6), (Act::Write, 4)],
        network: Lane {
            gap: (50, 150),
            faults: vec![(NetworkFault::Down, 3), (NetworkFault::BlackHole, 1)],
        },
        process: Lane {
            gap: (150, 500),
            faults: vec![(ProcessFault::Kill, 1)],
        },
        ..calm()
    }
}

/// The server comes back with what has been removed, and whoever would remove it again, because it did so lately, is
/// gone.
pub(super) fn restarts() -> Plan {
    Plan {
        name: "restarts",
        processes: 2,
        rows: 12,
        acts: vec![(Act::Read, 96), (Act::Remove, 4)],
        kinds: vec![(Kind::Key, 3), (Kind::Row, 1)],
        server: Lane {
            gap: (150, 350),
            faults: vec![(ServerFault::Save, 1), (ServerFault::KillToSnapshot, 1)],
        },
        process: Lane {
            gap: (100, 250),
            faults: vec![(ProcessFault::Kill, 1)],
        },
        ..calm()
    }
}

/// The ledger is lost, and with it every number that says what was removed; then those who remember it are replaced by
/// others, or read it anew. What they find at the keys, only the ledger's birth tells from what is current.
pub(super) fn births() -> Plan {
    Plan {
        name: "births",
        families: vec![(Family::Item, 1), (Family::Exact, 2), (Family::Late, 1)],
        acts: vec![(Act::Read, 90), (Act::Remove, 10)],
        kinds: vec![(Kind::Family, 3), (Kind::Row, 3), (Kind::Authors, 1)],
        rows: 40,
        server: Lane {
            gap: (10, 60),
            faults: vec![(ServerFault::DropLedger, 1)],
        },
        network: Lane {
            gap: (20, 80),
            faults: vec![(NetworkFault::Cut, 1)],
        },
        process: Lane {
            gap: (200, 400),
            faults: vec![(ProcessFault::Kill, 1)],
        },
        ..calm()
    }
}

/// Connections are made all the time, far from Redis, while one process removes: what it removes between two steps of such
/// a connection must be in one of them. It does not wait until what it has removed is taken away.
pub(super) fn joins() -> Plan {
    Plan {
        name: "joins",
        families: vec![(Family::Exact, 1)],
        acts: vec![(Act::Read, 80), (Act::Write, 20)],
        rows: 4,
        tasks: 10,
        writer: Some(0),
        round_trip: Duration::from_millis(20),
        budget: Duration::from_millis(150),
        bodies: Bodies::sound((10, (1, 10))),
        network: Lane {
            gap: (60, 200),
            faults: vec![(NetworkFault::Cut, 1)],
        },
        troubled: Places::AllBut(0),
        ..calm()
    }
}

/// One process is cut off again and again, removes meanwhile, and reads as soon as it is back: at the keys stands what the
/// others keep there. Until its removals are told to Redis, it may not take that.
pub(super) fn stalls() -> Plan {
    Plan {
        name: "stalls",
        families: vec![(Family::Exact, 1)],
        acts: vec![(Act::Read, 96), (Act::Remove, 2), (Act::Write, 2)],
        kinds: vec![(Kind::Family, 1), (Kind::Row, 2)],
        tasks: 24,
        pause: (0, 3),
        writer: Some(0),
        round_trip: Duration::from_millis(5),
        bodies: Bodies::sound((0, (0, 0))),
        network: Lane {
            gap: (100, 250),
            faults: vec![
                (NetworkFault::Pause, 1),
                (NetworkFault::Down, 2),
                (NetworkFault::Cut, 3),
            ],
        },
        troubled: Places::Only(0),
        ..calm()
    }
}
