//! What happened at a moment: the breaker, the ledger, the journal, a clear. The latest are kept.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// How many are kept.
const KEPT: usize = 500;

/// Events of one kind that follow each other within this time are counted as one.
const TOGETHER: Duration = Duration::from_secs(10);

/// Something that an operator wants to see beside the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Happened {
    /// Redis is not used any more. Counts the parts of the cache.
    BreakerOpened,
    /// Redis is used again, or for the first time. Counts the parts of the cache.
    BreakerClosed,
    /// Redis lost the ledger of removals.
    LedgerLost,
    /// Removals in the ledger were merged into fewer.
    LedgerFolded,
    /// Removals were put into the journal, because Redis did not take them.
    RemovalsQueued,
    /// The journal is empty again.
    JournalReplayed,
    /// Background work was dropped, because there was too much of it.
    WorkShed,
    /// Everything was removed.
    Cleared,
}

impl Happened {
    /// Its name in the JSON answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BreakerOpened => "breaker-opened",
            Self::BreakerClosed => "breaker-closed",
            Self::LedgerLost => "ledger-lost",
            Self::LedgerFolded => "ledger-folded",
            Self::RemovalsQueued => "removals-queued",
            Self::JournalReplayed => "journal-replayed",
            Self::WorkShed => "work-shed",
            Self::Cleared => "cleared",
        }
    }
}

/// An event, and when it happened, counted from the beginning of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) what: Happened,
    pub(crate) count: u64,
}

/// The latest events, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Events(VecDeque<Event>);

impl Events {
    /// Adds events of one kind; none if `count` is zero.
    pub(crate) fn note(&mut self, at: Duration, what: Happened, count: u64) {
        if count == 0 {
            return;
        }
        // Others may lie between: a breaker that flaps opens and closes in turn.
        let recent = self.0.iter_mut().rev();
        let mut recent = recent.take_while(|event| at.saturating_sub(event.at) < TOGETHER);
        if let Some(event) = recent.find(|event| event.what == what) {
            event.count += count;
            return;
        }
        if self.0.len() == KEPT {
            self.drop_one();
        }
        self.0.push_back(Event { at, what, count });
    }

    /// Drops the oldest event of the kind that there are most of, so that a frequent kind does not displace a rare one.
    fn drop_one(&mut self) {
        let mut counts: HashMap<Happened, usize> = HashMap::new();
        for event in &self.0 {
            *counts.entry(event.what).or_default() += 1;
        }
        let most = counts.values().copied().max();
        let oldest = |event: &Event| counts.get(&event.what).copied() == most;
        if let Some(oldest) = self.0.iter().position(oldest) {
            self.0.remove(oldest);
        }
    }

    pub(crate) fn since(&self, from: Duration) -> Vec<Event> {
        let since = self.0.iter().filter(|event| event.at >= from);
        since.copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_one_event_and_the_number_of_events_is_bounded() {
        let second = Duration::from_secs(1);
        let mut events = Events::default();
        events.note(second, Happened::RemovalsQueued, 2);
        events.note(second * 5, Happened::RemovalsQueued, 3);
        events.note(second * 5, Happened::LedgerLost, 0);
        events.note(second * 20, Happened::RemovalsQueued, 1);
        let counts = events.since(Duration::ZERO);
        let counts = counts.iter().map(|event| event.count).collect::<Vec<_>>();
        assert_eq!(counts, [5, 1]);
        for number in 0..2_000 {
            events.note(second * (number * 60), Happened::LedgerFolded, 1);
        }
        let kept = events.since(Duration::ZERO);
        assert_eq!((kept.len(), kept[KEPT - 1].at), (KEPT, second * 1_999 * 60));
    }

    #[test]
    fn a_breaker_that_flaps_displaces_no_other_event() {
        let second = Duration::from_secs(1);
        let mut events = Events::default();
        events.note(Duration::ZERO, Happened::Cleared, 1);
        for number in 0..10 {
            events.note(
                second * 100 + second / 10 * number,
                Happened::BreakerOpened,
                1,
            );
            events.note(
                second * 100 + second / 10 * number,
                Happened::BreakerClosed,
                1,
            );
        }
        let told = |event: &Event| (event.what, event.count);
        assert_eq!(
            events
                .since(Duration::ZERO)
                .iter()
                .map(told)
                .collect::<Vec<_>>(),
            [
                (Happened::Cleared, 1),
                (Happened::BreakerOpened, 10),
                (Happened::BreakerClosed, 10)
            ]
        );
        for minute in 2..2_000 {
            events.note(second * 60 * minute, Happened::BreakerOpened, 1);
            events.note(second * 60 * minute, Happened::BreakerClosed, 1);
        }
        let kept = events.since(Duration::ZERO);
        assert_eq!((kept.len(), told(&kept[0])), (KEPT, (Happened::Cleared, 1)));
        assert_eq!(told(&kept[KEPT - 1]), (Happened::BreakerClosed, 1));
    }
}
