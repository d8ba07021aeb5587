//! One call's access to Redis: which connection it uses, and which results the breaker is told.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::common::sync::is_within_runtime;
use crate::entry::{self, Stamp};
use crate::outage::switch::{Connection as _, HEARD_WITHIN};
use crate::redis::connection::budget::{Budget, patiently};
use crate::redis::connection::fault::Fault;
use crate::redis::connection::link::Link;
use crate::redis::connection::tier::Tier;
use crate::telemetry::stats::bump;

/// One call's access to Redis: the tier, and the connection that was current when the call began.
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

    /// True while this process still reads over this connection.
    pub(crate) fn is_current(&self) -> bool {
        self.tier.switch.is_current(&self.link)
    }

    /// The stamp of a load of the key that begins now.
    pub(crate) fn stamp(&self, key: &str) -> Stamp {
        self.link
            .ledger
            .stamp(self.tier.namespace, entry::key_hash(key))
    }

    /// True if no removal covers the entry: neither one in the ledger nor one that waits in the journal.
    pub(crate) fn is_valid<'t>(
        &self,
        stamp: &Stamp,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
    ) -> bool {
        self.link.ledger.is_valid(stamp, key, tags.clone()) && !self.is_shut(key, tags)
    }

    /// True if a removal that covers the entry waits in the journal: the value in Redis may be one that it is to
    /// remove.
    pub(crate) fn is_shut<'t>(
        &self,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
    ) -> bool {
        self.tier.switch.is_shut(key, tags)
    }

    /// Whether this process hears of every removal that is made from now on, also of keys that Redis does not have.
    pub(crate) fn hears_names(&self) -> bool {
        self.link.pushes && self.link.is_marked()
    }

    /// True if two round trips take longer than a call with that budget waits.
    pub(crate) fn is_far(&self, budget: &Budget) -> bool {
        !self.link.round_trip.fits_twice_into(budget.all())
    }

    /// Spawns work on the caller's runtime. False, and the work is dropped, if there is no runtime or too much is under
    /// way.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let spawned = self.tier.background.spawn(work);
        if !spawned {
            bump(&self.tier.counters.shed);
        }
        spawned
    }

    /// Reports the result of an operation to the breaker. A caller that limits the time itself reports a time-out by
    /// [`Session::timed_out`].
    pub(crate) fn seen<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        self.tier.observe(&self.link, &result);
        result
    }

    /// Waits for an operation within the limit of background work, and reports its result to the breaker.
    pub(crate) async fn in_background<T>(
        &self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let result = patiently(self.tier.settings.command_timeout, pin!(work)).await;
        self.seen(result)
    }

    /// Reports to the breaker that a caller's budget ended while it waited.
    pub(crate) fn timed_out(&self) {
        self.tier.observe::<()>(&self.link, &Err(Fault::TimedOut));
    }
}

impl Session {
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.seen(self.link.get(&self.tier.prefix, key).await)
    }

    pub(crate) async fn ping(&self) -> Result<(), Fault> {
        self.seen(self.link.send::<String>(&redis::cmd("PING")).await)
            .map(drop)
    }

    /// The length of what is at a key; 0 if nothing is.
    #[cfg(feature = "axum")]
    pub(crate) async fn length_at(&self, key: &str) -> Result<u64, Fault> {
        let mut command = redis::cmd("STRLEN");
        command.arg(self.full(key));
        self.seen(self.link.send(&command).await)
    }

    /// The first bytes of the value at a key: enough to tell whose it is and which tags it has.
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

/// Keys per command. A longer command would delay the calls behind it on the connection.
const MANY: usize = 250;

impl Tier {
    /// The session of a call, if a connection is published. Only in a process that has just started does the call wait
    /// for one, within its budget.
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
        // A failed wait means that the budget is spent or that nobody will ever connect: go on without Redis.
        let wait = async {
            started
                .wait_for(|started| *started)
                .await
                .map_err(|_| Fault::TimedOut)
                .map(drop)
        };
        // Boxed, because only the first calls of a process need it.
        let _ = budget.spend(Box::pin(wait).as_mut()).await;
        self.session_now()
    }

    /// True if a connection is published, even if no session uses it because it was not heard lately.
    pub(crate) fn has_connection(&self) -> bool {
        self.switch.published().is_some()
    }

    pub(crate) fn session_now(self: &Arc<Self>) -> Option<Session> {
        let link = self.switch.published()?;
        // A slot may move away and back unnoticed, and a removal may be made meanwhile. The heartbeat notices it.
        if self.target.is_cluster() && link.heard().elapsed() > HEARD_WITHIN {
            self.supervised();
            return None;
        }
        Some(Session {
            tier: self.clone(),
            link,
        })
    }
}

impl Budget {
    /// Waits for a removal of a session as long as the budget lasts. A removal that times out goes into the journal and
    /// is replayed over the same connection. So its time-out counts against the connection only if nothing at all was
    /// answered meanwhile. Otherwise a far and busy server would be lost again and again, and the removals would never
    /// be replayed.
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

    /// Waits for an operation of a session as long as the budget lasts, and reports a time-out to the breaker.
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
