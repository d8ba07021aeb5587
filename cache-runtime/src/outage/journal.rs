//! Removals that wait for Redis (P4), and those acknowledged so lately that a failover may have lost them.
//!
//! What a waiting removal covers is not read from Redis by this process; everything else is. The supervisor replays them in
//! batches, and each ends its waiting when Redis has acknowledged it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::journal_file::JournalFile;
use crate::key::{NumberedPatterns, Pattern};

#[derive(Debug)]
pub(crate) struct Journal {
    /// By the order in which they came.
    waiting: BTreeMap<u64, Pattern>,
    /// The same, to ask whether one of them covers a key.
    covering: NumberedPatterns,
    /// The same, by the text that they begin with: what a later one covers lies together.
    by_text: BTreeSet<(Kind, String, u64)>,
    /// Acknowledged by Redis within [`Journal::memory`]: an asynchronous replica that is promoted may not have them.
    recent: VecDeque<(Instant, Pattern)>,
    next: u64,
    bound: usize,
    memory: Duration,
    /// Removals that Redis is being asked for: in the file alone, for a crash before the answer.
    intents: BTreeMap<u64, Pattern>,
    /// Where it survives a crash; `None` without `CACHE_JOURNAL`, or after the disk refused.
    file: Option<JournalFile>,
}

impl Journal {
    pub(crate) fn new(bound: usize, memory: Duration) -> Self {
        Self {
            waiting: BTreeMap::new(),
            covering: NumberedPatterns::default(),
            by_text: BTreeSet::new(),
            recent: VecDeque::new(),
            next: 1,
            bound: bound.max(1),
            memory,
            intents: BTreeMap::new(),
            file: None,
        }
    }

    /// Keeps what waits in a file from now on, and adopts what processes that are gone left in the directory.
    ///
    /// # Errors
    ///
    /// The directory cannot be made, read or written.
    pub(crate) fn keep_in(&mut self, directory: &Path, family: &str) -> io::Result<()> {
        let (file, adopted) = JournalFile::open(directory, family)?;
        self.file = Some(file);
        self.append(&adopted);
        Ok(())
    }

    /// The file, for whoever flushes it to the disk where blocking is allowed.
    pub(crate) fn to_flush(&self) -> Option<File> {
        self.file.as_ref().and_then(|file| file.handle().ok())
    }

    pub(crate) fn close(&mut self) {
        if let Some(mut file) = self.file.take() {
            // If this fails, the file stays longer than it need be.
            let _ = file.tidy([&self.waiting, &self.intents]);
            file.discard();
        }
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
            self.drop_covered(pattern);
            self.push(pattern.clone());
        }
        if self.waiting.len() > self.bound {
            self.push(Pattern::all());
            self.drop_covered_but_last();
            tracing::warn!(
                bound = self.bound,
                "more removals wait for Redis than the journal holds: everything of the namespace will be removed"
            );
        }
    }

    /// Redis is about to be asked for these. Written to the file, if there is one, before that: the database may have
    /// committed what they are about, so a crash before the answer must not lose them. Returns what to give to
    /// [`Journal::settled`].
    pub(crate) fn intend(&mut self, patterns: &[Pattern]) -> Vec<u64> {
        if self.file.is_none() {
            return Vec::new();
        }
        let mut numbers = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let number = self.next;
            self.next += 1;
            self.write(|file, _| file.add(number, pattern));
            self.intents.insert(number, pattern.clone());
            numbers.push(number);
        }
        numbers
    }

    /// Redis has acknowledged these, or they wait by now.
    pub(crate) fn settled(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.intents.remove(number);
        }
        self.write(|file, standing| {
            for number in numbers {
                file.done(*number)?;
            }
            // Not each time: an empty file costs a system call more than one that grows.
            match file.is_long() {
                true => file.tidy(standing),
                false => Ok(()),
            }
        });
    }

    /// Does a waiting removal cover the key, or one of the tags?
    pub(crate) fn covers<'t>(
        &self,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
    ) -> bool {
        self.covering.len() > 0 && self.covering.cover_since(key, tags, 0)
    }

    /// The oldest that wait, with the numbers to give to [`Journal::replayed`].
    pub(crate) fn waiting(&self, at_most: usize) -> Vec<(u64, Pattern)> {
        let oldest = self.waiting.iter().take(at_most);
        oldest
            .map(|(number, pattern)| (*number, pattern.clone()))
            .collect()
    }

    /// The removals of these numbers have run in Redis. One that was replaced meanwhile stays away.
    pub(crate) fn replayed(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.take(*number);
        }
        self.write(|file, standing| {
            for number in numbers {
                file.done(*number)?;
            }
            file.tidy(standing)
        });
    }

    /// Redis has acknowledged these.
    pub(crate) fn acknowledged(&mut self, now: Instant, patterns: &[Pattern]) {
        self.forget(now);
        // Removals that a later one covers are kept: looking for them would cost each removal a walk over all recent ones.
        let these = patterns.iter().map(|pattern| (now, pattern.clone()));
        self.recent.extend(these);
        if self.recent.len() > self.bound {
            self.recent.clear();
            self.recent.push_back((now, Pattern::all()));
        }
    }

    /// On a new connection the removals of the last seconds before `now`, when contact was lost, run once more.
    pub(crate) fn repeat_recent(&mut self, now: Instant) {
        self.forget(now);
        let recent: Vec<Pattern> = self.recent.drain(..).map(|(_, pattern)| pattern).collect();
        self.append(&recent);
    }

    fn push(&mut self, pattern: Pattern) {
        let number = self.next;
        self.next += 1;
        self.write(|file, _| file.add(number, &pattern));
        self.covering.raise(&pattern, number);
        let (kind, text) = text_of(&pattern);
        self.by_text.insert((kind, text.to_owned(), number));
        self.waiting.insert(number, pattern);
    }

    fn take(&mut self, number: u64) {
        if let Some(pattern) = self.waiting.remove(&number) {
            self.covering.remove(&pattern, number);
            let (kind, text) = text_of(&pattern);
            self.by_text.remove(&(kind, text.to_owned(), number));
        }
    }

    /// In the file they stay: until the later one is written there too, a crash would lose both.
    ///
    /// What is covered begins with the same text, so only that is looked at, and not for ever: one that is covered and
    /// stays is replayed once too often, which costs less than to look at ten thousand for each that is added.
    fn drop_covered(&mut self, pattern: &Pattern) {
        let covered: Vec<u64> = match pattern {
            // A key covers nothing but itself.
            Pattern::Key(_) => self.covering.number_of(pattern).into_iter().collect(),
            _ if *pattern == Pattern::all() => self.waiting.keys().copied().collect(),
            _ => {
                let (kind, text) = text_of(pattern);
                let (mut covered, mut spared) = (Vec::new(), 0);
                for (other, beginning, number) in self.by_text.range((kind, text.to_owned(), 0)..) {
                    if *other != kind || !beginning.starts_with(text) || spared == SPARED {
                        break;
                    }
                    let old = self.waiting.get(number);
                    if old.is_some_and(|old| pattern.covers(old)) {
                        covered.push(*number);
                    } else {
                        spared += 1;
                    }
                }
                // Its equal may lie further on.
                covered.extend(self.covering.number_of(pattern));
                covered
            }
        };
        covered.into_iter().for_each(|number| self.take(number));
    }

    fn drop_covered_but_last(&mut self) {
        while self.waiting.len() > 1
            && let Some(oldest) = self.waiting.keys().next().copied()
        {
            self.take(oldest);
        }
        self.write(|file, standing| file.tidy(standing));
    }

    /// A disk that refuses does not stop the service: the journal goes on in memory, and says so once.
    fn write(
        &mut self,
        write: impl FnOnce(&mut JournalFile, [&BTreeMap<u64, Pattern>; 2]) -> io::Result<()>,
    ) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = write(file, [&self.waiting, &self.intents]) {
            tracing::error!(%error, "CACHE_JOURNAL cannot be written: removals that wait for Redis would not survive a crash");
            self.file = None;
        }
    }

    fn forget(&mut self, now: Instant) {
        while self
            .recent
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > self.memory)
        {
            self.recent.pop_front();
        }
    }
}

/// What a pattern says something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Keys,
    Tags,
}

/// The text with which everything begins that the pattern names.
fn text_of(pattern: &Pattern) -> (Kind, &str) {
    match (pattern.scan_prefix(), pattern) {
        (Some(text), _) => (Kind::Keys, text),
        (None, Pattern::Tag(text) | Pattern::TagPrefix(text)) => (Kind::Tags, text),
        (None, Pattern::AllTags(all)) => (Kind::Tags, all.first().map_or("", String::as_str)),
        (None, _) => (Kind::Tags, ""),
    }
}

/// Waiting removals that one which is added may look at in vain.
const SPARED: usize = 64;

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
        journal
            .waiting(usize::MAX)
            .iter()
            .map(|(_, pattern)| pattern.to_string())
            .collect()
    }

    #[test]
    fn keeps_order_and_merges_what_is_covered() {
        let mut journal = journal();
        journal.append(&[parse("jobs:list:"), parse("users:7"), parse("jobs:")]);
        assert_eq!(
            texts(&journal),
            ["users:7", "jobs:"],
            "`jobs:` covers `jobs:list:`"
        );
    }

    #[test]
    fn whatever_is_dropped_was_covered_by_a_later_one() {
        let texts = [
            "a", "a:", "a:b", "a:b*", "a:*:c", "*:c", "=a", "=a:b", "#a", "#a:", "#a:b", "#a+#b",
            "#b+#c", "*", "ab", "b:",
        ];
        for first in texts {
            for second in texts {
                for third in texts {
                    let mut journal = Journal::new(100, Duration::from_secs(5));
                    let all = [first, second, third].map(parse);
                    journal.append(&all);
                    let kept = journal.waiting(9);
                    for (at, old) in all.iter().enumerate() {
                        let stands = kept.iter().any(|(_, pattern)| pattern == old);
                        let covered = all[at + 1..].iter().any(|later| later.covers(old));
                        assert!(stands || covered, "{first} {second} {third}");
                    }
                    assert_eq!(journal.by_text.len(), journal.len());
                }
            }
        }
    }

    /// Each would look at all before it, if nothing ended that.
    #[test]
    fn what_begins_alike_and_covers_nothing_is_looked_at_a_few_times() {
        let mut journal = Journal::new(100_000, Duration::from_secs(5));
        for number in 0..5_000 {
            journal.append(&[parse(&format!("a:*:{number}"))]);
        }
        journal.append(&[parse("a:*:7")]);
        assert_eq!(journal.len(), 5_000, "its equal is found all the same");
        journal.append(&[parse("a:")]);
        assert_eq!(journal.len(), 1);
    }

    #[test]
    fn at_the_bound_everything_goes() {
        let mut journal = journal();
        for number in 0..5 {
            journal.append(&[parse(&format!("users:{number}"))]);
        }
        assert_eq!(journal.len(), 1);
        assert_eq!(journal.waiting(1)[0].1, Pattern::all());
    }

    #[test]
    fn a_removal_made_during_its_own_replay_stays() {
        let mut journal = journal();
        journal.append(&[parse("jobs:")]);
        let replaying = journal.waiting(9);
        journal.append(&[parse("jobs:")]);
        journal.replayed(&[replaying[0].0]);
        assert_eq!(
            texts(&journal),
            ["jobs:"],
            "the second one was made after the replay had begun"
        );
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
