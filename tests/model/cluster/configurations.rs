//! Who takes part, and what may go wrong: small enough to be explored to the end at every run.

use super::protocol::{Cluster, Job, Kind};
use super::state::{Faults, OTHER};

const NONE: Faults = Faults {
    moves: 0,
    failovers: 0,
    ledger_failovers: 0,
    evictions: 0,
    cuts: 0,
    timeouts: 0,
};

/// One process removes, another reads.
fn base() -> Cluster {
    Cluster {
        buckets: 1,
        processes: vec![Kind::Writes, Kind::Strict],
        readers: vec![(1, 0, 2)],
        writers: vec![(0, Job::Remove(0))],
        faults: NONE,
        in_order: false,
        prompt: false,
        empty: false,
        off: Vec::new(),
    }
}

/// Two buckets, a reader of each.
pub(crate) fn plain() -> Cluster {
    Cluster {
        buckets: 2,
        processes: vec![Kind::Strict; 2],
        readers: vec![(1, 0, 1), (1, 1, 2)],
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

/// Two removals, whose publications may come in either order, beside loads.
pub(crate) fn two_removals() -> Cluster {
    Cluster {
        readers: vec![(1, 0, 3)],
        writers: vec![(0, Job::Remove(0)), (0, Job::Remove(1))],
        ..base()
    }
}

/// The same for two readers of two buckets.
pub(crate) fn two_removals_in_two_buckets() -> Cluster {
    Cluster {
        buckets: 2,
        readers: vec![(1, 0, 2), (1, 1, 2)],
        ..two_removals()
    }
}

/// The same while connections are cut; one of the removals covers other keys.
pub(crate) fn two_removals_and_a_cut() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Remove(0)), (0, Job::Remove(OTHER))],
        faults: Faults { cuts: 1, ..NONE },
        ..two_removals()
    }
}

/// A connection is cut.
pub(crate) fn cut() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict; 2],
        faults: Faults { cuts: 1, ..NONE },
        ..base()
    }
}

/// A bucket moves, and back.
pub(crate) fn migration() -> Cluster {
    Cluster {
        faults: Faults { moves: 2, ..NONE },
        ..base()
    }
}

/// The same beside a removal by name.
pub(crate) fn migration_by_name() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Key(0))],
        ..migration()
    }
}

/// A lagging replica of a bucket is promoted.
pub(crate) fn failover() -> Cluster {
    Cluster {
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

/// A lagging replica of the ledger is promoted.
pub(crate) fn ledger_failover() -> Cluster {
    Cluster {
        faults: Faults {
            ledger_failovers: 1,
            ..NONE
        },
        ..base()
    }
}

/// The same where the first master ends at once, beside two removals, and an entry that is loaded between them.
pub(crate) fn ledger_crash_and_two_removals() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Remove(0)), (0, Job::Remove(1))],
        in_order: true,
        prompt: true,
        ..ledger_failover()
    }
}

/// The same while connections are cut.
pub(crate) fn ledger_failover_and_a_cut() -> Cluster {
    Cluster {
        faults: Faults {
            ledger_failovers: 1,
            cuts: 1,
            ..NONE
        },
        ..ledger_failover()
    }
}

/// A bucket moves while its connection is cut and the ledger is evicted.
pub(crate) fn migration_and_eviction() -> Cluster {
    Cluster {
        faults: Faults {
            moves: 2,
            cuts: 1,
            evictions: 1,
            ..NONE
        },
        ..base()
    }
}

/// The ledger is evicted, beside two removals.
pub(crate) fn eviction() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Remove(0)), (0, Job::Remove(1))],
        faults: Faults {
            evictions: 1,
            ..NONE
        },
        ..base()
    }
}

/// The same as two processes see it.
pub(crate) fn eviction_for_two() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict; 2],
        readers: vec![(1, 0, 1)],
        in_order: true,
        ..eviction()
    }
}

/// The ledger is evicted, beside a removal of other keys that is published late.
pub(crate) fn eviction_and_a_late_push() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Remove(0)), (0, Job::Remove(OTHER))],
        ..eviction()
    }
}

/// A removal that times out between its record and its publications.
pub(crate) fn timeout() -> Cluster {
    Cluster {
        buckets: 2,
        processes: vec![Kind::Strict; 2],
        readers: vec![(0, 0, 1), (1, 1, 2)],
        faults: Faults {
            timeouts: 1,
            ..NONE
        },
        ..base()
    }
}

/// A call that removes its own prefix, beside another removal, and a reader elsewhere.
pub(crate) fn own_prefix() -> Cluster {
    Cluster {
        processes: vec![Kind::Strict; 2],
        writers: vec![(0, Job::Own(0, 0)), (1, Job::Remove(1))],
        empty: true,
        ..base()
    }
}

/// The same while the ledger is evicted.
pub(crate) fn own_prefix_and_eviction() -> Cluster {
    Cluster {
        faults: Faults {
            evictions: 1,
            ..NONE
        },
        readers: vec![(1, 0, 1)],
        ..own_prefix()
    }
}

/// Nobody else removes what such a call stores.
pub(crate) fn own_prefix_alone() -> Cluster {
    Cluster {
        writers: vec![(0, Job::Own(0, 0)), (1, Job::Remove(OTHER))],
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

/// The same while connections are cut.
pub(crate) fn near_and_a_cut() -> Cluster {
    Cluster {
        readers: vec![(1, 0, 2)],
        faults: Faults { cuts: 1, ..NONE },
        ..near()
    }
}

/// A memory tier while a bucket moves.
pub(crate) fn near_and_migration() -> Cluster {
    Cluster {
        processes: vec![Kind::Writes, Kind::Near],
        ..migration()
    }
}
