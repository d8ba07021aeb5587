//! Plans over a Redis Cluster: nodes fail and are replaced, slots move.

use std::time::Duration;

use super::usual::{self, calm, usual};
use super::{Act, Bodies, Kind, Lane, Plan, ServerFault};
use crate::catalogue::Family;
use crate::servers::ServerKind;

/// The usual mix, and what only happens in a cluster.
pub(super) fn cluster() -> Plan {
    let mut server = usual::server();
    server.faults.extend([
        (ServerFault::FailOver, 4),
        (ServerFault::KillMaster, 2),
        (ServerFault::FreezeMaster, 2),
        (ServerFault::MoveSlot, 8),
    ]);
    Plan {
        name: "cluster",
        servers: ServerKind::Cluster,
        server,
        ..usual()
    }
}

/// Masters are replaced all the time: killed, frozen until the others have given them up, or asked to leave.
pub(super) fn failovers() -> Plan {
    Plan {
        name: "failovers",
        servers: ServerKind::Cluster,
        families: vec![(Family::Item, 1), (Family::Exact, 2)],
        acts: vec![(Act::Read, 90), (Act::Remove, 6), (Act::Write, 4)],
        rows: 24,
        server: Lane {
            gap: (200, 1_500),
            faults: vec![
                (ServerFault::FailOver, 3),
                (ServerFault::KillMaster, 1),
                (ServerFault::FreezeMaster, 2),
            ],
        },
        ..calm()
    }
}

/// Slots move from master to master, and back, while their keys are read, stored and removed.
pub(super) fn migrations() -> Plan {
    Plan {
        name: "migrations",
        servers: ServerKind::Cluster,
        families: vec![(Family::Item, 1), (Family::Exact, 2)],
        acts: vec![(Act::Read, 88), (Act::Remove, 8), (Act::Write, 4)],
        kinds: vec![(Kind::Key, 4), (Kind::Family, 1), (Kind::Row, 1)],
        rows: 48,
        budget: Duration::from_millis(100),
        bodies: Bodies::sound((20, (1, 10))),
        server: Lane {
            gap: (0, 300),
            faults: vec![(ServerFault::MoveSlot, 1)],
        },
        ..calm()
    }
}
