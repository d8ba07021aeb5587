//! The switch between Redis and an outage: the published link, the journal, the breaker and what memory holds, changed
//! together.
//!
//! A link is published exactly while this process may read Redis. What a removal in the journal covers is *shut*: this
//! process does not read it from Redis until Redis has acknowledged that removal.
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
use crate::local::flight::HeldLease;
use crate::outage::breaker::{Breaker, BreakerState};
use crate::outage::journal::Journal;

/// Memory is trusted only if Redis was heard within this time: twice the time between two heartbeats.
pub(crate) const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// How many removals are replayed at once.
const REPLAYED: usize = 2_000;

/// A connection as the switch sees it. Once lost, it stays lost.
pub(crate) trait Connection {
    fn is_lost(&self) -> bool;

    /// Marks the connection as lost. True for the first caller.
    fn mark_lost(&self) -> bool;

    /// When the latest answered question was sent. Everything that Redis had pushed by then has been received.
    fn heard(&self) -> Instant;
}

/// How far memory may be trusted, according to the connection to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// This process learns from Redis what is removed, and has heard Redis within [`HEARD_WITHIN`].
    Heard,
    /// There is a connection, but Redis was not heard over it for longer than that: nobody drives it, or nothing
    /// arrives. Removals since then are not known.
    Unheard,
    /// There is no connection. Redis was last heard at this time.
    Away(Instant),
}

#[derive(Debug)]
pub(crate) struct Switch<L, H: HeldLease> {
    published: RwLock<Option<Arc<L>>>,
    pub(crate) breaker: Mutex<Breaker>,
    pub(crate) journal: Mutex<Journal>,
    /// How many removals the journal holds, readable without its lock.
    waiting: AtomicUsize,
    local: Arc<Local<H>>,
    /// When Redis was last heard over a connection that is lost. Without a connection, memory knows other processes'
    /// removals up to this time.
    contact: Mutex<Instant>,
}

impl<L: Connection, H: HeldLease> Switch<L, H> {
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

    /// True if this process reads over that connection now.
    pub(crate) fn is_current(&self, link: &Arc<L>) -> bool {
        self.published
            .read()
            .as_ref()
            .is_some_and(|standing| Arc::ptr_eq(standing, link))
    }

    /// True if a removal that covers the key, or one of the tags, waits in the journal.
    pub(crate) fn is_shut<'t>(
        &self,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
    ) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
            && !off(Safeguard::Shut)
            && self.journal.lock().covers(key, tags)
    }

    /// Replays the waiting removals, oldest first and many at a time, until none waits. `replay` returns whether this
    /// process now knows the removals that it has replayed; those that it does not know go on waiting. False: some
    /// still wait.
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
            // The server that has them now may fail over, too, so they are recent again.
            journal.acknowledged(Instant::now(), &patterns);
            self.count(&journal);
        }
    }

    /// Publishes a link: from now on this process reads over it. The order matters: what was loaded without Redis is
    /// fenced off and dropped before the first read.
    pub(crate) fn publish(&self, link: &Arc<L>) -> bool {
        let journal = self.journal.lock();
        if link.is_lost() {
            return false;
        }
        // Other tasks see these changes as one step. A load that found no link has read the fence before it is raised
        // here, and copies from the outage are gone before anybody takes them for tracked ones.
        let mut published = self.published.write();
        self.local.raise_fence();
        if !off(Safeguard::Flush) {
            self.local.memory.clear();
        }
        *published = Some(link.clone());
        drop(published);
        if link.is_lost() {
            // The link was lost after the check above, and `lose` found nothing published that it could take back.
            self.unpublish(|_| true);
            return false;
        }
        drop(journal);
        let mut breaker = self.breaker.lock();
        // If the link was lost since, `lose` found the breaker not closed yet and did not trip it: then do not close
        // it.
        if self.is_current(link) {
            breaker.close();
        }
        drop(breaker);
        true
    }

    /// Gives up a link that is no longer usable. True if this call was the first to do so and opened the breaker.
    pub(crate) fn lose(&self, link: &Arc<L>) -> bool {
        let first = link.mark_lost();
        self.unpublish(|standing| Arc::ptr_eq(standing, link));
        let mut breaker = self.breaker.lock();
        // Ignore errors of a replaced link: they must not open the breaker of the new one. It would stay open, because
        // nobody probes while a link is watched. This is checked under the breaker's lock, because `publish` closes the
        // breaker last.
        let replaced = self.published.read().is_some();
        let closed = breaker.state() == BreakerState::Closed && !replaced;
        if closed {
            breaker.trip(Instant::now(), random::fraction());
        }
        first && closed
    }

    /// Stops using the link for now. It stays connected.
    pub(crate) fn withdraw(&self, link: &Arc<L>) {
        self.unpublish(|standing| Arc::ptr_eq(standing, link));
        let mut breaker = self.breaker.lock();
        if self.published.read().is_none() && breaker.state() == BreakerState::Closed {
            breaker.trip(Instant::now(), random::fraction());
        }
    }

    /// Counts an operation on the link that was not answered in time. True if there were too many, so that the link
    /// must be given up.
    pub(crate) fn timed_out(&self, link: &Arc<L>) -> bool {
        // Checked under the breaker's lock, which `publish` takes last. Time-outs from before a link was replaced are
        // forgotten, and later ones of the replaced link are not counted against the new one.
        let mut breaker = self.breaker.lock();
        self.is_current(link) && breaker.failed()
    }

    /// Adds removals that could not run in Redis: what they cover is shut until they are replayed. The caller flushes
    /// the returned file where blocking is allowed.
    pub(crate) fn append(&self, patterns: &[Pattern]) -> Option<File> {
        let mut journal = self.journal.lock();
        journal.append(patterns);
        self.count(&journal);
        journal.to_flush()
    }

    /// Lets the removals that were acknowledged shortly before contact was lost wait again, so that they run once more
    /// on a new connection.
    pub(crate) fn repeat_recent(&self) {
        let mut journal = self.journal.lock();
        journal.repeat_recent(self.last_contact());
        self.count(&journal);
    }

    fn count(&self, journal: &Journal) {
        self.waiting.store(journal.len(), Ordering::SeqCst);
    }

    /// Notes that Redis has acknowledged a removal. False if that was on a connection that is no longer current: the
    /// server of the current connection may not have the removal.
    pub(crate) fn acknowledged(&self, link: &Arc<L>, patterns: &[Pattern]) -> bool {
        let mut journal = self.journal.lock();
        let current = self.is_current(link);
        if current {
            journal.acknowledged(Instant::now(), patterns);
        }
        current
    }

    /// Takes back whatever link is published.
    pub(crate) fn shut(&self) {
        self.unpublish(|_| true);
    }

    /// Whether memory learns of other processes' removals now.
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
                // Memory was no longer trusted. The loss of the connection must not make it trusted again, so it is
                // emptied before anybody can see that the connection is gone.
                self.local.memory.clear();
            }
            *published = None;
            drop(published);
            self.local.raise_fence();
        }
    }
}
