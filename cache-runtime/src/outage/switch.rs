//! The switch between Redis and outage: the published link, the journal, the breaker and what memory holds, changed
//! together.
//!
//! A link is published exactly while this process may read Redis. What a removal in the journal covers is shut meanwhile:
//! it is not read, until Redis has acknowledged that removal.
//!
//! Locks are taken in this order: journal or breaker, then published, then memory's.

use std::fs::File;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::common::random;
use crate::common::safeguard::{Safeguard, off};
use crate::common::sync::{AtomicUsize, Mutex, RwLock};
use crate::key::Pattern;
use crate::local::Local;
use crate::local::flight::Hold;
use crate::outage::breaker::{Breaker, BreakerState};
use crate::outage::journal::Journal;

/// How long ago Redis must have been heard for memory to be believed. Twice the time between two heartbeats.
pub(crate) const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// Removals that are replayed in one go.
const REPLAYED: usize = 2_000;

/// One connection, as far as the switch knows it. Once lost it never comes back.
pub(crate) trait Way {
    fn is_lost(&self) -> bool;

    /// True for the first who says so.
    fn mark_lost(&self) -> bool;

    /// Everything that Redis had pushed by then has been heard: when the latest question was sent that was answered.
    fn heard(&self) -> Instant;
}

/// How far memory may be believed, as far as the connection to Redis tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Redis tells this process what is removed, and was heard within [`HEARD_WITHIN`].
    Heard,
    /// There is a connection, but nothing was heard over it for longer than that: nobody drives it, or nothing arrives.
    /// What has been removed since is not known.
    Unheard,
    /// There is no connection, since then.
    Away(Instant),
}

#[derive(Debug)]
pub(crate) struct Switch<L, H: Hold> {
    published: RwLock<Option<Arc<L>>>,
    pub(crate) breaker: Mutex<Breaker>,
    pub(crate) journal: Mutex<Journal>,
    /// How many removals the journal holds, readable without its lock.
    waiting: AtomicUsize,
    local: Arc<Local<H>>,
    /// When Redis was last heard over a connection that is lost: how old memory's knowledge is meanwhile.
    contact: Mutex<Instant>,
}

impl<L: Way, H: Hold> Switch<L, H> {
    pub(crate) fn new(journal: Journal, breaker: Breaker, local: Arc<Local<H>>) -> Self {
        Self {
            published: RwLock::new(None),
            breaker: Mutex::new(breaker),
            waiting: AtomicUsize::new(journal.len()),
            journal: Mutex::new(journal),
            local,
            contact: Mutex::new(Instant::now()),
        }
    }

    pub(crate) fn published(&self) -> Option<Arc<L>> {
        self.published.read().clone()
    }

    /// This process reads over that connection now.
    pub(crate) fn is_current(&self, link: &Arc<L>) -> bool {
        self.published
            .read()
            .as_ref()
            .is_some_and(|standing| Arc::ptr_eq(standing, link))
    }

    /// A removal that covers the key, or one of the tags, waits in the journal.
    pub(crate) fn is_shut<'t>(
        &self,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
    ) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
            && !off(Safeguard::Shut)
            && self.journal.lock().covers(key, tags)
    }

    /// Replays what waits, oldest first and many at a time, until nothing does. `replay` says whether this process knows
    /// now what it has replayed; what it does not know goes on waiting. False: something waits still.
    pub(crate) async fn replay<F, E>(
        &self,
        link: &Arc<L>,
        replay: impl Fn(Vec<Pattern>) -> F,
    ) -> Result<bool, E>
    where
        F: Future<Output = Result<bool, E>>,
    {
        loop {
            let (numbers, patterns): (Vec<u64>, Vec<Pattern>) =
                self.journal.lock().waiting(REPLAYED).into_iter().unzip();
            if numbers.is_empty() {
                return Ok(true);
            }
            if link.is_lost() {
                return Ok(false);
            }
            if !off(Safeguard::Replay) && !replay(patterns.clone()).await? {
                return Ok(false);
            }
            let mut journal = self.journal.lock();
            journal.replayed(&numbers);
            // The server that has them now may fail over, too.
            journal.acknowledged(Instant::now(), &patterns);
            self.count(&journal);
        }
    }

    /// Opens Redis for this process. The order is the protocol: what was loaded without Redis is fenced off and dropped
    /// before the first read.
    pub(crate) fn publish(&self, link: &Arc<L>) -> bool {
        let journal = self.journal.lock();
        if link.is_lost() {
            return false;
        }
        // One step for whoever asks: a load that found no link has read its fence before this one, and copies from the
        // outage are gone before anybody takes them for tracked ones.
        let mut published = self.published.write();
        self.local.raise_fence();
        if !off(Safeguard::Flush) {
            self.local.memory.clear();
        }
        *published = Some(link.clone());
        drop(published);
        if link.is_lost() {
            // Lost between the check and the switch, by someone who found nothing to take away.
            self.unpublish(|_| true);
            return false;
        }
        drop(journal);
        let mut breaker = self.breaker.lock();
        // Who has lost it since found the breaker not closed yet and did not trip it.
        if self.is_current(link) {
            breaker.close();
        }
        drop(breaker);
        true
    }

    /// A link is not usable any more. True when that is news, and opened the breaker.
    pub(crate) fn lose(&self, link: &Arc<L>) -> bool {
        let first = link.mark_lost();
        self.unpublish(|standing| Arc::ptr_eq(standing, link));
        let mut breaker = self.breaker.lock();
        // The last words of a link that another has replaced are no news of that one: a breaker that they opened would
        // stay open, as nobody probes while a link is attended. Under the breaker's lock, for the switch closes it last.
        let replaced = self.published.read().is_some();
        let closed = breaker.state() == BreakerState::Closed && !replaced;
        if closed {
            breaker.trip(Instant::now(), random::fraction());
        }
        first && closed
    }

    /// The link stays connected, but is not to be used for now.
    pub(crate) fn withdraw(&self, link: &Arc<L>) {
        self.unpublish(|standing| Arc::ptr_eq(standing, link));
        let mut breaker = self.breaker.lock();
        if self.published.read().is_none() && breaker.state() == BreakerState::Closed {
            breaker.trip(Instant::now(), random::fraction());
        }
    }

    /// An operation on the link was not answered in time. True when that was once too often: lose it.
    pub(crate) fn timed_out(&self, link: &Arc<L>) -> bool {
        // Under the breaker's lock, which the switch takes last: what a link's callers met before another replaced it is
        // forgotten, what they meet later is not counted against that one.
        let mut breaker = self.breaker.lock();
        self.is_current(link) && breaker.failed()
    }

    /// Removals that could not run in Redis: what they cover is shut from now on, until they are replayed. The file is to
    /// be flushed where blocking is allowed.
    pub(crate) fn append(&self, patterns: &[Pattern]) -> Option<File> {
        let mut journal = self.journal.lock();
        journal.append(patterns);
        self.count(&journal);
        journal.to_flush()
    }

    /// On a new connection the removals that were acknowledged shortly before contact was lost run once more.
    pub(crate) fn repeat_recent(&self) {
        let mut journal = self.journal.lock();
        journal.repeat_recent(self.last_contact());
        self.count(&journal);
    }

    fn count(&self, journal: &Journal) {
        self.waiting.store(journal.len(), Ordering::SeqCst);
    }

    /// Redis has acknowledged a removal. False when that was on a connection which is not the current one any more: the
    /// server of the current one may not have it.
    pub(crate) fn acknowledged(&self, link: &Arc<L>, patterns: &[Pattern]) -> bool {
        let mut journal = self.journal.lock();
        let current = self.is_current(link);
        if current {
            journal.acknowledged(Instant::now(), patterns);
        }
        current
    }

    /// Whatever is published is so no more.
    pub(crate) fn shut(&self) {
        self.unpublish(|_| true);
    }

    /// Whether memory hears of other processes' removals now.
    pub(crate) fn reach(&self, now: Instant) -> Reach {
        match &*self.published.read() {
            Some(link) if now.saturating_duration_since(link.heard()) <= HEARD_WITHIN => {
                Reach::Heard
            }
            Some(_) if off(Safeguard::Heard) => Reach::Heard,
            Some(_) => Reach::Unheard,
            None => Reach::Away(*self.contact.lock()),
        }
    }

    /// When Redis was last heard over a connection that is not used any more.
    pub(crate) fn last_contact(&self) -> Instant {
        *self.contact.lock()
    }

    fn unpublish(&self, which: impl FnOnce(&Arc<L>) -> bool) {
        let mut published = self.published.write();
        if let Some(link) = published.as_ref().filter(|link| which(link)) {
            let heard = link.heard();
            let mut contact = self.contact.lock();
            *contact = heard.max(*contact);
            drop(contact);
            if heard.elapsed() > HEARD_WITHIN {
                // Memory was no longer believed. It must not become believable because the connection is lost, so it is
                // emptied before anybody can see that the connection is gone.
                self.local.memory.clear();
            }
            *published = None;
            drop(published);
            self.local.raise_fence();
        }
    }
}
