//! Who takes part, and what may go wrong: small enough to be explored to the end at every run, each for one part of the
//! protocol. Larger ones are in `larger`.

mod outages;
mod patterns;
mod races;

pub(crate) use self::outages::*;
pub(crate) use self::patterns::*;
pub(crate) use self::races::*;

use crate::ledger::Patterns;
use crate::protocol::Reads::{Near, Strict};
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
