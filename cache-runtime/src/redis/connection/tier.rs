//! The Redis tier: whether Redis is used now, and over which connection. It joins the connection and its supervisor
//! with the [`Switch`].

mod connecting;
mod listening;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use crate::common::background::Background;
use crate::error::Error;
use crate::key::Pattern;
use crate::local::Local;
use crate::outage::breaker::{Breaker, BreakerState};
use crate::outage::journal::Journal;
use crate::outage::switch::{HEARD_WITHIN, Reach, Switch};
use crate::redis::catalogue::Catalogue;
use crate::redis::connection::fault::{Fault, is_about_a_slot};
use crate::redis::connection::incumbent::{Duty, Incumbent};
use crate::redis::connection::link::Link;
use crate::redis::connection::session::Session;
use crate::redis::connection::supervisor;
use crate::redis::connection::target::Target;
use crate::redis::connection::watchdog::Watchdog;
use crate::redis::held_leases::HeldLeases;
use crate::redis::lease::{LEASE_LIFE, Lease};
use crate::redis::notes::Notes;
use crate::redis::reclaim::Reclaims;
use crate::redis::removal::OwnRemovals;
use crate::redis::settings::Settings;
use crate::redis::unstored::Unstored;
use crate::telemetry::histogram::Histogram;
use crate::telemetry::stats::{Counters, bump};

/// How long acknowledged removals are kept for a repeat after a reconnect.
const RECENT: Duration = Duration::from_secs(5);

/// How long the ledger lives after its last use, at least.
pub(in crate::redis) const LEDGER_LIFE: Duration = Duration::from_secs(86_400);

/// First open time of the breaker, and the longest.
const OPEN_FIRST: Duration = Duration::from_millis(50);
const OPEN_LONGEST: Duration = Duration::from_millis(500);

pub(crate) struct Tier {
    pub(crate) target: Target,
    pub(in crate::redis) settings: Settings,
    pub(in crate::redis) prefix: String,
    /// Hash of the prefix; entries and leases carry it.
    pub(in crate::redis) namespace: u64,
    pub(in crate::redis) switch: Switch<Link, Box<Lease>>,
    local: Arc<Local<Box<Lease>>>,
    pub(in crate::redis) counters: Arc<Counters>,
    pub(in crate::redis) background: Arc<Background>,
    /// False until the first attempt to connect has succeeded or failed. In a process that has just started, calls wait
    /// for that for a moment.
    pub(in crate::redis) started: watch::Sender<bool>,
    /// Counts the attempts to connect that have failed.
    pub(in crate::redis) failures: watch::Sender<u64>,
    /// Notified when the journal has become empty.
    pub(in crate::redis) drained: Notify,
    pub(in crate::redis) closing: AtomicBool,
    pub(in crate::redis) supervisor: Mutex<Incumbent>,
    epochs: AtomicU64,
    /// Hash of the run id and reign of the latest connection's server.
    pub(in crate::redis) last_run: AtomicU64,
    /// How long operations of Redis took.
    times: Arc<Histogram>,
    pub(in crate::redis) held: HeldLeases,
    pub(in crate::redis) watchdog: Watchdog,
    pub(in crate::redis) catalogue: Catalogue,
    pub(in crate::redis) reclaims: Reclaims,
    pub(in crate::redis) own_removals: Arc<OwnRemovals>,
    pub(in crate::redis) unstored: Unstored,
    pub(in crate::redis) folding: AtomicBool,
    /// True while leases are being renewed.
    pub(in crate::redis) renewing: AtomicBool,
    loss_said: AtomicBool,
    outside_said: AtomicBool,
    /// Called when the server turns out to be a node of a cluster.
    on_cluster: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Reasons why Redis is not used, or not fully; health reports them.
    pub(in crate::redis) notes: Mutex<Notes>,
}

impl std::fmt::Debug for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tier")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Tier {
    pub(crate) fn new(
        target: Target,
        settings: Settings,
        local: Arc<Local<Box<Lease>>>,
        counters: Arc<Counters>,
        background: Arc<Background>,
    ) -> Result<Arc<Self>, Error> {
        let prefix = settings.prefix.clone();
        let mut journal = Journal::new(settings.journal_bound, RECENT);
        if let Some(directory) = &settings.journal {
            let family = format!("{} {prefix}", target.server());
            let family = format!("{:016x}", xxh3_64(family.as_bytes()));
            journal.keep_in(directory, &family).map_err(|why| {
                Error::config(format!(
                    "CACHE_JOURNAL=`{}`: {why}; give a directory that this process can write to",
                    directory.display()
                ))
            })?;
        }
        let patience = HEARD_WITHIN + Duration::from_secs(1);
        let breaker = Breaker::new(settings.breaker_failures, OPEN_FIRST, OPEN_LONGEST);
        Ok(Arc::new(Self {
            target,
            namespace: xxh3_64(prefix.as_bytes()),
            prefix,
            switch: Switch::new(journal, breaker, local.clone()),
            settings,
            local,
            counters,
            background,
            started: watch::Sender::new(false),
            failures: watch::Sender::new(0),
            drained: Notify::new(),
            closing: AtomicBool::new(false),
            supervisor: Mutex::new(Incumbent::new(patience)),
            epochs: AtomicU64::new(0),
            last_run: AtomicU64::new(0),
            times: Arc::new(Histogram::new()),
            held: HeldLeases::new(LEASE_LIFE),
            watchdog: Watchdog::default(),
            catalogue: Catalogue::default(),
            reclaims: Reclaims::default(),
            own_removals: Arc::default(),
            unstored: Unstored::default(),
            folding: AtomicBool::new(false),
            renewing: AtomicBool::new(false),
            loss_said: AtomicBool::new(false),
            outside_said: AtomicBool::new(false),
            on_cluster: OnceLock::new(),
            notes: Mutex::default(),
        }))
    }

    /// Makes sure that a supervisor runs. False without a tokio runtime, or when the cache is closing.
    ///
    /// The supervisor runs on the runtime of the first caller. If that runtime has ended (each test has its own), or is
    /// no longer driven, the next call that needs Redis starts another supervisor.
    pub(crate) fn supervised(self: &Arc<Self>) -> bool {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return false;
        };
        if self.closing.load(Ordering::SeqCst) {
            return false;
        }
        let had_task = {
            let supervisor = self.supervisor.lock();
            if supervisor.is_at_work() {
                return true;
            }
            supervisor.has_task()
        };
        // The old supervisor's connection is not driven either, so pushes may have been missed. It is lost before there is
        // a new supervisor, which would otherwise share it with other parts of the cache.
        let orphan = self.switch.published();
        if had_task {
            self.local.everything_changed();
        }
        if let Some(link) = orphan {
            self.lose(&link, "the runtime that drove the connection has ended");
            link.abandon();
        }
        let mut supervisor = self.supervisor.lock();
        if !supervisor.is_at_work() {
            self.started.send_replace(false);
            let weak = Arc::downgrade(self);
            supervisor.replace(|duty| runtime.spawn(supervisor::supervise(weak, duty)));
        }
        true
    }

    /// True if that supervisor was not replaced and the cache is not closing.
    pub(in crate::redis) fn is_supervised_by(&self, duty: &Arc<Duty>) -> bool {
        !self.closing.load(Ordering::SeqCst) && self.supervisor.lock().has(duty)
    }

    /// For how long the supervisor has not run.
    pub(in crate::redis) fn supervisor_silence(&self) -> Duration {
        self.supervisor.lock().silence()
    }

    /// Wakes the supervisor.
    pub(in crate::redis) fn rouse(&self) {
        self.supervisor.lock().rouse();
    }

    /// Starts connecting, if that has not begun.
    pub(crate) fn start(self: &Arc<Self>) {
        self.supervised();
    }

    fn found_cluster(&self) {
        if let Some(on_cluster) = self.on_cluster.get() {
            on_cluster();
        }
    }

    /// True if the tier does not take part any more: the cache is closing, or uses a cluster instead.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Sets what is called when the server turns out to be a node of a cluster. Only the first call has an effect.
    pub(crate) fn when_cluster(&self, found: impl Fn() + Send + Sync + 'static) {
        let _ = self.on_cluster.set(Box::new(found));
    }

    /// Whether calls may use this tier. A tier that is part of a cluster is opened when all removals that were made before
    /// are in its journal.
    pub(crate) fn open(self: &Arc<Self>, open: bool) {
        self.closing.store(!open, Ordering::SeqCst);
        if open {
            self.start();
        } else {
            // Nobody waits for its connection any longer.
            self.gave_up_start();
            self.rouse();
        }
    }

    /// The removals that wait for Redis.
    pub(crate) fn waiting_removals(&self) -> Vec<Pattern> {
        let waiting = self.switch.journal.lock().waiting(usize::MAX);
        waiting.into_iter().map(|(_, pattern)| pattern).collect()
    }

    /// Other tiers have taken over the removals that wait. The file of this tier's journal is no longer needed.
    pub(crate) fn hand_over(&self) {
        let mut journal = self.switch.journal.lock();
        let numbers: Vec<u64> = journal
            .waiting(usize::MAX)
            .into_iter()
            .map(|(number, _)| number)
            .collect();
        journal.replayed(&numbers);
        journal.close();
    }

    /// Replays the waiting removals, in few round trips.
    pub(in crate::redis) async fn replay(self: &Arc<Self>, link: &Arc<Link>) -> Result<(), Fault> {
        let session = Session {
            tier: self.clone(),
            link: link.clone(),
        };
        let replay = |patterns: Vec<Pattern>| {
            let session = session.clone();
            async move {
                let removed = session.remove(&patterns, None).await?;
                session.reclaim_replayed(patterns, &removed);
                // `false`: a new ledger has just begun, and the push that announces it has not arrived yet. The
                // removals wait until it has.
                Ok::<_, Fault>(removed.known)
            }
        };
        if self.switch.replay(link, replay).await? {
            self.drained.notify_waiters();
        } else {
            self.rouse();
        }
        Ok(())
    }

    /// Publishes a connection that is ready, or withdraws it, depending on the distance of the server. If one round
    /// trip takes longer than a call may wait, asking Redis only costs time.
    pub(in crate::redis) fn publish_by_distance(
        &self,
        link: &Arc<Link>,
        duty: &Arc<Duty>,
    ) -> Result<(), Fault> {
        let budget = self.settings.budget;
        let published = self.switch.is_current(link);
        if link.round_trip.fits_into(budget) {
            self.report_distant(None);
            return match published {
                true => Ok(()),
                false => self.publish(link, duty),
            };
        }
        let took = link.round_trip.shortest();
        let note = format!(
            "a round trip to Redis takes {took:.0?}, longer than a call may wait for it ({budget:?}), so calls go without Redis; \
             set CACHE_BUDGET to {:?} or more, or use a server that is nearer",
            Duration::from_millis(u64::try_from((took * 5 / 2).as_millis()).unwrap_or(u64::MAX)),
        );
        if self.report_distant(Some(note.clone())) && self.target.is_first_to_say("distant") {
            tracing::warn!(redis = %self.target, "{note}");
        }
        if published {
            self.switch.withdraw(link);
        }
        self.gave_up_start();
        Ok(())
    }

    /// Publishes a connection that is ready: from now on this process reads over it.
    fn publish(&self, link: &Arc<Link>, duty: &Arc<Duty>) -> Result<(), Fault> {
        // The lock is held to the end: a supervisor that was replaced must not publish a connection, because nobody
        // would watch it.
        let supervisor = self.supervisor.lock();
        if !supervisor.has(duty) {
            return Err(Fault::Disconnected(
                "another task has taken over the connection".into(),
            ));
        }
        if !self.switch.publish(link) {
            return Err(Fault::Disconnected("the connection ended".into()));
        }
        // Such a message ends the link that is published. One that came before found none.
        if link.ledger.has_ended() {
            self.switch.lose(link);
            return Err(Fault::Disconnected("the ledger has begun anew".into()));
        }
        self.started.send_replace(true);
        Ok(())
    }

    /// The first attempt to connect gave no usable connection: calls no longer wait for it.
    pub(in crate::redis) fn gave_up_start(&self) {
        self.started.send_replace(true);
    }

    /// Gives up a link that is no longer usable.
    pub(in crate::redis) fn lose(&self, link: &Arc<Link>, why: &str) {
        if self.switch.lose(link) {
            self.say_lost(link, why);
        }
        self.rouse();
    }

    /// Puts removals that could not run in Redis into the journal. Until they are replayed, this process does not read
    /// from Redis what they cover.
    pub(crate) fn journal(self: &Arc<Self>, patterns: &[Pattern]) {
        let file = self.switch.append(patterns);
        // The file is already written, so the removals survive a crash of the process. When it is flushed, they also
        // survive a crash of the machine.
        if let (Some(file), Ok(runtime)) = (file, tokio::runtime::Handle::try_current()) {
            runtime.spawn_blocking(move || file.sync_data());
        }
        self.supervised();
        self.rouse();
    }

    fn say_lost(&self, link: &Link, why: &str) {
        // These texts name the slot, which differs from bucket to bucket.
        let key = if is_about_a_slot(why) { "slots" } else { why };
        let node = link.info.addr();
        if !self.target.is_first_to_say(&format!("{key} {node}")) {
            return;
        }
        if self.target.is_cluster() {
            tracing::warn!(
                redis = %self.target, %node, reason = why,
                "a master of the Redis Cluster is lost and the breakers of its keys are open: calls for these keys use only memory \
                 and their bodies until it is back or replaced"
            );
        } else {
            tracing::warn!(
                redis = %self.target, reason = why,
                "Redis is lost and the breaker is open: calls use only memory and their bodies until Redis is back"
            );
        }
    }

    /// Logs once that a call that needs Redis is not polled within a tokio runtime.
    pub(in crate::redis) fn say_outside_runtime(&self) {
        if !self.outside_said.swap(true, Ordering::Relaxed)
            && self.target.is_first_to_say("outside of a runtime")
        {
            tracing::warn!(
                redis = %self.target,
                "a cached call is polled outside of a tokio runtime, where no timer can limit its wait: such calls do not use \
                 Redis, and their removals reach Redis later; run them in a tokio runtime, with `Runtime::block_on` or \
                 `Handle::block_on`, or enter one with `Runtime::enter`"
            );
        }
    }

    /// Notes that Redis has acknowledged a removal. False if that was on a connection that is no longer current: the
    /// server of the current connection may not have the removal.
    pub(crate) fn acknowledged(&self, link: &Arc<Link>, patterns: &[Pattern]) -> bool {
        self.switch.acknowledged(link, patterns)
    }

    /// Whether memory learns of other processes' removals now.
    pub(crate) fn reach(self: &Arc<Self>, now: Instant) -> Reach {
        let reach = self.switch.reach(now);
        // The supervisor may have ended, or may no longer be polled: then another one is started. Without a supervisor
        // that tries to reconnect, a lost connection does not show that Redis is down, so memory is not trusted as it
        // is in an outage.
        match reach {
            Reach::Heard => reach,
            Reach::Away(_) if self.closing.load(Ordering::SeqCst) => reach,
            Reach::Away(_) if self.supervisor.lock().silence() <= HEARD_WITHIN => reach,
            Reach::Away(_) | Reach::Unheard => {
                self.supervised();
                Reach::Unheard
            }
        }
    }

    pub(crate) fn breaker_state(&self) -> BreakerState {
        self.switch.breaker.lock().state()
    }

    pub(crate) fn journal_len(&self) -> usize {
        self.switch.journal.lock().len()
    }

    #[cfg(any(feature = "metrics", feature = "axum"))]
    pub(crate) fn ledger_len(&self) -> usize {
        self.switch.published().map_or(0, |link| link.ledger.len())
    }

    /// How long operations of Redis took.
    #[cfg(feature = "axum")]
    pub(crate) fn times(&self) -> &Histogram {
        &self.times
    }

    #[cfg(any(feature = "metrics", feature = "axum"))]
    pub(crate) fn breaker_transitions(&self) -> crate::outage::breaker::Transitions {
        self.switch.breaker.lock().transitions()
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn leases_held(&self) -> usize {
        self.held.count()
    }

    /// What all names in Redis begin with: in a cluster the hash tag, then the namespace.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.target.is_tls()
    }

    pub(in crate::redis) fn observe<T>(&self, link: &Arc<Link>, result: &Result<T, Fault>) {
        match result {
            Ok(_) => {
                link.answers.fetch_add(1, Ordering::Relaxed);
                if link.timeouts.load(Ordering::Relaxed) != 0 {
                    link.timeouts.store(0, Ordering::Relaxed);
                    self.switch.breaker.lock().succeeded();
                }
            }
            Err(Fault::TimedOut) => {
                bump(&self.counters.timeouts);
                link.timeouts.fetch_add(1, Ordering::Relaxed);
                if self.switch.timed_out(link) {
                    // A frozen server keeps its sockets open for ever: only a new connection shows whether it answers.
                    self.lose(link, "several commands in a row timed out");
                    link.abandon();
                }
            }
            Err(Fault::OutsideRuntime) => self.say_outside_runtime(),
            Err(Fault::Disconnected(why)) => {
                bump(&self.counters.disconnects);
                self.lose(link, why);
                // A user who may not ask for information learns it from such an answer.
                if !self.target.is_cluster() && result.as_ref().is_err_and(Fault::is_of_a_slot) {
                    self.found_cluster();
                }
            }
            Err(Fault::Refused(why)) => {
                if self.counters.refusals.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::error!(reason = %why, "Redis refuses a command, so the body answers the call; further refusals are only counted, in \
                         `CacheStats::refusals`");
                }
            }
        }
    }
}

impl Drop for Tier {
    fn drop(&mut self) {
        self.supervisor.get_mut().dismiss();
    }
}
