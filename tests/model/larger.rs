//! Configurations of minutes and some GiB: more readers, more processes, faults of several kinds together. They are
//! explored where `MODEL_DEPTH=full` asks for it.

use crate::configurations::{
    self as with, KEY, NONE, PREFIX, TAG, base, deposed, near_outage, own_outage, refresh, task,
};
use crate::ledger::Patterns;
use crate::protocol::Reads::{Near, Pull, Strict};
use crate::protocol::{Job, Protocol};
use crate::state::Faults;

/// Are the larger ones asked for, too?
pub(crate) fn full() -> bool {
    std::env::var_os("MODEL_DEPTH").is_some_and(|depth| depth == "full")
}

/// Two writes, one after the other, beside readers that come again.
pub(crate) fn two_writes() -> Protocol {
    Protocol {
        writers: vec![task(0, PREFIX, 2)],
        readers: vec![(0, 1), (1, 2)],
        ..with::race()
    }
}

/// Three processes, each of which reads in its own way.
pub(crate) fn three_processes() -> Protocol {
    Protocol {
        processes: vec![Near, Strict, Pull],
        readers: vec![(0, 1), (1, 1), (2, 1)],
        ..base()
    }
}

/// A refresh beside readers in both processes.
pub(crate) fn large_refresh() -> Protocol {
    Protocol {
        processes: vec![Near, Near],
        readers: vec![(0, 1), (1, 1)],
        ..refresh()
    }
}

/// A refresh while the ledger is evicted.
pub(crate) fn refresh_and_eviction() -> Protocol {
    Protocol {
        faults: Faults {
            refreshes: 1,
            evictions: 1,
            ..NONE
        },
        ..large_refresh()
    }
}

/// All that can go wrong in the writer's process but a failover.
pub(crate) fn large_own_outage() -> Protocol {
    Protocol {
        faults: Faults {
            timeouts: 1,
            crashes: 1,
            cuts: 1,
            ..NONE
        },
        ..own_outage()
    }
}

/// The same for removals by tag, on a server that writes the own push after the reply.
pub(crate) fn large_tag_outage() -> Protocol {
    Protocol {
        writers: vec![task(0, TAG, 1)],
        seeded: true,
        push_first: false,
        faults: Faults {
            timeouts: 1,
            cuts: 1,
            evictions: 1,
            ..NONE
        },
        ..own_outage()
    }
}

/// A restart from a snapshot, for two readers that accept no push delay.
pub(crate) fn large_strict_outage() -> Protocol {
    Protocol {
        readers: vec![(1, 1); 2],
        ..with::strict_outage()
    }
}

/// The same with a removal that times out.
pub(crate) fn strict_outage_and_timeouts() -> Protocol {
    Protocol {
        faults: Faults {
            timeouts: 1,
            saves: 1,
            crashes: 1,
            ..NONE
        },
        ..with::strict_outage()
    }
}

/// Connections that are cut twice, while the ledger is evicted.
pub(crate) fn cuts_and_evictions() -> Protocol {
    Protocol {
        readers: vec![(1, 1)],
        faults: Faults {
            cuts: 2,
            evictions: 1,
            ..NONE
        },
        ..base()
    }
}

/// Memory tiers through a cut and a crash.
pub(crate) fn large_near_outage() -> Protocol {
    Protocol {
        faults: Faults {
            crashes: 1,
            cuts: 1,
            ..NONE
        },
        ..near_outage()
    }
}

/// A put beside a removal by prefix.
pub(crate) fn put_and_removal() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        writers: vec![task(0, Job::Put, 1), task(1, PREFIX, 1)],
        ..base()
    }
}

/// Two puts in an outage.
pub(crate) fn puts_in_an_outage() -> Protocol {
    Protocol {
        readers: vec![(0, 1)],
        faults: Faults { crashes: 1, ..NONE },
        ..with::puts()
    }
}

/// A call that invalidates its own prefix, with readers everywhere.
pub(crate) fn large_own_prefix() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        ..with::own_prefix()
    }
}

/// The same while connections are cut and removals time out.
pub(crate) fn own_prefix_in_an_outage() -> Protocol {
    Protocol {
        faults: Faults {
            cuts: 1,
            timeouts: 1,
            ..NONE
        },
        ..with::own_prefix()
    }
}

/// An entry without the tag, through two removals of the tag and one of another prefix.
pub(crate) fn large_survival() -> Protocol {
    Protocol {
        readers: vec![(0, 2), (1, 1), (2, 1)],
        writers: vec![task(0, TAG, 2), task(1, Job::Remove(Patterns::SIBLING), 1)],
        ..with::survival()
    }
}

/// Several patterns, of which two become one and one is dropped.
pub(crate) fn folding_and_pruning() -> Protocol {
    Protocol {
        faults: Faults {
            folds: 1,
            prunings: 1,
            cuts: 1,
            ..NONE
        },
        ..with::folding()
    }
}

/// Leaders that vanish, and a server that does.
pub(crate) fn hand_over_in_an_outage() -> Protocol {
    Protocol {
        processes: vec![Near],
        readers: vec![(0, 1); 3],
        writers: vec![task(0, KEY, 1)],
        faults: Faults {
            drops: 2,
            crashes: 1,
            ..NONE
        },
        ..base()
    }
}

/// A ledger that is evicted between two writes.
pub(crate) fn large_eviction() -> Protocol {
    Protocol {
        writers: vec![task(0, PREFIX, 2)],
        ..with::eviction()
    }
}

/// A ledger that is evicted twice, between three removals in two processes.
pub(crate) fn large_two_births() -> Protocol {
    Protocol {
        writers: vec![task(0, PREFIX, 1), task(1, PREFIX, 2)],
        faults: Faults {
            evictions: 2,
            ..NONE
        },
        ..with::two_births()
    }
}

/// Readers without pushes, several at once.
pub(crate) fn large_pull() -> Protocol {
    Protocol {
        readers: vec![(1, 1); 3],
        ..with::pull()
    }
}

/// A process without pushes through an outage.
pub(crate) fn pull_in_an_outage() -> Protocol {
    Protocol {
        faults: Faults {
            crashes: 1,
            saves: 1,
            ..NONE
        },
        ..with::pull()
    }
}

/// A promotion for two readers, and a memory tier in the writer's process.
pub(crate) fn large_promotion() -> Protocol {
    Protocol {
        processes: vec![Near, Strict],
        readers: vec![(1, 1); 2],
        ..deposed()
    }
}

/// A removal that timed out, and was replayed on a master that did not know yet that it is deposed.
pub(crate) fn deposed_replay() -> Protocol {
    Protocol {
        faults: Faults {
            failovers: 1,
            timeouts: 1,
            ..NONE
        },
        ..deposed()
    }
}
