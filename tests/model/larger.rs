//! Configurations of minutes and some GiB: more readers, more processes, faults of several kinds together. They are
//! explored where `MODEL_DEPTH=full` asks for it.

use crate::configurations::{
    NEAR, NONE, STRICT, base, crowd, failback, near_outage, own_outage, puts, race, refresh,
    removals, strict_outage, tags,
};
use crate::protocol::{Job, Protocol, Task};
use crate::state::Faults;

/// Are the larger ones asked for, too?
pub(crate) fn full() -> bool {
    std::env::var_os("MODEL_DEPTH").is_some_and(|depth| depth == "full")
}

/// Readers that come again and find copies in memory, while things expire.
pub(crate) fn large_race() -> Protocol {
    Protocol {
        readers: vec![(0, 2), (1, 2)],
        ..race()
    }
}

/// A refresh beside more readers.
pub(crate) fn large_refresh() -> Protocol {
    Protocol {
        readers: vec![(0, 2), (1, 1)],
        ..refresh()
    }
}

/// Three processes.
pub(crate) fn three_processes() -> Protocol {
    Protocol {
        near: vec![NEAR, STRICT, NEAR],
        readers: vec![(0, 1), (1, 1), (2, 1)],
        ..base()
    }
}

/// Two writes, one after the other.
pub(crate) fn two_writes() -> Protocol {
    Protocol {
        writers: removals(Job::RemoveKey, 2),
        first_pass: false,
        ..race()
    }
}

/// Two writers in two processes.
pub(crate) fn two_writers() -> Protocol {
    let task = |process| Task {
        process,
        job: Job::RemoveKey,
        times: 1,
    };
    Protocol {
        writers: vec![task(0), task(1)],
        ..crowd()
    }
}

/// All that can go wrong in the writer's process but a failover.
pub(crate) fn large_own_outage() -> Protocol {
    let faults = Faults {
        saves: 1,
        expiries: 1,
        drops: 1,
        ..own_outage().faults
    };
    Protocol {
        faults,
        ..own_outage()
    }
}

/// The outage for strict readers, with commands whose outcome is unknown.
pub(crate) fn large_strict_outage() -> Protocol {
    let faults = Faults {
        timeouts: 1,
        expiries: 1,
        ..strict_outage().faults
    };
    Protocol {
        faults,
        ..strict_outage()
    }
}

/// The outage for near readers, with a snapshot and commands whose outcome is unknown.
pub(crate) fn large_near_outage() -> Protocol {
    let faults = Faults {
        saves: 1,
        timeouts: 1,
        crashes: 1,
        ..NONE
    };
    Protocol {
        faults,
        ..near_outage()
    }
}

/// An outage for readers in both processes.
pub(crate) fn outage_for_both() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        ..large_strict_outage()
    }
}

/// Two puts and readers in both processes.
pub(crate) fn puts_and_reads() -> Protocol {
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        faults: NONE,
        ..puts()
    }
}

/// Two puts in an outage.
pub(crate) fn puts_in_an_outage() -> Protocol {
    Protocol {
        readers: vec![(0, 1)],
        faults: Faults { crashes: 1, ..NONE },
        ..puts()
    }
}

/// Leaders that vanish, and a server that does.
pub(crate) fn hand_over_in_an_outage() -> Protocol {
    let faults = Faults {
        drops: 2,
        crashes: 1,
        saves: 1,
        ..NONE
    };
    Protocol {
        near: vec![NEAR],
        readers: vec![(0, 1); 3],
        faults,
        ..base()
    }
}

/// Open tags with readers in both processes, a refresh, and leaders that vanish.
pub(crate) fn large_tags() -> Protocol {
    let faults = Faults {
        refreshes: 1,
        drops: 1,
        ..tags().faults
    };
    Protocol {
        readers: vec![(0, 1), (1, 1)],
        faults,
        ..tags()
    }
}

/// The failback with more readers, and commands whose outcome is unknown.
pub(crate) fn large_failback() -> Protocol {
    let faults = Faults {
        timeouts: 1,
        ..failback().faults
    };
    Protocol {
        readers: vec![(0, 1); 2],
        faults,
        ..failback()
    }
}
