//! What this process knows of the namespace's ledger: which removals there were, each with its number.
//!
//! A removal by prefix, glob or tag deletes no key. It raises the ledger number and stores that number with its
//! pattern. An entry carries the ledger number that its loader knew when the load began. A reader compares the two: if
//! a pattern that covers the entry has a larger number, the removal came later and the entry is stale.
//!
//! One [`Ledger`] belongs to one connection. It is filled by reading the whole ledger after the connection has
//! subscribed to the ledger's channel, and pushes keep it up to date. The server writes a push to a connection before
//! the reply to any command that it executes later on that connection. So when a reply has arrived, all removals before
//! it are known.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use parking_lot::RwLock;
use xxhash_rust::xxh3::xxh3_64;

use crate::common::safeguard::{Safeguard, off};
use crate::entry::Stamp;
use crate::key::{NumberedPatterns, Pattern};

/// Identifies one life of a ledger. A ledger that starts again after loss or eviction has another birth.
pub(crate) type Birth = u64;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    known: RwLock<Known>,
    /// All removals up to this number are known. Without pushes it may be less than the largest known number: that may
    /// be the number of this process's own removal, and other removals before it may be unknown.
    complete: AtomicU64,
    /// In a cluster, messages of another master may arrive late, so a message alone does not show which birth is the later
    /// one: the connection ends, and the next one reads the ledger.
    keeps_its_birth: bool,
}

#[derive(Debug, Default)]
struct Known {
    /// `None` before the ledger has been read.
    birth: Option<Birth>,
    /// Hash of the server's run id and reign (`connection/server.rs`).
    run: u64,
    /// Hash of `birth` and `run`; entries carry it in their stamps.
    origin: u64,
    patterns: NumberedPatterns,
    /// Entries with a smaller number are stale: the patterns up to this number were dropped because they were old.
    floor: u64,
    /// Another birth was heard of, and nothing is valid any more.
    ended: bool,
}

/// The ledger as Redis holds it, or only its newer part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) birth: Option<Birth>,
    pub(crate) counter: u64,
    pub(crate) floor: u64,
    pub(crate) patterns: Vec<(Pattern, u64)>,
    /// A user of the namespace may not publish, so nobody may rely on messages.
    pub(crate) quiet: bool,
    /// The run of the server that the ledger belongs to.
    pub(crate) owner: Option<String>,
}

/// A message of the ledger's channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) birth: Birth,
    pub(crate) number: u64,
    pub(crate) sender: u64,
    pub(crate) announcement: Announcement,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Announcement {
    /// A new ledger was created.
    Born,
    /// These patterns were removed.
    Removed(Vec<Pattern>),
    /// This pattern replaces many that were dropped. It announces no new removal.
    Folded(Pattern),
}

/// The reaction to a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Nothing,
    /// Remove from memory what these patterns cover.
    Removed(Vec<Pattern>),
    /// Another ledger has begun: remove everything from memory.
    Everything,
}

/// What Redis answered to a removal of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) birth: Birth,
    pub(crate) number: u64,
    pub(crate) patterns: Vec<Pattern>,
    /// How many connections received the message, including this one.
    pub(crate) heard: u64,
    /// Other removals since the load began for which this removal was made, as Redis had them at that moment. `None`:
    /// they were not asked for, or there were too many.
    pub(crate) newer: Option<Page>,
}

/// Whether an entry is still valid according to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    Valid,
    /// A removal that covers it came later.
    Removed,
    /// It was written under another ledger, or on another run of the server.
    OtherLedger,
}

impl Ledger {
    /// A ledger that is of no use after the message of another birth.
    pub(crate) fn of_one_birth() -> Self {
        Self {
            keeps_its_birth: true,
            ..Self::default()
        }
    }

    /// True after the message of another birth, if the ledger is [of one birth](Self::of_one_birth).
    pub(crate) fn has_ended(&self) -> bool {
        self.known.read().ended
    }

    /// Takes in what was read from Redis after subscribing. Returns false if a push that arrived meanwhile named
    /// another birth: it is unknown which of the two is later, so the caller must read again.
    pub(crate) fn opened(&self, run: u64, page: Page) -> bool {
        let mut known = self.known.write();
        let agrees = !known.ended && (known.birth.is_none() || known.birth == page.birth);
        if !agrees {
            *known = Known::default();
        }
        known.birth = page.birth;
        known.run = run;
        known.name_origin();
        known.take_in(&page);
        self.complete.store(page.counter, SeqCst);
        agrees
    }

    /// Takes in the newer part of the ledger that was read together with an entry. Returns false if it belongs to
    /// another ledger.
    pub(crate) fn take_news(&self, page: &Page) -> bool {
        if self.complete() >= page.counter && self.known.read().birth == page.birth {
            return true;
        }
        let mut known = self.known.write();
        if known.birth != page.birth {
            return false;
        }
        known.take_in(page);
        self.complete.fetch_max(page.counter, SeqCst);
        true
    }

    /// Takes in a push.
    pub(crate) fn hear(&self, message: Message) -> Effect {
        let mut known = self.known.write();
        if known.ended {
            return Effect::Nothing;
        }
        let born = known.birth.is_some() && known.birth != Some(message.birth);
        if born && self.keeps_its_birth {
            *known = Known {
                ended: true,
                ..Known::default()
            };
            return Effect::Everything;
        }
        if born {
            let run = known.run;
            *known = Known {
                run,
                ..Known::default()
            };
        }
        if known.birth != Some(message.birth) {
            known.birth = Some(message.birth);
            known.name_origin();
        }
        let heard = match message.announcement {
            Announcement::Born => Effect::Nothing,
            Announcement::Removed(patterns) => {
                for pattern in &patterns {
                    known.patterns.raise(pattern, message.number);
                }
                Effect::Removed(patterns)
            }
            Announcement::Folded(pattern) => {
                known.fold(&pattern, message.number);
                Effect::Nothing
            }
        };
        if born { Effect::Everything } else { heard }
    }

    /// Takes in the answer to a removal of this process; some servers answer before they push. Returns false if the
    /// answer names a ledger that this process does not know, or no longer knows.
    pub(crate) fn recorded(&self, recorded: &Recorded) -> bool {
        let mut known = self.known.write();
        // Only pushes announce another birth: they come in order, whereas answers are handled in any order.
        if known.birth != Some(recorded.birth) {
            return false;
        }
        for pattern in &recorded.patterns {
            known.patterns.raise(pattern, recorded.number);
        }
        true
    }

    /// Drops the patterns that Redis has dropped because they are old.
    pub(crate) fn raise_floor(&self, birth: Birth, floor: u64) {
        if self.known.read().floor >= floor {
            return;
        }
        let mut known = self.known.write();
        if known.birth == Some(birth) {
            known.raise_floor(floor);
        }
    }

    /// All removals up to this number are known.
    pub(crate) fn complete(&self) -> u64 {
        self.complete.load(SeqCst)
    }

    pub(crate) fn birth(&self) -> Option<Birth> {
        self.known.read().birth
    }

    /// How many patterns it holds.
    pub(crate) fn len(&self) -> usize {
        self.known.read().patterns.len()
    }

    /// The stamp of a load that begins now: where it stores, and which removals it knows.
    pub(crate) fn stamp(&self, namespace: u64, key: u64) -> Stamp {
        let known = self.known.read();
        Stamp {
            namespace,
            origin: known.origin,
            number: known.number(),
            key,
        }
    }

    /// Judges an entry by its stamp, key and tags.
    pub(crate) fn judge<'t>(
        &self,
        stamp: &Stamp,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
    ) -> Validity {
        let known = self.known.read();
        if stamp.origin != known.origin || known.ended {
            return Validity::OtherLedger;
        }
        let valid = off(Safeguard::Number)
            || stamp.number >= known.floor && !known.patterns.cover_since(key, tags, stamp.number);
        if valid {
            Validity::Valid
        } else {
            Validity::Removed
        }
    }

    /// True if the entry was written under this ledger, on this run of the server, and no removal has covered it since.
    pub(crate) fn is_valid<'t>(
        &self,
        stamp: &Stamp,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
    ) -> bool {
        self.judge(stamp, key, tags) == Validity::Valid
    }

    /// The number under which a call may store its value although the call itself has made a removal that covers its
    /// key. It is that removal's number, provided that no other removal has covered the key since the load began.
    ///
    /// The other removals are those that Redis listed in its answer. This process's own knowledge may lack patterns
    /// that were folded or dropped meanwhile, and without pushes also those that it has not asked for.
    pub(crate) fn lifted<'t>(
        &self,
        stamp: &Stamp,
        own: &[Recorded],
        key: &str,
        tags: impl Iterator<Item = &'t str>,
    ) -> Option<u64> {
        let known = self.known.read();
        let lifted = own.iter().map(|own| own.number).max()?;
        let tags: Vec<&str> = tags.collect();
        let is_own = |number: u64| own.iter().any(|own| own.number == number);
        let nothing_else = own.iter().all(|own| {
            let covers = |(pattern, number): &(Pattern, u64)| {
                !is_own(*number) && pattern.matches(key, &tags)
            };
            known.birth == Some(own.birth)
                && own.newer.as_ref().is_some_and(|newer| {
                    newer.floor <= stamp.number && !newer.patterns.iter().any(covers)
                })
        });
        (nothing_else && stamp.origin == known.origin).then_some(lifted)
    }

    /// Every pattern with its number.
    pub(crate) fn all(&self) -> Vec<(Pattern, u64)> {
        self.known.read().patterns.all()
    }
}

impl Known {
    fn number(&self) -> u64 {
        self.patterns.largest().max(self.floor)
    }

    fn name_origin(&mut self) {
        let birth = match self.birth {
            Some(birth) if !off(Safeguard::Birth) => birth,
            _ => 0,
        };
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.run.to_le_bytes());
        bytes[8..].copy_from_slice(&birth.to_le_bytes());
        self.origin = xxh3_64(&bytes);
    }

    fn take_in(&mut self, page: &Page) {
        for (pattern, number) in &page.patterns {
            self.patterns.raise(pattern, *number);
        }
        self.patterns.raise_largest(page.counter);
        self.raise_floor(page.floor);
    }

    fn raise_floor(&mut self, floor: u64) {
        if floor > self.floor {
            self.floor = floor;
            self.patterns.remove_up_to(floor);
        }
    }

    fn fold(&mut self, pattern: &Pattern, number: u64) {
        for (old, at) in self.patterns.all() {
            if at <= number && pattern.covers(&old) {
                self.patterns.remove(&old, number);
            }
        }
        self.patterns.raise(pattern, number);
    }
}

impl Page {
    /// Reads members and scores as Redis gives them, one after the other.
    pub(crate) fn read(members: impl IntoIterator<Item = (Vec<u8>, f64)>) -> Self {
        let mut page = Self::default();
        for (member, score) in members {
            let number = score.max(0.0) as u64;
            match member.split_first() {
                Some((b'b', birth)) => page.birth = read_birth(birth),
                Some((b'c', [])) => page.counter = number,
                Some((b'f', [])) => page.floor = number,
                Some((b'q', [])) => page.quiet = true,
                Some((b'r', run)) => page.owner = String::from_utf8(run.to_vec()).ok(),
                Some((b'p', wire)) => {
                    let pattern = str::from_utf8(wire).ok().and_then(Pattern::from_wire);
                    // A pattern of a newer build, which this one cannot read, is taken to cover everything.
                    page.patterns
                        .push((pattern.unwrap_or_else(Pattern::all), number));
                }
                _ => {}
            }
        }
        page
    }
}

impl Message {
    /// Parses a message of the channel. `None`: it is not a ledger message.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let mut parts = str::from_utf8(payload).ok()?.split('\u{1e}');
        let mut words = parts.next()?.split(' ');
        let kind = words.next()?;
        let birth = read_birth(words.next()?.as_bytes())?;
        let number = words.next()?.parse().ok()?;
        let sender = words.next()?.parse().ok()?;
        let mut patterns = parts.map(|wire| Pattern::from_wire(wire).unwrap_or_else(Pattern::all));
        let announcement = match kind {
            "r" => Announcement::Removed(patterns.collect()),
            "f" => Announcement::Folded(patterns.next()?),
            "b" => Announcement::Born,
            _ => return None,
        };
        Some(Self {
            birth,
            number,
            sender,
            announcement,
        })
    }
}

/// A birth as it is written in Redis.
pub(crate) fn write_birth(birth: Birth) -> String {
    format!("{birth:016x}")
}

pub(crate) fn read_birth(text: &[u8]) -> Option<Birth> {
    let text = str::from_utf8(text).ok().filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok()
}
