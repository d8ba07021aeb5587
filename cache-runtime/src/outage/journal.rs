//! The journal: removals that wait for Redis (P4), and removals that were acknowledged so recently that a failover may
//! have lost them.
//!
//! This process does not read from Redis what a waiting removal covers; it reads everything else. The supervisor
//! replays the waiting removals in batches. A removal stops waiting when Redis has acknowledged it.

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
    /// The waiting removals, in the order in which they came.
    waiting: BTreeMap<u64, Pattern>,
    /// The waiting removals again, to find whether one of them covers a key.
    covering: NumberedPatterns,
    /// The waiting removals again, sorted by the text that they begin with: those that a later one covers are adjacent.
    by_text: BTreeSet<(Kind, String, u64)>,
    /// Removals that Redis acknowledged within [`Journal::memory`]: an asynchronous replica that is promoted may not
    /// have them.
    recent: VecDeque<(Instant, Pattern)>,
    next: u64,
    bound: usize,
    memory: Duration,
    /// Removals that are being sent to Redis. They are only in the file, for the case of a crash before the answer.
    intents: BTreeMap<u64, Pattern>,
    /// The file that survives a crash; `None` without `CACHE_JOURNAL`, or after a write to it has failed.
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

    /// Keeps the waiting removals in a file from now on, and adopts those that processes that have ended left in the
    /// directory.
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

    /// The file, to be flushed to the disk where blocking is allowed.
    pub(crate) fn to_flush(&self) -> Option<File> {
        self.file.as_ref().and_then(|file| file.handle().ok())
    }

    pub(crate) fn close(&mut self) {
        if let Some(mut file) = self.file.take() {
            // If this fails, the file only stays longer than necessary.
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

    /// Adds removals. Earlier ones that a new one covers are dropped. Beyond the bound, a removal of the whole
    /// namespace replaces all of them, which is correct but makes the cache cold.
    pub(crate) fn append(&mut self, patterns: &[Pattern]) {
        for pattern in patterns {
            // A new number is always needed: a removal that is made *after* the replay of an equal one has begun must
            // be replayed again.
            self.drop_covered(pattern);
            self.push(pattern.clone());
        }
        if self.waiting.len() > self.bound {
            self.push(Pattern::all());
            self.drop_covered_but_last();
            tracing::warn!(
                bound = self.bound,
                "more removals wait for Redis than the journal holds: one removal of the whole namespace replaces them, so the cache \
                 will be cold once Redis is back; raise `CacheConfig::journal_bound` if this happens often"
            );
        }
    }

    /// Called before removals are sent to Redis. Writes them to the file, if there is one: the database may already
    /// have committed the changes behind them, so a crash before the answer must not lose them. Returns the numbers to
    /// give to [`Journal::settled`].
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

    /// Redis has acknowledged these removals, or they wait in the journal by now.
    pub(crate) fn settled(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.intents.remove(number);
        }
        self.write(|file, standing| {
            for number in numbers {
                file.done(*number)?;
            }
            // The file is not tidied each time: emptying it costs a system call more than letting it grow.
            match file.is_long() {
                true => file.tidy(standing),
                false => Ok(()),
            }
        });
    }

    /// True if a waiting removal covers the key, or one of the tags.
    pub(crate) fn covers<'t>(
        &self,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
    ) -> bool {
        self.covering.len() > 0 && self.covering.cover_since(key, tags, 0)
    }

    /// The oldest waiting removals, with the numbers to give to [`Journal::replayed`].
    pub(crate) fn waiting(&self, at_most: usize) -> Vec<(u64, Pattern)> {
        let oldest = self.waiting.iter().take(at_most);
        oldest
            .map(|(number, pattern)| (*number, pattern.clone()))
            .collect()
    }

    /// The removals with these numbers have run in Redis. One that was replaced meanwhile is already gone.
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

    /// Redis has acknowledged these removals.
    pub(crate) fn acknowledged(&mut self, now: Instant, patterns: &[Pattern]) {
        self.forget(now);
        // Removals that a later one covers are kept: to find them, each removal would have to walk over all recent
        // ones.
        let these = patterns.iter().map(|pattern| (now, pattern.clone()));
        self.recent.extend(these);
        if self.recent.len() > self.bound {
            self.recent.clear();
            self.recent.push_back((now, Pattern::all()));
        }
    }

    /// Lets the removals of the last seconds before `now`, when contact was lost, wait again, so that they run once
    /// more on a new connection.
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

    /// Drops the waiting removals that a new one covers. They stay in the file: until the new one is written there too,
    /// a crash would lose both.
    ///
    /// A covered removal begins with the same text, so only such ones are examined, and only up to a limit. A covered
    /// removal that is missed is replayed once too often, which costs less than examining ten thousand for each one
    /// that is added.
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
                // An equal removal may be further on.
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

    /// Writes to the file. A disk that fails does not stop the service: the journal goes on in memory, and logs that
    /// once.
    fn write(
        &mut self,
        write: impl FnOnce(&mut JournalFile, [&BTreeMap<u64, Pattern>; 2]) -> io::Result<()>,
    ) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = write(file, [&self.waiting, &self.intents]) {
            tracing::error!(%error, "the journal file cannot be written: removals that wait for Redis are kept in memory only, and a crash loses them; check the directory of CACHE_JOURNAL, then restart");
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

/// Whether a pattern names keys or tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Keys,
    Tags,
}

/// The text with which all keys or tags begin that the pattern names.
fn text_of(pattern: &Pattern) -> (Kind, &str) {
    match (pattern.scan_prefix(), pattern) {
        (Some(text), _) => (Kind::Keys, text),
        (None, Pattern::Tag(text) | Pattern::TagPrefix(text)) => (Kind::Tags, text),
        (None, Pattern::AllTags(all)) => (Kind::Tags, all.first().map_or("", String::as_str)),
        (None, _) => (Kind::Tags, ""),
    }
}

/// How many waiting removals that it does not cover a new one examines at most.
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

    /// Without the limit, each would examine all before it.
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
