//! Commands of unknown outcome, connections that are cut, servers that end, restart or are superseded.

use super::{KEY, NONE, TAG, base, task};
use crate::protocol::Protocol;
use crate::protocol::Reads::{Near, Strict};
use crate::state::Faults;

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
