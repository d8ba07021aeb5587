//! Removals that wait for Redis (P4), and those acknowledged so lately that a failover may have lost them.
//!
//! While the journal holds anything, this process does not read Redis. The supervisor replays it in order and opens
//! Redis again under the same lock that [`Journal::append`] takes: a removal is either replayed or keeps Redis shut.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::key::Pattern;

#[derive(Debug)]
pub(crate) struct Journal {
    waiting: VecDeque<(u64, Pattern)>,
    /// Acknowledged by Redis within [`Journal::memory`]: an asynchronous replica that is promoted may not have them.
    recent: VecDeque<(Instant, Pattern)>,
    next: u64,
    bound: usize,
    memory: Duration,
}

impl Journal {
    pub(crate) fn new(bound: usize, memory: Duration) -> Self {
        Self { waiting: VecDeque::new(), recent: VecDeque::new(), next: 0, bound: bound.max(1), memory }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds removals. What a later one covers is dropped; at the bound the journal becomes "everything of the namespace",
    /// which is correct and merely cold.
    pub(crate) fn append(&mut self, patterns: &[Pattern]) {
        for pattern in patterns {
            // A removal made *after* a replay of its equal has begun must be replayed again, hence always a new number.
            self.waiting.retain(|(_, old)| !pattern.covers(old));
            self.waiting.push_back((self.next, pattern.clone()));
            self.next += 1;
        }
        if self.waiting.len() > self.bound {
            self.waiting.clear();
            self.waiting.push_back((self.next, Pattern::all()));
            self.next += 1;
            tracing::warn!(
                bound = self.bound,
                "more removals wait for Redis than the journal holds: everything of the namespace will be removed"
            );
        }
    }

    /// What waits, oldest first, with the number to give to [`Journal::replayed`].
    pub(crate) fn waiting(&self) -> Vec<(u64, Pattern)> {
        self.waiting.iter().cloned().collect()
    }

    /// The removal of that number has run in Redis. One that was replaced meanwhile stays away.
    pub(crate) fn replayed(&mut self, number: u64) {
        self.waiting.retain(|(waiting, _)| *waiting != number);
    }

    /// Redis has acknowledged these.
    pub(crate) fn acknowledged(&mut self, now: Instant, patterns: &[Pattern]) {
        self.forget(now);
        for pattern in patterns {
            self.recent.retain(|(_, old)| !pattern.covers(old));
            self.recent.push_back((now, pattern.clone()));
        }
        if self.recent.len() > self.bound {
            self.recent.clear();
            self.recent.push_back((now, Pattern::all()));
        }
    }

    /// On a new connection the last seconds' acknowledged removals run once more.
    pub(crate) fn repeat_recent(&mut self, now: Instant) {
        self.forget(now);
        let recent: Vec<Pattern> = self.recent.drain(..).map(|(_, pattern)| pattern).collect();
        self.append(&recent);
    }

    fn forget(&mut self, now: Instant) {
        while self.recent.front().is_some_and(|(at, _)| now.duration_since(*at) > self.memory) {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        Journal::new(4, Duration::from_secs(5))
    }

    fn parse(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    fn texts(journal: &Journal) -> Vec<String> {
        journal.waiting().iter().map(|(_, pattern)| pattern.to_string()).collect()
    }

    #[test]
    fn keeps_order_and_merges_what_is_covered() {
        let mut journal = journal();
        journal.append(&[parse("jobs:list:"), parse("users:7"), parse("jobs:")]);
        assert_eq!(texts(&journal), ["users:7", "jobs:"], "`jobs:` covers `jobs:list:`");
    }

    #[test]
    fn at_the_bound_everything_goes() {
        let mut journal = journal();
        for number in 0..5 {
            journal.append(&[parse(&format!("users:{number}"))]);
        }
        assert_eq!(journal.len(), 1);
        assert_eq!(journal.waiting()[0].1, Pattern::all());
    }

    #[test]
    fn a_removal_made_during_its_own_replay_stays() {
        let mut journal = journal();
        journal.append(&[parse("jobs:")]);
        let replaying = journal.waiting();
        journal.append(&[parse("jobs:")]);
        journal.replayed(replaying[0].0);
        assert_eq!(texts(&journal), ["jobs:"], "the second one was made after the replay had begun");
    }

    #[tokio::test(start_paused = true)]
    async fn recent_ones_are_repeated_for_some_seconds_only() {
        let mut journal = journal();
        journal.acknowledged(Instant::now(), &[parse("old:")]);
        tokio::time::advance(Duration::from_secs(6)).await;
        journal.acknowledged(Instant::now(), &[parse("new:")]);
        journal.repeat_recent(Instant::now());
        assert_eq!(texts(&journal), ["new:"]);
    }
}
