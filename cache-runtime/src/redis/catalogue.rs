//! Which keys there are: for exact counts, for freeing memory, and for people who inspect the cache. No promise depends
//! on it.
//!
//! One sorted set per namespace, all scores 0, so a prefix is a range. Members: `k<key>`, and `t<tag>\0<key>`. They are
//! written in batches after the stores. If the set is lost, removals are as exact as before, but entries that they have
//! made stale stay in Redis until they expire. [`crate::redis::walk`] reads it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::Mutex;

use crate::redis::connection::clock::millis;
use crate::redis::connection::fault::Fault;
use crate::redis::connection::session::Session;
use crate::redis::connection::tier::LEDGER_LIFE;
use crate::redis::scripts::Script;

/// Members written by one command.
const BATCH: usize = 100;

/// How long the first member of a batch waits for others.
const PAUSE: Duration = Duration::from_millis(20);

/// How many members wait at most. Members beyond that are left out: their keys are not counted, and expire by their
/// lifetime.
const BOUND: usize = 20_000;

/// How many members a sweep examines for every two that are added. It is more than two, so that the catalogue stays
/// near the number of live keys. With three, it holds half as many again.
const SWEPT_PER_TWO_ADDED: usize = 3;

#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    waiting: Mutex<Vec<Vec<u8>>>,
    /// A task that will write them has been spawned.
    writing: AtomicBool,
    /// Held while members are written, so that a count waits for a write under way.
    writer: tokio::sync::Mutex<()>,
    /// The longest life of an entry of this process, in ms.
    longest: AtomicU64,
    /// Where the next sweep continues.
    swept: Mutex<Vec<u8>>,
}

impl Catalogue {
    /// Notes that an entry was stored.
    pub(in crate::redis) fn record_stored(
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
                // Keys that were not written are not counted, and expire by their lifetime.
                let _ = session.write_catalogue().await;
            });
            if !spawned {
                self.writing.store(false, SeqCst);
            }
        }
    }

    /// How long entries of this process live at most.
    pub(in crate::redis) fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.load(Relaxed))
    }
}

impl Session {
    /// Writes the waiting members in the background, without waiting for more.
    pub(in crate::redis) fn catalogue_now(&self) {
        if self.tier.catalogue.waiting.lock().is_empty() {
            return;
        }
        let session = self.clone();
        self.spawn(async move {
            let _ = session.write_catalogue().await;
        });
    }

    /// Writes the waiting members.
    pub(in crate::redis) async fn write_catalogue(&self) -> Result<(), Fault> {
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
            let adding = self.in_background(self.link.send::<redis::Value>(&add));
            let sweeping = self.sweep((SWEPT_PER_TWO_ADDED * batch.len()).div_ceil(2));
            // Sent together: one round trip.
            let (added, swept) = tokio::join!(adding, sweeping);
            if let Err(fault) = added {
                // Kept for the next write.
                let mut waiting = self.tier.catalogue.waiting.lock();
                if waiting.len() < BOUND {
                    waiting.extend(batch);
                }
                return Err(fault);
            }
            swept?;
        }
    }

    /// Removes members whose keys are gone; each call continues where the last one stopped.
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
}

pub(in crate::redis) fn member_of_key(key: &str) -> Vec<u8> {
    [b"k", key.as_bytes()].concat()
}

pub(in crate::redis) fn member_of_tag(tag: &str, key: &str) -> Vec<u8> {
    [b"t", tag.as_bytes(), b"\0", key.as_bytes()].concat()
}

pub(in crate::redis) fn key_of(member: &[u8]) -> Option<String> {
    let key = match member.split_first()? {
        (b'k', key) => key,
        (b't', rest) => rest.splitn(2, |byte| *byte == 0).nth(1)?,
        _ => return None,
    };
    str::from_utf8(key).ok().map(str::to_owned)
}
