//! The journal's file: it keeps the removals that wait for Redis, so that a crash of the process does not lose them
//! (P4).
//!
//! Each process has one file and locks it as long as it lives. A file that nobody locks is an orphan: the next process
//! that starts in the directory adopts the removals in it, writes them to its own file, and only then deletes the
//! orphan.
//!
//! A record is `length: u32`, `xxh3: u64`, then `kind: u8` (2 added, 1 done), `number: u64`, and for an addition the
//! pattern as [`Pattern::to_wire`] writes it. Reading stops at the first record that is not whole, which is the tail of
//! a write that was cut off.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::common::random;
use crate::key::Pattern;

/// The file is rewritten when it has grown to this and most of its removals are done.
const COMPACT: u64 = 1 << 20;

/// Kinds of records.
const DONE: u8 = 1;
const ADDED: u8 = 2;

/// No record is longer; a larger length means that the file is damaged.
const LONGEST: u32 = 1 << 20;

#[derive(Debug)]
pub(crate) struct JournalFile {
    directory: PathBuf,
    /// Separates the journals of different caches in one directory.
    family: String,
    path: PathBuf,
    file: File,
    length: u64,
}

impl JournalFile {
    /// Opens a new file in the directory, and adopts the orphans of the same family: returns what they still hold.
    ///
    /// # Errors
    ///
    /// The directory cannot be made, read or written.
    pub(crate) fn open(directory: &Path, family: &str) -> io::Result<(Self, Vec<Pattern>)> {
        std::fs::create_dir_all(directory)?;
        let mut own = Self::create(directory, family)?;
        let mut adopted = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if path == own.path
                || !name.starts_with(&format!("{family}-"))
                || !name.ends_with(".journal")
            {
                continue;
            }
            let Ok(mut orphan) = OpenOptions::new().read(true).write(true).open(&path) else {
                continue;
            };
            match orphan.try_lock() {
                Ok(()) => {}
                // The file's process is alive.
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Another process that is just starting has adopted the file between the open and the lock.
            if !path.exists() {
                continue;
            }
            let mut bytes = Vec::new();
            orphan.read_to_end(&mut bytes)?;
            let waiting = replay(&bytes);
            for (number, pattern) in (own.length..).zip(&waiting) {
                // The numbers do not matter: the caller appends the adopted removals anew.
                own.add(number | 1 << 63, pattern)?;
            }
            own.sync()?;
            std::fs::remove_file(&path)?;
            if !waiting.is_empty() {
                tracing::info!(
                    removals = waiting.len(),
                    "the journal holds removals of a process that has ended before Redis acknowledged them; this process replays them"
                );
            }
            adopted.extend(waiting);
        }
        Ok((own, adopted))
    }

    fn create(directory: &Path, family: &str) -> io::Result<Self> {
        loop {
            let token = u64::from_le_bytes(random::bytes()[..8].try_into().unwrap_or_default());
            let path = directory.join(format!(
                "{family}-{}-{token:016x}.journal",
                std::process::id()
            ));
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create_new(true)
                .open(&path)?;
            // Another process that looks for orphans may have locked or deleted the new file first.
            if file.try_lock().is_ok() && path.exists() {
                let (directory, family) = (directory.to_owned(), family.to_owned());
                return Ok(Self {
                    directory,
                    family,
                    path,
                    file,
                    length: 0,
                });
            }
        }
    }

    pub(crate) fn add(&mut self, number: u64, pattern: &Pattern) -> io::Result<()> {
        let text = pattern.to_wire();
        let mut payload = Vec::with_capacity(9 + text.len());
        payload.push(ADDED);
        payload.extend_from_slice(&number.to_le_bytes());
        payload.extend_from_slice(text.as_bytes());
        self.write(&payload)
    }

    pub(crate) fn done(&mut self, number: u64) -> io::Result<()> {
        let mut payload = vec![DONE];
        payload.extend_from_slice(&number.to_le_bytes());
        self.write(&payload)
    }

    /// True if the file is long enough for rewriting it to pay.
    pub(crate) fn is_long(&self) -> bool {
        self.length > COMPACT
    }

    /// Empties the file if all removals in it are done. Otherwise, if the file has grown, replaces it by one with only
    /// `standing`.
    pub(crate) fn tidy(&mut self, standing: [&BTreeMap<u64, Pattern>; 2]) -> io::Result<()> {
        let count: usize = standing.iter().map(|some| some.len()).sum();
        if count == 0 {
            self.file.set_len(0)?;
            self.length = 0;
        } else if self.is_long() && self.length > 256 * count as u64 {
            let mut fresh = Self::create(&self.directory, &self.family)?;
            for (number, pattern) in standing.into_iter().flatten() {
                fresh.add(*number, pattern)?;
            }
            fresh.sync()?;
            let old = std::mem::replace(self, fresh);
            std::fs::remove_file(&old.path)?;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// A handle to flush the file to the disk where blocking is allowed.
    pub(crate) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Deletes the file of a process that ends in order, if nothing waits.
    pub(crate) fn discard(&self) {
        if self.length == 0 {
            // A file that stays is an empty orphan, which the next process deletes.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn write(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut record = Vec::with_capacity(12 + payload.len());
        record.extend_from_slice(
            &u32::try_from(payload.len())
                .map_err(io::Error::other)?
                .to_le_bytes(),
        );
        record.extend_from_slice(&xxh3_64(payload).to_le_bytes());
        record.extend_from_slice(payload);
        // One write per record: a crash leaves a whole record or a torn tail, at which reading stops.
        self.file.write_all(&record)?;
        self.length += record.len() as u64;
        Ok(())
    }
}

/// The removals that a journal's bytes still hold, in order. It accepts any bytes: reading stops at damage.
fn replay(mut bytes: &[u8]) -> Vec<Pattern> {
    let mut waiting = BTreeMap::new();
    let mut orders: HashMap<u64, Vec<u64>> = HashMap::new();
    let mut order = 0_u64;
    while let Some((payload, rest)) = record(bytes) {
        bytes = rest;
        let Some((kind, payload)) = payload.split_first() else {
            break;
        };
        let Some((number, payload)) = payload.split_first_chunk::<8>() else {
            break;
        };
        let number = u64::from_le_bytes(*number);
        if *kind == DONE {
            for order in orders.remove(&number).unwrap_or_default() {
                waiting.remove(&order);
            }
            continue;
        }
        // A removal that this build cannot read is not lost: it becomes the widest one.
        let pattern = Some(payload)
            .filter(|_| *kind == ADDED)
            .and_then(|text| str::from_utf8(text).ok())
            .and_then(Pattern::from_wire)
            .unwrap_or_else(Pattern::all);
        waiting.insert(order, pattern);
        orders.entry(number).or_default().push(order);
        order += 1;
    }
    waiting.into_values().collect()
}

fn record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let length = u32::from_le_bytes(*length);
    if length > LONGEST {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(length as usize)?;
    (xxh3_64(payload) == u64::from_le_bytes(*sum)).then_some((payload, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let name = format!("cache-journal-{}-{:?}", std::process::id(), random::bytes());
            Self(std::env::temp_dir().join(name.replace([' ', ',', '[', ']'], "")))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn patterns() -> Vec<Pattern> {
        let mut patterns: Vec<Pattern> = ["jobs:", "jobs:stats", "user:*:roles", "#author:7"]
            .iter()
            .map(|text| Pattern::parse(text).unwrap())
            .collect();
        patterns.push(Pattern::Key("a".into()));
        patterns.push(Pattern::Prefix("odd*[text".into()));
        patterns.push(Pattern::AllTags(vec!["a".into(), "b".into()]));
        patterns
    }

    #[test]
    fn a_crash_loses_nothing_that_waits() {
        let folder = Folder::new();
        let (mut file, adopted) = JournalFile::open(&folder.0, "f").unwrap();
        assert!(adopted.is_empty());
        for (number, pattern) in patterns().iter().enumerate() {
            file.add(number as u64, pattern).unwrap();
        }
        file.done(1).unwrap();
        drop(file); // as a crash does: the lock goes, the file stays

        let (file, adopted) = JournalFile::open(&folder.0, "f").unwrap();
        let mut expected = patterns();
        expected.remove(1);
        assert_eq!(adopted, expected);
        drop(file);
        let (_, again) = JournalFile::open(&folder.0, "f").unwrap();
        assert_eq!(
            again, expected,
            "adopted removals are safe in the new file until they are done"
        );
    }

    #[test]
    fn a_living_process_and_another_family_keep_theirs() {
        let folder = Folder::new();
        let (mut living, _) = JournalFile::open(&folder.0, "f").unwrap();
        living.add(0, &Pattern::all()).unwrap();
        let (mut other, adopted) = JournalFile::open(&folder.0, "g").unwrap();
        assert!(adopted.is_empty());
        other.add(0, &Pattern::all()).unwrap();
        drop(other);
        assert!(JournalFile::open(&folder.0, "f").unwrap().1.is_empty());
    }

    #[test]
    fn grown_files_are_rewritten_and_empty_ones_emptied() {
        let folder = Folder::new();
        let (mut file, _) = JournalFile::open(&folder.0, "f").unwrap();
        let pattern = Pattern::Prefix("x".repeat(1000));
        for number in 0..2000 {
            file.add(number, &pattern).unwrap();
        }
        assert!(file.length > COMPACT);
        let waiting = BTreeMap::from([(1999, pattern.clone())]);
        file.tidy([&waiting, &BTreeMap::new()]).unwrap();
        assert!(file.length < 2000);
        drop(file);
        let (mut file, adopted) = JournalFile::open(&folder.0, "f").unwrap();
        assert_eq!(adopted, [pattern]);
        file.tidy([&BTreeMap::new(), &BTreeMap::new()]).unwrap();
        assert_eq!(std::fs::metadata(&file.path).unwrap().len(), 0);
        file.discard();
        assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0);
    }

    fn written(count: u64) -> Vec<u8> {
        let folder = Folder::new();
        let (mut file, _) = JournalFile::open(&folder.0, "f").unwrap();
        for number in 0..count {
            file.add(number, &Pattern::Key(format!("k{number}")))
                .unwrap();
        }
        std::fs::read(&file.path).unwrap()
    }

    #[test]
    fn a_torn_tail_costs_only_the_torn_record() {
        let bytes = written(3);
        let record = bytes.len() / 3;
        for cut in 0..bytes.len() {
            assert_eq!(replay(&bytes[..cut]).len(), cut / record, "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            replay(&bytes);
        }

        #[test]
        fn a_flipped_bit_never_makes_another_pattern(bit in 0_usize..8 * 66) {
            let mut bytes = written(3);
            let at = bit % (8 * bytes.len());
            bytes[at / 8] ^= 1 << (at % 8);
            for pattern in replay(&bytes) {
                prop_assert!(["k0", "k1", "k2"].iter().any(|key| pattern == Pattern::Key((*key).into())));
            }
        }
    }
}
