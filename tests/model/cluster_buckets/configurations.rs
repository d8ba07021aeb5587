//! Who takes part, and what may go wrong: small enough to be explored to the end at every run.

use super::protocol::{Cluster, Job, Kind};
use super::state::{Faults, Message, OTHER};

const NONE: Faults = Faults {
    moves: 0,
    failovers: 0,
    kills: 0,
    demotions: 0,
    evictions: 0,
    cuts: 0,
    timeouts: 0,
    late: 0,
    silences: 0,
};

/// Two buckets. One process removes, another reads.
fn base() -> Cluster {
    Cluster {
        buckets: 2,
        processes: vec![Kind::Strict, Kind::Strict],
        readers: vec![(1, 0, 2)],
        writers: vec![(0, Job::Remove(0))],
        ..Cluster::default()
    }
}

/// A reader of each bucket.
pub(crate) fn plain() -> Cluster {
    Cluster {
        readers: vec![(1, 0, 1), (1, 1, 1)],
        ..base()
    }
}

/// The process that removes reads, too.
pub(crate) fn own_reads() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict, Kind::Strict],
        readers: vec![(0, 0, 1), (0, 1, 1)],
        ..base()
    }
}

/// Loads beside a removal, in both processes.
pub(crate) fn loads() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict; 2],
        readers: vec![(0, 0, 1), (1, 0, 2)],
        empty: true,
        ..base()
    }
}

/// Two removals beside loads.
pub(crate) fn two_removals() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Remove(0)), (0, Job::Remove(1))],
        in_order: true,
        ..base()
    }
}

/// A link is lost, in any process and either bucket.
pub(crate) fn cut() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict; 2],
        readers: vec![(1, 0, 2)],
        faults: Faults { cuts: 1, ..NONE },
        ..base()
    }
}

/// The script of one bucket times out, before it runs or after.
pub(crate) fn timeout() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict; 2],
        readers: vec![(0, 0, 1), (1, 1, 1)],
        faults: Faults {
            timeouts: 1,
            ..NONE
        },
        ..base()
    }
}

/// A slot moves.
pub(crate) fn migration() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict, Kind::Strict],
        readers: vec![(1, 0, 2)],
        faults: Faults { moves: 1, ..NONE },
        ..base()
    }
}

/// The same, and the process that removes reads.
pub(crate) fn migration_and_own_reads() -> Cluster {
    Cluster {
        readers: vec![(0, 0, 2)],
        ..migration()
    }
}

/// The same beside a removal by name.
pub(crate) fn migration_by_name() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Key(0))],
        ..migration()
    }
}

/// A memory tier while a slot moves.
pub(crate) fn migration_near() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict, Kind::Near],
        ..migration()
    }
}

/// A slot moves, and copies of messages are late.
pub(crate) fn migration_late() -> Cluster {
    Cluster {
        faults: Faults {
            moves: 1,
            late: 1,
            ..NONE
        },
        readers: vec![(1, 0, 1)],
        ..migration()
    }
}

/// A slot moves away and back.
pub(crate) fn there_and_back() -> Cluster {
    Cluster {
        readers: vec![(1, 0, 1)],
        faults: Faults { moves: 2, ..NONE },
        ..migration()
    }
}

/// A slot moves while the ledger is evicted.
pub(crate) fn migration_and_eviction() -> Cluster {
    Cluster {
        faults: Faults {
            moves: 1,
            evictions: 1,
            ..NONE
        },
        readers: vec![(1, 0, 1)],
        ..migration()
    }
}

/// A lagging replica is promoted, and the master before goes on answering.
pub(crate) fn failover() -> Cluster {
    Cluster {
        readers: vec![(1, 0, 1)],
        faults: Faults {
            failovers: 1,
            ..NONE
        },
        ..base()
    }
}

/// The same beside a removal by name.
pub(crate) fn failover_by_name() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Key(0))],
        ..failover()
    }
}

/// A master is killed, and its lagging replica is promoted.
pub(crate) fn kill() -> Cluster {
    Cluster {
        faults: Faults { kills: 1, ..NONE },
        ..base()
    }
}

/// The same beside a removal by name.
pub(crate) fn kill_by_name() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Key(0))],
        ..kill()
    }
}

/// The same beside two removals.
pub(crate) fn kill_and_two_removals() -> Cluster {
    Cluster {
        readers: vec![(1, 0, 1)],
        writers: vec![(0, Job::Remove(0)), (0, Job::Remove(OTHER))],
        in_order: true,
        ..kill()
    }
}

/// A master hands over to its replica.
pub(crate) fn demotion() -> Cluster {
    Cluster {
        readers: vec![(1, 0, 2)],
        faults: Faults {
            demotions: 1,
            ..NONE
        },
        ..base()
    }
}

/// A ledger is evicted.
pub(crate) fn eviction() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict; 2],
        readers: vec![(1, 0, 2)],
        faults: Faults {
            evictions: 1,
            ..NONE
        },
        ..base()
    }
}

/// The same, while a message from the master that had the bucket before is still on the bus.
pub(crate) fn eviction_and_a_late_message() -> Cluster {
    Cluster {
        faults: Faults {
            evictions: 1,
            late: 1,
            ..NONE
        },
        bus: vec![(0, 2, Message::Born { birth: 1, run: 2 })],
        ..eviction()
    }
}

/// A call that removes its own prefix beside another removal and a reader.
pub(crate) fn own_prefix() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict; 2],
        readers: vec![(1, 0, 1)],
        writers: vec![(0, Job::Own(0, 0)), (1, Job::Remove(1))],
        empty: true,
        ..base()
    }
}

/// Nobody else removes what such a call stores.
pub(crate) fn own_prefix_alone() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Own(0, 0)), (1, Job::Remove(OTHER))],
        ..own_prefix()
    }
}

/// The same while the slot moves.
pub(crate) fn own_prefix_and_migration() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Own(0, 0))],
        faults: Faults { moves: 1, ..NONE },
        ..own_prefix()
    }
}

/// Memory tiers.
pub(crate) fn near() -> Cluster {
    Cluster {
        processes: vec![Kind::Near; 2],
        readers: vec![(0, 0, 1), (1, 0, 2)],
        ..base()
    }
}

/// The same while links are cut.
pub(crate) fn near_and_a_cut() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict, Kind::Near],
        readers: vec![(1, 0, 2)],
        faults: Faults { cuts: 1, ..NONE },
        ..near()
    }
}

/// A memory tier whose link is not heard for a while, beside a removal by name.
pub(crate) fn silence() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict, Kind::Near],
        readers: vec![(1, 0, 2)],
        writers: vec![(0, Job::Key(0))],
        faults: Faults {
            silences: 1,
            ..NONE
        },
        ..base()
    }
}

/// A bucket goes back to the master that it came from, and a lagging replica was promoted meanwhile: what is there again
/// has the origin that it had, and lacks what was lost.
pub(crate) fn return_beside_a_kill() -> Cluster {
    Cluster {
        returns: true,
        faults: Faults {
            moves: 1,
            kills: 1,
            ..NONE
        },
        readers: vec![(1, 0, 1)],
        ..base()
    }
}

/// A message is on the bus of a removal that was lost when the replica of its master was promoted. The new master gives
/// its number once more. (Where the number is a time, this needs a clock that is behind.)
pub(crate) fn lost_number() -> Cluster {
    let message = Message::Removal {
        birth: 1,
        number: 2,
        pattern: OTHER,
        run: 2,
    };
    Cluster {
        bus: vec![(0, 2, message)],
        faults: Faults { late: 1, ..NONE },
        empty: true,
        ..base()
    }
}

/// Readers of both processes while a slot moves.
pub(crate) fn larger_migration() -> Cluster {
    Cluster {
        readers: vec![(0, 0, 1), (1, 0, 1)],
        ..migration()
    }
}

/// Two removals at the same time.
pub(crate) fn larger_removals() -> Cluster {
    Cluster {
        in_order: false,
        ..two_removals()
    }
}

/// The same with ledgers that belong to one run, as in the code.
pub(crate) fn return_beside_a_kill_repaired() -> Cluster {
    Cluster {
        born_for_one_run: true,
        ..return_beside_a_kill()
    }
}
