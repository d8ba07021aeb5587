//! Who takes part, and what may go wrong: small enough to be explored to the end at every run, each for one part of the
//! protocol. Larger ones are in `larger`.

use crate::protocol::{Job, Protocol, Task};
use crate::state::Faults;

pub(crate) const NONE: Faults = Faults {
    expiries: 0,
    refreshes: 0,
    drops: 0,
    timeouts: 0,
    saves: 0,
    crashes: 0,
    failovers: 0,
    cuts: 0,
    flushalls: 0,
    index_losses: 0,
};

pub(crate) const NEAR: bool = true;
pub(crate) const STRICT: bool = false;

pub(crate) fn removals(job: Job, times: u8) -> Vec<Task> {
    vec![Task {
        process: 0,
        job,
        times,
    }]
}

pub(crate) fn base() -> Protocol {
    Protocol {
        near: vec![NEAR, NEAR],
        writers: removals(Job::RemoveKey, 1),
        faults: NONE,
        ..Protocol::default()
    }
}

/// No fault but expiry: lease, compare-and-set, memory fed by tracked reads, retired flights.
pub(crate) fn race() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        faults: Faults {
            expiries: 1,
            ..NONE
        },
        first_pass: true,
        ..base()
    }
}

/// The same with more readers, and less that happens by itself.
pub(crate) fn crowd() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (0, 1), (1, 1)],
        ..base()
    }
}

/// A background refresh beside readers.
pub(crate) fn refresh() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        faults: Faults {
            refreshes: 1,
            ..NONE
        },
        ..base()
    }
}

/// Readers in another process that accept no push delay.
pub(crate) fn strict() -> Protocol {
    Protocol {
        near: vec![NEAR, STRICT],
        readers: vec![(0, 1), (1, 1), (1, 1)],
        ..base()
    }
}

/// The writer's own process, with commands whose outcome is unknown, and a server that is lost for a while.
pub(crate) fn own_outage() -> Protocol {
    Protocol {
        near: vec![NEAR],
        readers: vec![(0, 1); 2],
        faults: Faults {
            timeouts: 1,
            crashes: 1,
            cuts: 1,
            ..NONE
        },
        ..base()
    }
}

/// A server that restarts from a snapshot.
pub(crate) fn snapshot() -> Protocol {
    Protocol {
        near: vec![NEAR],
        readers: vec![(0, 1); 2],
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
        near: vec![NEAR, STRICT],
        readers: vec![(1, 1); 2],
        faults: Faults {
            saves: 1,
            crashes: 1,
            ..NONE
        },
        ..base()
    }
}

/// An outage as another process sees it whose memory tier is on.
pub(crate) fn near_outage() -> Protocol {
    Protocol {
        readers: vec![(1, 1); 2],
        faults: Faults {
            crashes: 1,
            cuts: 1,
            ..NONE
        },
        ..base()
    }
}

/// Two puts at once in two processes, and a reader.
pub(crate) fn puts() -> Protocol {
    let put = |process| Task {
        process,
        job: Job::Put,
        times: 1,
    };
    Protocol {
        near: vec![NEAR, STRICT],
        readers: vec![(1, 1)],
        writers: vec![put(0), put(1)],
        faults: Faults {
            expiries: 1,
            timeouts: 1,
            ..NONE
        },
        ..base()
    }
}

/// A call that invalidates its own prefix, beside a removal and a reader elsewhere.
pub(crate) fn own_prefix() -> Protocol {
    let task = |process, job| Task {
        process,
        job,
        times: 1,
    };
    Protocol {
        near: vec![NEAR, STRICT],
        readers: vec![(0, 1), (1, 1)],
        writers: vec![task(0, Job::Own), task(1, Job::RemoveKey)],
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
        readers: vec![(1, 1); 3],
        faults: Faults { drops: 1, ..NONE },
        ..base()
    }
}

/// Tags that only the result tells, and an index that is lost.
pub(crate) fn tags() -> Protocol {
    Protocol {
        near: vec![NEAR, STRICT],
        readers: vec![(1, 1); 2],
        writers: removals(Job::RemoveTag, 1),
        faults: Faults {
            expiries: 1,
            index_losses: 2,
            ..NONE
        },
        indexed: true,
        ..base()
    }
}

/// A refresh that gives an entry a tag which it did not carry before.
pub(crate) fn refreshed_tags() -> Protocol {
    Protocol {
        writers: removals(Job::RemoveTag, 1),
        faults: Faults {
            refreshes: 1,
            index_losses: 1,
            ..NONE
        },
        indexed: true,
        seeded: true,
        ..base()
    }
}

/// A removal by glob while the index is lost.
pub(crate) fn glob() -> Protocol {
    Protocol {
        writers: removals(Job::RemoveGlob, 1),
        ..tags()
    }
}

/// Everything changes at once.
pub(crate) fn flushall() -> Protocol {
    Protocol {
        readers: vec![(1, 1); 3],
        faults: Faults {
            flushalls: 1,
            ..NONE
        },
        ..base()
    }
}

/// A lagging replica is promoted, as another process sees it that accepts no push delay.
pub(crate) fn promotion() -> Protocol {
    Protocol {
        near: vec![NEAR, STRICT],
        readers: vec![(1, 1); 2],
        faults: Faults {
            failovers: 1,
            ..NONE
        },
        ..base()
    }
}

/// A lagging replica is promoted, and the first server, which never ended, after it.
pub(crate) fn failback() -> Protocol {
    Protocol {
        near: vec![NEAR],
        readers: vec![(0, 1)],
        faults: Faults {
            failovers: 2,
            ..NONE
        },
        failback: true,
        ..base()
    }
}
