//! What a ledger holds: several patterns, tags, patterns of a call's own, a ledger that is lost.

use super::{NONE, PREFIX, TAG, base, task};
use crate::ledger::Patterns;
use crate::protocol::Reads::{Near, Pull, Strict};
use crate::protocol::{Job, Protocol};
use crate::state::Faults;

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
        writers: vec![task(0, PREFIX, 1), task(1, PREFIX, 1)],
        faults: Faults {
            evictions: 1,
            ..NONE
        },
        ..base()
    }
}
