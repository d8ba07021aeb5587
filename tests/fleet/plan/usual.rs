//! The usual mix of everything, and the same without faults.

use std::time::Duration;

use super::{Act, Bodies, Kind, Lane, NetworkFault, Places, Plan, ProcessFault, ServerFault};
use crate::catalogue::Family;
use crate::names::Names;
use crate::servers::ServerKind;

pub(super) fn usual() -> Plan {
    Plan {
        name: "usual",
        processes: 4,
        tasks: 6,
        rate: 0,
        rows: 6,
        families: Family::USUAL.map(|family| (family, 1)).to_vec(),
        acts: acts(),
        kinds: kinds(),
        writer: None,
        pause: (0, 6),
        bodies: Bodies {
            failing: 3,
            ..Bodies::sound((20, (5, 50)))
        },
        budget: Duration::from_millis(50),
        round_trip: Duration::ZERO,
        names: Names::Tame,
        tenants: 1,
        servers: ServerKind::One,
        filled: false,
        lone_threads: false,
        server: server(),
        network: network(),
        troubled: Places::All,
        process: Lane {
            gap: (500, 3_000),
            faults: vec![(ProcessFault::Freeze, 2), (ProcessFault::Kill, 1)],
        },
    }
}

/// No faults: only removals that meet loads.
pub(super) fn calm() -> Plan {
    Plan {
        name: "calm",
        processes: 3,
        acts: vec![(Act::Read, 94), (Act::Remove, 6)],
        kinds: vec![(Kind::Key, 3), (Kind::Family, 1), (Kind::Row, 1)],
        bodies: Bodies::sound((50, (5, 40))),
        server: Lane::none(),
        network: Lane::none(),
        process: Lane::none(),
        ..usual()
    }
}

fn acts() -> Vec<(Act, u64)> {
    vec![
        (Act::Read, 860),
        (Act::DroppedRead, 40),
        (Act::Remove, 30),
        (Act::RemoveAndLook, 10),
        (Act::DroppedRemove, 5),
        (Act::Write, 20),
        (Act::DroppedWrite, 5),
        (Act::Put, 15),
        (Act::Refresh, 15),
        (Act::Transact, 15),
    ]
}

fn kinds() -> Vec<(Kind, u64)> {
    vec![
        (Kind::Key, 40),
        (Kind::Family, 10),
        (Kind::Row, 15),
        (Kind::Group, 10),
        (Kind::Author, 10),
        (Kind::Authors, 5),
        (Kind::Glob, 3),
        (Kind::All, 4),
    ]
}

pub(super) fn server() -> Lane<ServerFault> {
    use ServerFault as S;
    Lane {
        gap: (300, 2_500),
        faults: vec![
            (S::Save, 4),
            (S::KillToSnapshot, 3),
            (S::KillToEmpty, 1),
            (S::Freeze, 4),
            (S::FlushAll, 2),
            (S::KillClients, 2),
            (S::Squeeze, 2),
            (S::DropLedger, 2),
            (S::FlushScripts, 2),
        ],
    }
}

pub(super) fn network() -> Lane<NetworkFault> {
    use NetworkFault as N;
    Lane {
        gap: (50, 1_200),
        faults: vec![
            (N::Cut, 3),
            (N::Down, 3),
            (N::Delay, 3),
            (N::Pulse, 4),
            (N::Stall, 3),
            (N::BlackHole, 2),
            (N::HoleToServer, 1),
            (N::HoleToClient, 2),
            (N::Trickle, 1),
        ],
    }
}
