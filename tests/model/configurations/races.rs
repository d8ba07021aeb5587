//! Nothing fails: readers, refreshes and puts beside a removal.

use super::{KEY, NONE, PREFIX, base, task};
use crate::ledger::Patterns;
use crate::protocol::Reads::{Near, Pull};
use crate::protocol::{Job, Protocol};
use crate::state::Faults;

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
