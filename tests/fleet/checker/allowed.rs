//! What is not promised to happen, and happens: each with its name, until it is mended, and counted meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::{Nanos, nanos};
use crate::history::Cause;

/// Memory is believed for as long as its connection counts as alive, although nobody drives it, and so nothing that Redis
/// says is heard: in a process that was stopped by a signal, whose threads are kept by tasks that do not yield, or whose
/// runtime has ended. When memory asks how long ago Redis was heard, this becomes `false`, and what is counted now is a
/// broken promise then.
const MEMORY_IS_BELIEVED_UNHEARD: bool = true;

/// How long ago Redis must have been heard, then. What is younger is allowed in any case.
pub(super) const HEARD_WITHIN: Nanos = nanos(Duration::from_secs(2));

/// A process whose runtime has ended never reads Redis again, for what watched its connection has ended with it. So the
/// fleet puts another in its place before everything must have healed. When what watches is begun anew, this becomes
/// `false`.
pub(crate) const ENDED_RUNTIMES_STAY_CUT_OFF: bool = true;

/// The allowances of one check, and how often each was needed.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    pub(super) memory_is_believed_unheard: bool,
    /// Reads that only an allowance excused.
    pub(crate) needed: BTreeMap<Cause, u64>,
}

impl Allowed {
    /// As the code is now.
    pub(crate) fn today() -> Self {
        Self {
            memory_is_believed_unheard: MEMORY_IS_BELIEVED_UNHEARD,
            needed: BTreeMap::new(),
        }
    }

    pub(super) fn count(&mut self, cause: Cause) {
        *self.needed.entry(cause).or_default() += 1;
    }
}
