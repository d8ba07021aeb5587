//! Is Redis to be used now, and by which way? The connection and its supervisor around the [`Switch`].

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use super::lease::Lease;
use super::link::{Fault, Link, Push};
use super::supervisor;
use super::switch::Switch;
use super::target::Target;
use crate::background::Background;
use crate::breaker::{Breaker, BreakerState};
use crate::config::CacheConfig;
use crate::error::Error;
use crate::journal::Journal;
use crate::key::Pattern;
use crate::local::Local;
use crate::sabotage::{Safeguard, off};
use crate::stats::{Counters, bump};

/// How long acknowledged removals are kept for a repeat after a reconnect.
const RECENT: Duration = Duration::from_secs(5);

/// First open time of the breaker, and the longest.
const OPEN_FIRST: Duration = Duration::from_millis(50);
const OPEN_LONGEST: Duration = Duration::from_millis(500);

pub(crate) struct Tier {
    pub(super) target: Target,
    pub(super) config: CacheConfig,
    prefix: String,
    index: String,
    pub(super) switch: Switch<Link, Lease>,
    local: Arc<Local<Lease>>,
    counters: Arc<Counters>,
    background: Arc<Background>,
    /// False until the first connect has ended, well or not: a process that has just started waits for it a moment.
    started: watch::Sender<bool>,
    /// Rouses the supervisor: a link was lost, the journal holds something, shutdown.
    pub(super) roused: Arc<Notify>,
    pub(super) closing: AtomicBool,
    supervisor: Mutex<Option<JoinHandle<()>>>,
    epochs: AtomicU64,
    pub(super) rebuild: tokio::sync::Mutex<()>,
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
        config: &CacheConfig,
        local: Arc<Local<Lease>>,
        counters: Arc<Counters>,
        background: Arc<Background>,
    ) -> Result<Arc<Self>, Error> {
        let prefix = config.key_prefix();
        let mut journal = Journal::new(config.journal_bound, RECENT);
        if let Some(directory) = &config.journal {
            let family = format!("{:016x}", xxh3_64(format!("{target} {prefix}").as_bytes()));
            journal.keep_in(directory, &family).map_err(|why| {
                Error::config(format!(
                    "CACHE_JOURNAL=`{}`: {why}; give a directory that can be written",
                    directory.display()
                ))
            })?;
        }
        let breaker = Breaker::new(config.breaker_failures, OPEN_FIRST, OPEN_LONGEST);
        Ok(Arc::new(Self {
            target,
            index: format!("{prefix}%index"),
            prefix,
            switch: Switch::new(journal, breaker, local.clone()),
            config: config.clone(),
            local,
            counters,
            background,
            started: watch::Sender::new(false),
            roused: Arc::new(Notify::new()),
            closing: AtomicBool::new(false),
            supervisor: Mutex::new(None),
            epochs: AtomicU64::new(0),
            rebuild: tokio::sync::Mutex::new(()),
        }))
    }

    /// The way to Redis, if there is one now. Only a process that has just started waits, within its budget.
    pub(crate) async fn session(self: &Arc<Self>, budget: &mut Budget) -> Option<Session> {
        if let Some(session) = self.session_now() {
            return Some(session);
        }
        if !self.supervised() || *self.started.borrow() {
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
        let _ = budget.spend(pin!(wait)).await;
        self.session_now()
    }

    pub(crate) fn session_now(self: &Arc<Self>) -> Option<Session> {
        let link = self.switch.published()?;
        Some(Session {
            tier: self.clone(),
            link,
        })
    }

    /// Makes sure that somebody connects. False without a runtime.
    ///
    /// A supervisor lives on the runtime of whoever came first; if that runtime is gone (each test has its own), the next
    /// call starts another.
    fn supervised(self: &Arc<Self>) -> bool {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return false;
        };
        if self.closing.load(Ordering::SeqCst) {
            return false;
        }
        let mut supervisor = self.supervisor.lock();
        if supervisor.as_ref().is_none_or(JoinHandle::is_finished) {
            self.started.send_replace(false);
            let weak = Arc::downgrade(self);
            *supervisor = Some(runtime.spawn(supervisor::supervise(weak, self.roused.clone())));
        }
        true
    }

    /// Starts connecting, if that has not begun.
    pub(crate) fn start(self: &Arc<Self>) {
        self.supervised();
    }

    pub(super) async fn connect(self: &Arc<Self>) -> Result<Arc<Link>, Fault> {
        let epoch = self.epochs.fetch_add(1, Ordering::SeqCst) + 1;
        let weak: Weak<Self> = Arc::downgrade(self);
        let on_push = move |push: Push<'_>| {
            if let Some(tier) = weak.upgrade() {
                tier.pushed(epoch, &push);
            }
        };
        let link = Link::connect(&self.target, epoch, self.config.connect_timeout, on_push);
        match tokio::time::timeout(self.config.connect_timeout, link).await {
            Ok(link) => Ok(Arc::new(link?)),
            Err(_) => Err(Fault::TimedOut),
        }
    }

    fn pushed(&self, epoch: u64, push: &Push<'_>) {
        match push {
            Push::Keys(keys) => {
                for key in keys {
                    if let Some(key) = key
                        .strip_prefix(self.prefix.as_bytes())
                        .and_then(|key| str::from_utf8(key).ok())
                    {
                        self.local.changed(key);
                    }
                }
            }
            Push::Everything => self.local.everything_changed(),
            Push::Disconnected => {
                let link = self.switch.published().filter(|link| link.epoch == epoch);
                match link {
                    Some(link) => self.lose(&link, "the connection ended"),
                    None => self.roused.notify_one(),
                }
            }
        }
    }

    /// Replays the journal and opens Redis for this process.
    pub(super) async fn catch_up(self: &Arc<Self>, link: &Arc<Link>) -> Result<(), Fault> {
        let replay = |pattern: Pattern| {
            let session = Session {
                tier: self.clone(),
                link: link.clone(),
            };
            // However much it removes: the time limit is one of each step.
            async move { session.remove(&pattern, None).await.map(drop) }
        };
        if !self.switch.catch_up(link, replay).await? {
            return Err(Fault::Disconnected("the connection ended".into()));
        }
        self.started.send_replace(true);
        Ok(())
    }

    /// The first attempt to connect has failed: nobody need wait for it any more.
    pub(super) fn gave_up_start(&self) {
        self.started.send_replace(true);
    }

    /// A link is not usable any more.
    pub(super) fn lose(&self, link: &Arc<Link>, why: &str) {
        if self.switch.lose(link) {
            tracing::warn!(
                redis = %self.target, reason = why,
                "Redis lost, breaker opened: serving from memory and from the functions themselves"
            );
        }
        self.roused.notify_one();
    }

    /// Removals that could not run in Redis: they bind this process now and are replayed before it reads Redis again.
    pub(crate) fn journal(self: &Arc<Self>, patterns: &[Pattern]) {
        let file = self.switch.append(patterns);
        // Written already, which a crash of the process survives; flushed, a crash of the machine is survived too.
        if let (Some(file), Ok(runtime)) = (file, tokio::runtime::Handle::try_current()) {
            runtime.spawn_blocking(move || file.sync_data());
        }
        bump(&self.counters.queued);
        self.supervised();
        self.roused.notify_one();
    }

    /// Redis has acknowledged a removal. False when that was on a connection which is not the current one any more: the
    /// server of the current one may not have it.
    pub(crate) fn acknowledged(&self, session: &Session, patterns: &[Pattern]) -> bool {
        self.switch.acknowledged(&session.link, patterns)
    }

    /// Since when memory hears of no other process's removals; `None` while it does.
    pub(crate) fn cut_off_since(&self) -> Option<Instant> {
        self.switch.cut_off_since()
    }

    pub(crate) fn breaker_state(&self) -> BreakerState {
        self.switch.breaker.lock().state()
    }

    pub(crate) fn journal_len(&self) -> usize {
        self.switch.journal.lock().len()
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.target.is_tls()
    }

    /// Ends the supervisor. What the journal still holds is replayed first if Redis answers within `limit`.
    pub(crate) async fn close(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while !self.switch.journal.lock().is_empty() && Instant::now() < deadline {
            self.roused.notify_one();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.closing.store(true, Ordering::SeqCst);
        self.switch.shut();
        self.roused.notify_one();
        let supervisor = self.supervisor.lock().take();
        if let Some(supervisor) = supervisor {
            let _ = tokio::time::timeout_at(deadline + Duration::from_millis(50), supervisor).await;
        }
        self.switch.journal.lock().close();
    }

    fn observe<T>(&self, link: &Arc<Link>, result: &Result<T, Fault>) {
        match result {
            Ok(_) => {
                if link.timeouts.load(Ordering::Relaxed) != 0 {
                    link.timeouts.store(0, Ordering::Relaxed);
                    self.switch.breaker.lock().succeeded();
                }
            }
            Err(Fault::TimedOut) => {
                bump(&self.counters.timeouts);
                link.timeouts.fetch_add(1, Ordering::Relaxed);
                if self.switch.timed_out(link) {
                    // A frozen peer keeps its sockets open for ever: only a new connection tells.
                    self.lose(link, "time-outs in a row");
                }
            }
            Err(Fault::Disconnected(why)) => {
                bump(&self.counters.disconnects);
                self.lose(link, why);
            }
            Err(Fault::Refused(why)) => {
                if self.counters.refusals.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::error!(reason = %why, "Redis refuses a command; counted in `refusals`, said this once");
                }
            }
        }
    }
}

impl Drop for Tier {
    fn drop(&mut self) {
        if let Some(supervisor) = self.supervisor.get_mut().take() {
            supervisor.abort();
        }
    }
}

/// One call's way to Redis: the tier, and the connection that was current when it began.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(super) tier: Arc<Tier>,
    pub(crate) link: Arc<Link>,
}

impl Session {
    pub(crate) fn full(&self, key: &str) -> String {
        [&self.tier.prefix, key].concat()
    }

    pub(crate) fn index(&self) -> &str {
        &self.tier.index
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.tier.prefix
    }

    /// Still the connection that this process reads over.
    pub(crate) fn is_current(&self) -> bool {
        self.tier.switch.is_current(&self.link)
    }

    pub(crate) fn trusts_restarts(&self) -> bool {
        self.tier.config.trust_restart || off(Safeguard::RunId)
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
        let result = patiently(self.tier.config.command_timeout, pin!(work)).await;
        self.seen(result)
    }

    /// A caller's budget ended while it waited.
    pub(crate) fn timed_out(&self) {
        self.tier.observe::<()>(&self.link, &Err(Fault::TimedOut));
    }
}

/// What one call may spend waiting for Redis, all its commands together.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Duration,
}

impl Budget {
    pub(crate) fn new(all: Duration) -> Self {
        Self { left: all }
    }

    /// Waits for the work as long as the budget lasts.
    ///
    /// Pinned by the caller: each layer that took the future itself would hold it twice.
    pub(crate) async fn spend<T>(
        &mut self,
        work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
    ) -> Result<T, Fault> {
        if self.left.is_zero() {
            return Err(Fault::TimedOut);
        }
        let began = Instant::now();
        let result = patiently(self.left, work).await;
        self.left = self.left.saturating_sub(began.elapsed());
        result
    }

    /// The same for an operation of a session, whose breaker hears of a time-out.
    pub(crate) async fn spend_on<T>(
        &mut self,
        session: &Session,
        work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
    ) -> Result<T, Fault> {
        let had_any = !self.left.is_zero();
        let result = self.spend(work).await;
        if had_any && matches!(result, Err(Fault::TimedOut)) {
            session.timed_out();
        }
        result
    }
}

/// Waits at most so long, but does not take its own process's lack of processor time for Redis's: when the time is up,
/// the connection's task gets its turn with what the socket already holds, and only then is it a time-out.
async fn patiently<T>(
    limit: Duration,
    mut work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
) -> Result<T, Fault> {
    if let Ok(result) = tokio::time::timeout(limit, work.as_mut()).await {
        return result;
    }
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
        let late =
            std::future::poll_fn(|context| std::task::Poll::Ready(work.as_mut().poll(context)))
                .await;
        if let std::task::Poll::Ready(result) = late {
            return result;
        }
    }
    Err(Fault::TimedOut)
}

/// One for the runtime to look at the socket, one for the connection's task, one for the reply to reach the caller.
const TURNS: usize = 3;
