//! One call's way to Redis: over which connection, and what the breaker hears of it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::common::sync::is_within_runtime;
use crate::entry::{self, Stamp};
use crate::redis::connection::budget::{Budget, patiently};
use crate::redis::connection::fault::Fault;
use crate::redis::connection::link::Link;
use crate::redis::connection::tier::Tier;
use crate::telemetry::stats::bump;

/// One call's way to Redis: the tier, and the connection that was current when it began.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(in crate::redis) tier: Arc<Tier>,
    pub(crate) link: Arc<Link>,
}

impl Session {
    pub(crate) fn full(&self, key: &str) -> String {
        [&self.tier.prefix, key].concat()
    }

    pub(in crate::redis) fn ledger_name(&self) -> &str {
        self.link.ledger_name()
    }

    pub(in crate::redis) fn channel(&self) -> &str {
        self.link.channel()
    }

    pub(in crate::redis) fn catalogue_name(&self) -> String {
        self.full("%catalogue")
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.tier.prefix
    }

    pub(crate) fn namespace(&self) -> u64 {
        self.tier.namespace
    }

    pub(in crate::redis) fn namespace_bytes(&self) -> [u8; 8] {
        self.tier.namespace.to_le_bytes()
    }

    /// Still the connection that this process reads over.
    pub(crate) fn is_current(&self) -> bool {
        self.tier.switch.is_current(&self.link)
    }

    /// The stamp of a load of the key that begins now.
    pub(crate) fn stamp(&self, key: &str) -> Stamp {
        self.link
            .ledger
            .stamp(self.tier.namespace, entry::key_hash(key))
    }

    /// Nothing has removed it: neither what Redis knows of nor what still waits for Redis.
    pub(crate) fn stands<'t>(
        &self,
        stamp: &Stamp,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
    ) -> bool {
        self.link.ledger.stands(stamp, key, tags.clone()) && !self.is_shut(key, tags)
    }

    /// A removal that covers it waits for Redis: what stands there may be what it was to remove.
    pub(crate) fn is_shut<'t>(
        &self,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
    ) -> bool {
        self.tier.switch.is_shut(key, tags)
    }

    /// So far away that two round trips are more than a call with that budget waits.
    pub(crate) fn is_far(&self, budget: &Budget) -> bool {
        !self.link.round_trip.fits_twice_into(budget.all())
    }

    /// Runs on the caller's runtime, bounded; dropped when too much is under way.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let spawned = self.tier.background.spawn(work);
        if !spawned {
            bump(&self.tier.counters.shed);
        }
        spawned
    }

    /// Lets the breaker see how an operation went. Whoever limits its time reports that by [`Session::timed_out`].
    pub(crate) fn seen<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        self.tier.observe(&self.link, &result);
        result
    }

    /// Waits for an operation within the limit of background work, and lets the breaker see how it went.
    pub(crate) async fn in_background<T>(
        &self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let result = patiently(self.tier.settings.command_timeout, pin!(work)).await;
        self.seen(result)
    }

    /// A caller's budget ended while it waited.
    pub(crate) fn timed_out(&self) {
        self.tier.observe::<()>(&self.link, &Err(Fault::TimedOut));
    }
}

impl Session {
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let key = self.full(key);
        self.seen(self.link.get(&key).await)
    }

    pub(crate) async fn ping(&self) -> Result<(), Fault> {
        self.seen(self.link.send::<String>(&redis::cmd("PING")).await)
            .map(drop)
    }

    /// The first bytes of what stands at a key: enough to tell whose it is and which tags it has.
    pub(crate) async fn get_label(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let key = self.full(key);
        let mut length = entry::LABEL;
        loop {
            let mut command = redis::cmd("GETRANGE");
            command.arg(&key).arg(0).arg(length - 1);
            let bytes: Vec<u8> = self.seen(if self.link.pushes {
                self.link.send(&command).await
            } else {
                self.link.send_with_news(command).await
            })?;
            let whole = entry::label_length(&bytes).unwrap_or(0);
            if bytes.len() < length || whole <= length {
                return Ok((!bytes.is_empty()).then_some(bytes));
            }
            length = whole;
        }
    }

    /// The values at several keys, in one round trip if Redis pushes removals.
    pub(crate) async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let commands = keys.chunks(MANY).map(|keys| {
            let mut command = redis::cmd("MGET");
            for key in keys {
                command.arg(self.full(key));
            }
            command
        });
        let mut values = Vec::with_capacity(keys.len());
        if self.link.pushes {
            for some in self.seen(self.link.send_all("mget", commands).await)? {
                let some: Vec<Option<Vec<u8>>> = self.seen(some)?;
                values.extend(some);
            }
        } else {
            for command in commands {
                let some: Vec<Option<Vec<u8>>> =
                    self.seen(self.link.send_with_news(command).await)?;
                values.extend(some);
            }
        }
        Ok(values)
    }
}

/// Keys that are asked for by one command: others may be waiting behind it.
const MANY: usize = 250;

impl Tier {
    /// The way to Redis, if there is one now. Only a process that has just started waits, within its budget.
    pub(crate) async fn session(self: &Arc<Self>, budget: &Budget) -> Option<Session> {
        if let Some(session) = self.session_now() {
            return Some(session);
        }
        if !self.supervised() {
            if !is_within_runtime() {
                self.say_outside_runtime();
            }
            return self.session_now();
        }
        if *self.started.borrow() {
            return self.session_now();
        }
        let mut started = self.started.subscribe();
        // A failed wait means that the budget is gone or nobody will ever connect: go on without Redis.
        let wait = async {
            started
                .wait_for(|started| *started)
                .await
                .map_err(|_| Fault::TimedOut)
                .map(drop)
        };
        // In a box: only the first calls of a process need it.
        let _ = budget.spend(Box::pin(wait).as_mut()).await;
        self.session_now()
    }

    pub(crate) fn session_now(self: &Arc<Self>) -> Option<Session> {
        let link = self.switch.published()?;
        Some(Session {
            tier: self.clone(),
            link,
        })
    }
}

impl Budget {
    /// The same for a removal of a session. It is journalled when its time is up, and replayed over the same connection:
    /// that connection is given up only if nothing at all was answered meanwhile. A far server that has much to do would
    /// else be lost again and again, and what waits for it would never end.
    pub(crate) async fn spend_on_removal<T>(
        &self,
        session: &Session,
        work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
    ) -> Result<T, Fault> {
        let answers = || session.link.answers.load(Relaxed);
        let before = answers();
        let result = self.spend(work).await;
        match result {
            Err(Fault::TimedOut) if answers() == before => session.timed_out(),
            Err(Fault::OutsideRuntime) => session.tier.say_outside_runtime(),
            _ => {}
        }
        result
    }

    /// The same for an operation of a session, whose breaker hears of a time-out.
    pub(crate) async fn spend_on<T>(
        &self,
        session: &Session,
        work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
    ) -> Result<T, Fault> {
        // A time-out says nothing about the server if the time that was left is shorter than its usual round trip.
        let left = self.left();
        let was_long_enough = !left.is_zero() && session.link.round_trip.fits_into(left);
        let result = self.spend(work).await;
        match result {
            Err(Fault::TimedOut) if was_long_enough => session.timed_out(),
            Err(Fault::OutsideRuntime) => session.tier.say_outside_runtime(),
            _ => {}
        }
        result
    }
}
