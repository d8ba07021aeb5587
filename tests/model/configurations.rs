//! Who takes part, and what may go wrong: small enough to be explored to the end at every run, each for one part of the
//! protocol. Larger ones are in `larger`.

use crate::ledger::Patterns;
use crate::protocol::Reads::{Near, Pull, Strict};
use crate::protocol::{Job, Protocol, Task};
use crate::state::Faults;

pub(crate) const NONE: Faults = Faults {
    expiries: 0,
    deletions: 0,
    refreshes: 0,
    drops: 0,
    timeouts: 0,
    saves: 0,
    crashes: 0,
    failovers: 0,
    cuts: 0,
    flushalls: 0,
    evictions: 0,
    folds: 0,
    prunings: 0,
};

pub(crate) const PREFIX: Job = Job::Remove(Patterns::NARROW);
pub(crate) const TAG: Job = Job::Remove(Patterns::TAG);
pub(crate) const KEY: Job = Job::Remove(Patterns::KEY);

pub(crate) fn task(process: u8, job: Job, times: u8) -> Task {
    Task {
        process,
        job,
        times,
    }
}

pub(crate) fn base() -> Protocol {
    Protocol {
        processes: vec![Near, Strict],
        writers: vec![task(0, PREFIX, 1)],
        faults: NONE,
        push_first: true,
        ..Protocol::default()
    }
}

/// A removal by prefix, a reader beside it, a reader without push delay elsewhere.
pub(crate) fn race() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        faults: Faults {
            expiries: 1,
            ..NONE
        },
        ..base()
    }
}

/// The same on a server that writes a connection's own push after the reply.
pub(crate) fn late_push() -> Protocol {
    Protocol {
        push_first: false,
        ..race()
    }
}

/// A removal at the key, by name.
pub(crate) fn by_name() -> Protocol {
    Protocol {
        processes: vec![Near, Near],
        writers: vec![task(0, KEY, 1)],
        ..race()
    }
}

/// Several readers beside the writer.
pub(crate) fn crowd() -> Protocol {
    Protocol {
        processes: vec![Near],
        readers: vec![(0, 1); 3],
        push_first: false,
        ..base()
    }
}

/// Several readers without push delay.
pub(crate) fn strict() -> Protocol {
    Protocol {
        readers: vec![(1, 1); 3],
        ..base()
    }
}

/// Readers without push delay beside a removal by name, of which they hear nothing.
pub(crate) fn strict_by_name() -> Protocol {
    Protocol {
        writers: vec![task(0, KEY, 1)],
        readers: vec![(0, 1), (1, 1), (1, 1)],
        ..base()
    }
}

/// A memory tier elsewhere.
pub(crate) fn near() -> Protocol {
    Protocol {
        processes: vec![Near, Near],
        readers: vec![(0, 1), (1, 1)],
        two_halves: true,
        ..base()
    }
}

/// A background refresh beside readers; what it replaces may end meanwhile.
pub(crate) fn refresh() -> Protocol {
    Protocol {
        processes: vec![Near],
        readers: vec![(0, 1); 2],
        faults: Faults {
            refreshes: 1,
            expiries: 1,
            ..NONE
        },
        ..base()
    }
}

/// The same beside a removal by name.
pub(crate) fn refresh_by_name() -> Protocol {
    Protocol {
        writers: vec![task(0, KEY, 1)],
        ..refresh()
    }
}

/// The writer's own process, with commands whose outcome is unknown.
pub(crate) fn own_timeouts() -> Protocol {
    Protocol {
        processes: vec![Near],
        readers: vec![(0, 1); 2],
        faults: Faults {
            timeouts: 2,
            ..NONE
        },
        push_first: false,
        ..base()
    }
}

/// The same for a tag, which shuts only the entries that carry it.
pub(crate) fn tag_timeouts() -> Protocol {
    Protocol {
        writers: vec![task(0, TAG, 1)],
        processes: vec![Strict],
        faults: Faults {
            timeouts: 1,
            ..NONE
        },
        ..own_timeouts()
    }
}

/// The same for a ledger that is lost, too.
pub(crate) fn tag_timeouts_and_eviction() -> Protocol {
    Protocol {
        faults: Faults {
            timeouts: 1,
            evictions: 1,
            ..NONE
        },
        ..tag_timeouts()
    }
}

/// The writer's own process, and a server that is lost for a while.
pub(crate) fn own_outage() -> Protocol {
    Protocol {
        processes: vec![Near],
        readers: vec![(0, 1); 2],
        faults: Faults { crashes: 1, ..NONE },
        ..base()
    }
}

/// A server that restarts from a snapshot, with what was removed by name.
pub(crate) fn snapshot() -> Protocol {
    Protocol {
        processes: vec![Near],
        readers: vec![(0, 1); 2],
        writers: vec![task(0, KEY, 1)],
        faults: Faults {
            saves: 1,
            crashes: 1,
            ..NONE
        },
        ..base()
    }
}

/// An outage as another process sees it that accepts no push delay.
pub(crate) fn strict_outage() -> Protocol {
    Protocol {
        readers: vec![(1, 1)],
        faults: Faults {
            saves: 1,
            crashes: 1,
            ..NONE
        },
        ..base()
    }
}

/// Connections that are cut, as another process sees it that accepts no push delay.
pub(crate) fn cuts() -> Protocol {
    Protocol {
        readers: vec![(1, 1); 2],
        faults: Faults { cuts: 1, ..NONE },
        ..base()
    }
}

/// An outage as another process sees it whose memory tier is on.
pub(crate) fn near_outage() -> Protocol {
    Protocol {
        processes: vec![Near, Near],
        readers: vec![(1, 1); 2],
        faults: Faults { cuts: 1, ..NONE },
        ..base()
    }
}

/// The same beside a removal by name.
pub(crate) fn near_outage_by_name() -> Protocol {
    Protocol {
        writers: vec![task(0, KEY, 1)],
        ..near_outage()
    }
}

/// Two puts at once in two processes, and a reader.
pub(crate) fn puts() -> Protocol {
    Protocol {
        readers: vec![(1, 1)],
        writers: vec![task(0, Job::Put, 1), task(1, Job::Put, 1)],
        faults: Faults {
            timeouts: 1,
            ..NONE
        },
        ..base()
    }
}

/// A call that invalidates its own prefix, beside a removal and a reader elsewhere.
pub(crate) fn own_prefix() -> Protocol {
    Protocol {
        readers: vec![(1, 1)],
        writers: vec![task(0, Job::Own(Patterns::NARROW), 1), task(1, PREFIX, 1)],
        ..base()
    }
}

/// Its patterns are folded meanwhile.
pub(crate) fn own_prefix_folded() -> Protocol {
    Protocol {
        readers: vec![(1, 1)],
        writers: vec![
            task(0, Job::Own(Patterns::NARROW.and(Patterns::SIBLING)), 1),
            task(1, Job::Remove(Patterns::NARROW.and(Patterns::SIBLING)), 1),
        ],
        faults: Faults { folds: 1, ..NONE },
        ..base()
    }
}

/// A call that invalidates a wide prefix and a tag of its own, beside a removal of that tag.
pub(crate) fn own_tag() -> Protocol {
    Protocol {
        readers: vec![(1, 1)],
        writers: vec![
            task(0, Job::Own(Patterns::WIDE.and(Patterns::TAG)), 1),
            task(1, TAG, 1),
        ],
        push_first: false,
        faults: Faults {
            prunings: 1,
            ..NONE
        },
        ..base()
    }
}

/// A call that invalidates its own key by name.
pub(crate) fn own_key() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        writers: vec![task(0, Job::Own(Patterns::KEY), 1)],
        faults: Faults {
            expiries: 1,
            ..NONE
        },
        ..base()
    }
}

/// Leaders that vanish at every await.
pub(crate) fn hand_over() -> Protocol {
    Protocol {
        processes: vec![Near, Near],
        readers: vec![(1, 1); 3],
        writers: vec![task(0, KEY, 1)],
        faults: Faults { drops: 1, ..NONE },
        ..base()
    }
}

/// A tag that only the result tells.
pub(crate) fn tags() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        writers: vec![task(0, TAG, 1)],
        faults: Faults {
            deletions: 1,
            ..NONE
        },
        seeded: true,
        ..base()
    }
}

/// An entry that does not carry the tag survives the removals of that tag.
pub(crate) fn survival() -> Protocol {
    Protocol {
        processes: vec![Near, Strict, Pull],
        readers: vec![(1, 1), (2, 1)],
        writers: vec![task(0, TAG, 1), task(0, Job::Remove(Patterns::SIBLING), 1)],
        seeded: true,
        survives: true,
        ..base()
    }
}

/// Removals by tag while Redis is away.
pub(crate) fn tag_outage() -> Protocol {
    Protocol {
        processes: vec![Near],
        readers: vec![(0, 1); 2],
        writers: vec![task(0, TAG, 1)],
        faults: Faults { cuts: 1, ..NONE },
        ..base()
    }
}

/// A refresh that gives an entry a tag which it did not carry before.
pub(crate) fn refreshed_tags() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        writers: vec![task(0, TAG, 1)],
        faults: Faults {
            refreshes: 1,
            ..NONE
        },
        seeded: true,
        ..base()
    }
}

/// Several patterns, of which two become one.
pub(crate) fn folding() -> Protocol {
    Protocol {
        readers: vec![(1, 1)],
        writers: vec![
            task(0, Job::Remove(Patterns::SIBLING), 1),
            task(0, PREFIX, 1),
        ],
        faults: Faults {
            folds: 1,
            cuts: 1,
            ..NONE
        },
        ..base()
    }
}

/// Patterns that are dropped for their age.
pub(crate) fn pruning() -> Protocol {
    Protocol {
        readers: vec![(1, 1)],
        writers: vec![task(0, Job::Remove(Patterns::WIDE), 1)],
        faults: Faults {
            prunings: 1,
            cuts: 1,
            ..NONE
        },
        ..base()
    }
}

/// A ledger that is evicted, beside connections that are cut.
pub(crate) fn eviction() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        writers: vec![task(0, PREFIX, 1)],
        faults: Faults {
            evictions: 1,
            ..NONE
        },
        push_first: false,
        ..base()
    }
}

/// Two removals in two processes, each of which may give birth to a ledger.
pub(crate) fn two_births() -> Protocol {
    Protocol {
        readers: vec![(0, 1)],
        writers: vec![task(0, PREFIX, 1), task(1, PREFIX, 2)],
        faults: Faults {
            evictions: 2,
            ..NONE
        },
        ..base()
    }
}

/// Everything changes at once.
pub(crate) fn flushall() -> Protocol {
    Protocol {
        processes: vec![Near, Near],
        readers: vec![(1, 1); 2],
        two_halves: true,
        faults: Faults {
            flushalls: 1,
            ..NONE
        },
        ..base()
    }
}

/// The same beside a removal by name.
pub(crate) fn flushall_by_name() -> Protocol {
    Protocol {
        writers: vec![task(0, KEY, 1)],
        ..flushall()
    }
}

/// A process without pushes reads.
pub(crate) fn pull() -> Protocol {
    Protocol {
        processes: vec![Near, Pull],
        readers: vec![(1, 1); 2],
        faults: Faults {
            evictions: 1,
            ..NONE
        },
        ..base()
    }
}

/// A process without pushes reads beside a removal by name.
pub(crate) fn pull_by_name() -> Protocol {
    Protocol {
        writers: vec![task(0, KEY, 1)],
        faults: NONE,
        readers: vec![(0, 1), (1, 1)],
        ..pull()
    }
}

/// A process without pushes writes, and reads what another removes.
pub(crate) fn pull_writes() -> Protocol {
    Protocol {
        processes: vec![Near, Pull],
        readers: vec![(1, 2)],
        writers: vec![
            task(0, PREFIX, 1),
            task(1, Job::Remove(Patterns::SIBLING), 1),
        ],
        ..base()
    }
}

/// A process without pushes invalidates its own prefix, beside a removal of a wider one.
pub(crate) fn pull_own() -> Protocol {
    Protocol {
        processes: vec![Pull, Strict],
        readers: vec![(1, 1)],
        writers: vec![
            task(0, Job::Own(Patterns::NARROW), 1),
            task(1, Job::Remove(Patterns::WIDE), 1),
        ],
        ..base()
    }
}

/// A lagging replica is promoted, and the first server, which never ended, after it.
pub(crate) fn failback() -> Protocol {
    Protocol {
        processes: vec![Near],
        readers: vec![(0, 1)],
        faults: Faults {
            failovers: 2,
            ..NONE
        },
        failback: true,
        ..base()
    }
}

/// A removal that a master acknowledges which does not know yet that it is deposed.
pub(crate) fn deposed() -> Protocol {
    Protocol {
        processes: vec![Strict, Strict],
        readers: vec![(1, 1)],
        faults: Faults {
            failovers: 1,
            ..NONE
        },
        ..base()
    }
}
