//! Which keys there are: for exact counts, for giving memory back, for those who look. No promise depends on it.
//!
//! One sorted set per namespace, all scores 0, so a prefix is a range. Members: `k<key>`, and `t<tag>\0<key>`. It is
//! written in batches behind the stores. If it is lost, removals are as exact as before; what they made stale then stays
//! in Redis until its time is up.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::Mutex;

use super::lease::millis;
use super::link::Fault;
use super::removal::Removed;
use super::scripts::Script;
use super::session::Session;
use super::tier::LEDGER_LIFE;
use crate::entry::{self, Identity, LABEL, Label};
use crate::key::Pattern;
use crate::stats::add;

/// Members written by one command.
const BATCH: usize = 100;

/// How long the first member of a batch waits for others.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a count waits for what other processes have stored, who write it as soon as they hear of the removal.
const OTHERS: Duration = Duration::from_millis(10);

/// Members that wait. What comes beyond is left out: its key is not counted, and ends by its lifetime.
const BOUND: usize = 20_000;

/// Members that a sweep looks at for each that is added: more than one, so that the catalogue stays near the number of
/// keys that live.
const SWEPT_PER_ADDED: usize = 2;

/// Members that a page of a walk holds.
const PAGE: usize = 500;

#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    waiting: Mutex<Vec<Vec<u8>>>,
    /// A task will write them.
    writing: AtomicBool,
    /// Held while they are written: whoever wants to count waits for what is on its way.
    writer: tokio::sync::Mutex<()>,
    /// The longest life of an entry of this process, in ms.
    longest: AtomicU64,
    /// Where the sweep goes on.
    swept: Mutex<Vec<u8>>,
}

/// An entry that a walk has found at a key that a pattern covers.
#[derive(Debug)]
struct Seen {
    key: String,
    /// `None`: nothing of use stands there.
    identity: Option<Identity>,
    /// Under which it was stored; 0 for what is of another ledger, or not there any more.
    number: u64,
    /// It would answer a reader now.
    lives: bool,
    /// Its members of the catalogue.
    members: Vec<Vec<u8>>,
}

impl Catalogue {
    /// An entry was stored.
    pub(super) fn note_stored(
        &self,
        session: &Session,
        key: &str,
        tags: &[String],
        life: Duration,
    ) {
        self.longest.fetch_max(millis(life), Relaxed);
        let mut waiting = self.waiting.lock();
        if waiting.len() < BOUND {
            waiting.push(member_of_key(key));
            waiting.extend(tags.iter().map(|tag| member_of_tag(tag, key)));
        }
        let enough = waiting.len() >= BATCH;
        drop(waiting);
        if !self.writing.swap(true, SeqCst) {
            let session = session.clone();
            let pause = if enough { Duration::ZERO } else { PAUSE };
            let spawned = session.clone().spawn(async move {
                tokio::time::sleep(pause).await;
                session.tier.catalogue.writing.store(false, SeqCst);
                // Unwritten keys are not counted, and end by their lifetime.
                let _ = session.write_catalogue().await;
            });
            if !spawned {
                self.writing.store(false, SeqCst);
            }
        }
    }

    /// How long entries of this process live at most.
    pub(super) fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.load(Relaxed))
    }
}

impl Session {
    /// Writes what waits in the background, without waiting for more.
    pub(super) fn catalogue_now(&self) {
        if self.tier.catalogue.waiting.lock().is_empty() {
            return;
        }
        let session = self.clone();
        self.spawn(async move {
            let _ = session.write_catalogue().await;
        });
    }

    /// Writes what waits for it.
    async fn write_catalogue(&self) -> Result<(), Fault> {
        let _writer = self.tier.catalogue.writer.lock().await;
        loop {
            let batch: Vec<Vec<u8>> = {
                let mut waiting = self.tier.catalogue.waiting.lock();
                let count = waiting.len().min(BATCH);
                waiting.drain(..count).collect()
            };
            if batch.is_empty() {
                return Ok(());
            }
            let mut add = redis::cmd("ZADD");
            add.arg(self.catalogue_name());
            for member in &batch {
                add.arg(0).arg(member);
            }
            let adding = self.link.send::<redis::Value>(&add);
            if let Err(fault) = self.in_background(adding).await {
                // For the next one who writes.
                let mut waiting = self.tier.catalogue.waiting.lock();
                if waiting.len() < BOUND {
                    waiting.extend(batch);
                }
                return Err(fault);
            }
            self.sweep(SWEPT_PER_ADDED * batch.len()).await?;
        }
    }

    /// Forgets keys that have gone, some members further on each time.
    async fn sweep(&self, count: usize) -> Result<(), Fault> {
        let from = std::mem::take(&mut *self.tier.catalogue.swept.lock());
        let from = if from.is_empty() { b"-".to_vec() } else { from };
        let life = LEDGER_LIFE.max(2 * self.tier.catalogue.longest());
        let sweeping = self.link.run::<Vec<u8>>(Script::Sweep, |command| {
            command
                .arg(1)
                .arg(self.catalogue_name())
                .arg(self.prefix())
                .arg(&from)
                .arg(count)
                .arg(millis(life));
        });
        *self.tier.catalogue.swept.lock() = self.in_background(sweeping).await?;
        Ok(())
    }

    /// How many entries a removal of the pattern would take now.
    pub(crate) async fn count(&self, pattern: &Pattern) -> Result<u64, Fault> {
        self.write_catalogue().await?;
        let mut counted = 0;
        let mut walk = Walk::new(pattern);
        while let Some(page) = walk.next(self).await? {
            counted += page.iter().filter(|seen| seen.lives).count() as u64;
        }
        Ok(counted)
    }

    /// Takes away what the pattern covers and a removal of that number has made stale, and counts it.
    async fn reclaim(
        &self,
        pattern: &Pattern,
        number: u64,
        removed: &mut u64,
    ) -> Result<(), Fault> {
        self.write_catalogue().await?;
        let mut walk = Walk::new(pattern);
        while let Some(page) = walk.next(self).await? {
            // What a later removal has made stale is counted there.
            let gone = page
                .into_iter()
                .filter(|seen| !seen.lives && seen.number < number);
            let gone: Vec<Seen> = gone.collect();
            for some in gone.chunks(BATCH) {
                *removed += self.unlink(some).await?;
            }
        }
        Ok(())
    }

    async fn unlink(&self, gone: &[Seen]) -> Result<u64, Fault> {
        let unlinking = self.link.run::<u64>(Script::Unlink, |command| {
            command.arg(1 + gone.len()).arg(self.catalogue_name());
            for seen in gone {
                command.arg(self.full(&seen.key));
            }
            for seen in gone {
                command
                    .arg(seen.identity.as_ref().map_or(&[][..], |identity| identity))
                    .arg(seen.members.len())
                    .arg(&seen.members);
            }
        });
        self.in_background(unlinking).await
    }

    /// The labels of the entries at these keys.
    async fn labels(&self, keys: &[String]) -> Result<Vec<Vec<u8>>, Fault> {
        let wanted: Vec<(&str, usize)> = keys.iter().map(|key| (key.as_str(), LABEL)).collect();
        let mut labels = self.beginnings(&wanted).await?;
        // Some entries have more tags than that.
        let longer: Vec<(usize, usize)> = labels
            .iter()
            .enumerate()
            .filter_map(|(at, bytes)| Some((at, entry::label_length(bytes)?)))
            .filter(|(_, length)| *length > LABEL)
            .collect();
        let wanted: Vec<(&str, usize)> = longer
            .iter()
            .map(|(at, length)| (keys[*at].as_str(), *length))
            .collect();
        for ((at, _), bytes) in longer.iter().zip(self.beginnings(&wanted).await?) {
            labels[*at] = bytes;
        }
        Ok(labels)
    }

    /// The first bytes of what stands at each of these keys, so many of each.
    async fn beginnings(&self, wanted: &[(&str, usize)]) -> Result<Vec<Vec<u8>>, Fault> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let commands = wanted.iter().map(|(key, length)| {
            let mut command = redis::cmd("GETRANGE");
            command.arg(self.full(key)).arg(0).arg(length - 1);
            command
        });
        let looking = self.link.send_all::<Vec<u8>>("catalogue", commands);
        let beginnings = self.in_background(looking).await?;
        // What is of another kind is not ours.
        Ok(beginnings
            .into_iter()
            .map(Result::unwrap_or_default)
            .collect())
    }
}

/// A walk over the keys that a pattern may cover, page by page.
struct Walk<'a> {
    pattern: &'a Pattern,
    ranges: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys that were met before: two tags of an entry may both be in the range.
    met: HashSet<String>,
}

impl<'a> Walk<'a> {
    fn new(pattern: &'a Pattern) -> Self {
        let beginning = |text: &[u8]| (included(text), past(text));
        let ranges = match pattern {
            Pattern::Key(key) => {
                let member = member_of_key(key);
                vec![(included(&member), included(&member))]
            }
            // The key itself, and what is below it, lie apart: `jobs-x` is between `jobs` and `jobs:`.
            Pattern::Subtree(key) => {
                let member = member_of_key(key);
                let below = [&member[..], b":"].concat();
                vec![beginning(&below), (included(&member), included(&member))]
            }
            Pattern::Tag(tag) => vec![beginning(&member_of_tag(tag, ""))],
            Pattern::TagPrefix(tag) => vec![beginning(&[b"t", tag.as_bytes()].concat())],
            Pattern::AllTags(all) => {
                let first = all.first().map_or("", String::as_str);
                vec![beginning(&member_of_tag(first, ""))]
            }
            Pattern::Prefix(_) | Pattern::Glob(_) => {
                vec![beginning(&member_of_key(
                    pattern.scan_prefix().unwrap_or_default(),
                ))]
            }
        };
        Self {
            pattern,
            ranges,
            met: HashSet::new(),
        }
    }

    async fn next(&mut self, session: &Session) -> Result<Option<Vec<Seen>>, Fault> {
        let Some((from, to)) = self.ranges.last_mut() else {
            return Ok(None);
        };
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(session.catalogue_name());
        command.arg(&*from).arg(&*to).arg("LIMIT").arg(0).arg(PAGE);
        let members: Vec<Vec<u8>> = session.in_background(session.link.send(&command)).await?;
        match members.last() {
            Some(last) if members.len() == PAGE => *from = [b"(", &last[..]].concat(),
            _ => drop(self.ranges.pop()),
        }
        let by_tags = self.pattern.scan_prefix().is_none();
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        for member in members {
            let Some(key) = key_of(&member) else { continue };
            // What is looked for by its tags is judged by those that the entry itself carries.
            if (by_tags && self.met.insert(key.clone()))
                || (!by_tags && self.pattern.matches(&key, &[] as &[&str]))
            {
                found.push((key, member));
            }
        }
        let keys: Vec<String> = found.iter().map(|(key, _)| key.clone()).collect();
        let labels = session.labels(&keys).await?;
        let looked_at = found.into_iter().zip(&labels);
        Ok(Some(
            looked_at
                .filter_map(|((key, member), bytes)| see(session, self.pattern, key, member, bytes))
                .collect(),
        ))
    }
}

/// What stands at a key, if the pattern covers it.
fn see(
    session: &Session,
    pattern: &Pattern,
    key: String,
    member: Vec<u8>,
    bytes: &[u8],
) -> Option<Seen> {
    let Some(label) = entry::label(bytes, session.tier.namespace) else {
        return bytes.is_empty().then_some(Seen {
            key,
            identity: None,
            number: 0,
            lives: false,
            members: vec![member],
        });
    };
    let Label {
        identity,
        stamp,
        deadline_ms,
        tags,
    } = label;
    let tags: Vec<String> = tags?.map(str::to_owned).collect();
    if !pattern.matches(&key, &tags) {
        return None;
    }
    let now = u64::try_from(session.link.server_millis()).unwrap_or(0);
    let stands = session
        .link
        .ledger
        .stands(&stamp, &key, tags.iter().map(String::as_str));
    let mut members: Vec<Vec<u8>> = tags.iter().map(|tag| member_of_tag(tag, &key)).collect();
    members.push(member_of_key(&key));
    if !members.contains(&member) {
        members.push(member);
    }
    // Past its lifetime it may still stand in for a body that fails: it is no garbage, and none that a removal counts.
    if stands && deadline_ms <= now {
        return None;
    }
    Some(Seen {
        key,
        identity: Some(identity),
        number: if session.is_of_this_reign(&stamp) {
            stamp.number
        } else {
            0
        },
        lives: stands,
        members,
    })
}

fn member_of_key(key: &str) -> Vec<u8> {
    [b"k", key.as_bytes()].concat()
}

fn member_of_tag(tag: &str, key: &str) -> Vec<u8> {
    [b"t", tag.as_bytes(), b"\0", key.as_bytes()].concat()
}

fn key_of(member: &[u8]) -> Option<String> {
    let key = match member.split_first()? {
        (b'k', key) => key,
        (b't', rest) => rest.splitn(2, |byte| *byte == 0).nth(1)?,
        _ => return None,
    };
    str::from_utf8(key).ok().map(str::to_owned)
}

fn included(text: &[u8]) -> Vec<u8> {
    [b"[", text].concat()
}

/// Just past everything that begins with the text. No member holds the byte 0xFF: all are UTF-8, or end before it.
fn past(text: &[u8]) -> Vec<u8> {
    [b"(", text, b"\xff"].concat()
}

/// What a Redis server says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Census {
    /// Bytes that it uses for everything; `None` where it keeps that to itself.
    pub memory: Option<u64>,
    /// Keys of its database, ours and others'.
    pub keys: u64,
    /// Of ours, entries; those that have gone lately may still be among them.
    pub ours: u64,
}

impl Session {
    /// What the server does when its memory is full.
    pub(super) async fn eviction_policy(&self) -> String {
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let told = self.in_background(self.link.send::<String>(&info)).await;
        told.ok()
            .and_then(|info| {
                let mut lines = info.lines();
                lines.find_map(|line| {
                    Some(line.strip_prefix("maxmemory_policy:")?.trim().to_owned())
                })
            })
            .unwrap_or_else(|| "unknown".to_owned())
    }

    /// Three commands, sent together.
    pub(crate) async fn census(&self) -> Result<Census, Fault> {
        let mut ours = redis::cmd("ZLEXCOUNT");
        ours.arg(self.catalogue_name()).arg("[k").arg("(l");
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let dbsize = redis::cmd("DBSIZE");
        let (memory, keys, ours) = tokio::join!(
            self.link.send::<String>(&info),
            self.link.send::<u64>(&dbsize),
            self.link.send::<u64>(&ours),
        );
        // A server may keep its figures to itself, and is none the worse for it.
        let memory = match memory {
            Ok(info) => info
                .lines()
                .find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok()),
            Err(Fault::Refused(_)) => None,
            Err(fault) => return Err(fault),
        };
        Ok(Census {
            memory,
            keys: keys?,
            ours: ours?,
        })
    }
}

/// Removals whose garbage is still to be taken away.
#[derive(Debug, Default)]
pub(super) struct Reclaims {
    waiting: Mutex<VecDeque<Reclaim>>,
    under_way: AtomicBool,
    /// One at a time: two walks over the same keys would each count a part.
    turn: tokio::sync::Mutex<()>,
}

/// One of them, and who wants to know how much went.
pub(crate) struct Reclaim {
    pub(crate) patterns: Vec<Pattern>,
    /// What has a smaller number is stale.
    pub(crate) number: u64,
    /// Other processes may have stored entries, and not have catalogued them yet.
    pub(crate) others: bool,
    pub(crate) told: Box<dyn FnOnce(u64) + Send>,
}

impl std::fmt::Debug for Reclaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reclaim")
            .field("patterns", &self.patterns)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Removals that wait. Beyond, one of everything takes their place.
const RECLAIMS: usize = 1_000;

impl Session {
    /// Takes away in the background what a removal has made stale, one removal after the other.
    pub(crate) fn reclaim_later(&self, reclaim: Reclaim) {
        let reclaims = &self.tier.reclaims;
        reclaims.add(reclaim);
        if reclaims.under_way.swap(true, SeqCst) {
            return;
        }
        let session = self.clone();
        let spawned = self.spawn(async move {
            let reclaims = &session.tier.reclaims;
            loop {
                while let Some(reclaim) = reclaims.next() {
                    session.take_away(reclaim).await;
                }
                reclaims.under_way.store(false, SeqCst);
                // One may have been added between the last look and this.
                if reclaims.waiting.lock().is_empty() || reclaims.under_way.swap(true, SeqCst) {
                    return;
                }
            }
        });
        if !spawned {
            self.tier.reclaims.under_way.store(false, SeqCst);
        }
    }

    /// The same for removals that had waited for Redis.
    pub(super) fn reclaim_replayed(&self, mut patterns: Vec<Pattern>, removed: &Removed) {
        add(&self.tier.counters.removed, removed.entries);
        patterns.retain(|pattern| !matches!(pattern, Pattern::Key(_)));
        let numbers = removed.recorded.iter().map(|recorded| recorded.number);
        if let Some(number) = numbers.max() {
            let counters = self.tier.counters.clone();
            self.reclaim_later(Reclaim {
                patterns,
                number,
                others: true,
                told: Box::new(move |count| add(&counters.removed, count)),
            });
        }
    }

    /// Takes away what a removal has made stale, and says how much it was. It goes on if the caller does not wait.
    pub(crate) async fn reclaim_now(&self, reclaim: Reclaim) -> u64 {
        let session = self.clone();
        let taking = tokio::spawn(async move { session.take_away(reclaim).await });
        taking.await.unwrap_or(0)
    }

    async fn take_away(&self, reclaim: Reclaim) -> u64 {
        if reclaim.others {
            // It decides on the count alone: what comes later is stale all the same.
            tokio::time::sleep(OTHERS).await;
        }
        let _turn = self.tier.reclaims.turn.lock().await;
        let mut removed = 0;
        for pattern in &reclaim.patterns {
            let taking = self.reclaim(pattern, reclaim.number, &mut removed);
            if let Err(fault) = taking.await {
                tracing::debug!(%pattern, %fault, "removed entries stay in Redis until their time is up");
            }
        }
        (reclaim.told)(removed);
        removed
    }
}

impl Reclaims {
    fn add(&self, mut reclaim: Reclaim) {
        let mut waiting = self.waiting.lock();
        // A walk that has not begun does for all that ask for the same.
        reclaim.patterns.retain(|pattern| {
            let earlier = waiting
                .iter_mut()
                .find(|earlier| earlier.patterns.contains(pattern));
            match earlier {
                Some(earlier) => {
                    earlier.number = earlier.number.max(reclaim.number);
                    false
                }
                None => true,
            }
        });
        if reclaim.patterns.is_empty() {
            return;
        }
        if waiting.len() >= RECLAIMS {
            waiting.clear();
            reclaim.patterns = vec![Pattern::all()];
        }
        waiting.push_back(reclaim);
    }

    fn next(&self) -> Option<Reclaim> {
        self.waiting.lock().pop_front()
    }
}
