//! Work of which only one piece is under way at a time; what comes meanwhile is left out.

use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub(crate) struct OneAtATime(AtomicBool);

impl OneAtATime {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// The right to do the work, until it is dropped. `None`: a piece is under way.
    pub(crate) fn begin(&'static self) -> Option<UnderWay> {
        let was = self.0.swap(true, Ordering::Acquire);
        (!was).then(|| UnderWay(self))
    }
}

/// One piece of work under way.
#[derive(Debug)]
pub(crate) struct UnderWay(&'static OneAtATime);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_piece_begins_when_the_last_has_ended() {
        static WORK: OneAtATime = OneAtATime::new();
        let first = WORK.begin().unwrap();
        assert!(WORK.begin().is_none());
        assert!(WORK.begin().is_none(), "asking in vain changes nothing");
        drop(first);
        assert!(WORK.begin().is_some());
    }
}
