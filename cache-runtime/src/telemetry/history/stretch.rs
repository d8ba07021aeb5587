//! A part of a stretch of time, and what of a count belongs to it.

use std::time::Duration;

/// A part of the time between two samples, as nanoseconds since the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    from: u128,
    to: u128,
    whole: u128,
}

impl Stretch {
    /// The part from `from` to `to` of a time that is `whole` long.
    pub(crate) fn new(from: Duration, to: Duration, whole: Duration) -> Self {
        let whole = whole.as_nanos();
        if whole == 0 {
            // No time has passed: all of it belongs to the one part.
            return Self {
                from: 0,
                to: 1,
                whole: 1,
            };
        }
        let (from, to) = (from.as_nanos().min(whole), to.as_nanos().min(whole));
        Self { from, to, whole }
    }

    /// The part of a count that falls into it, if the count grew evenly. The parts of adjoining stretches add up to the
    /// count exactly, because each is the difference of two sums that are rounded in the same way.
    pub(crate) fn of(self, count: u64) -> u64 {
        let until = |at: u128| u128::from(count) * at / self.whole;
        u64::try_from(until(self.to) - until(self.from)).unwrap_or(u64::MAX)
    }
}
