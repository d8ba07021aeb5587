//! Renews leases whose loads keep the runtime busy.
//!
//! The supervisor renews leases, but it is a task like any other. A body that computes for seconds without yielding can
//! stall the whole runtime: tokio's workers share one driver of sockets and timers, and if all others are parked, none
//! of them takes it over from the worker that computes. So a separate thread watches the leases whose bodies are being
//! polled at that moment, or all leases while the supervisor does not run. It renews those that the supervisor did not
//! renew, over a connection of its own. It sleeps while no load is under way, and connects only when it is needed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use redis::ConnectionInfo;

use crate::redis::connection::session::Session;
use crate::redis::connection::tier::Tier;
use crate::redis::held_leases::RENEW_EVERY;
use crate::redis::lease::{LEASE_LIFE, renewal};
use crate::redis::scripts::{SOURCES, Script};

/// How long connecting, and each answer, may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// A runtime that has not run the supervisor for this long is treated as one that nobody drives, and whose loads do not
/// end.
const STALL: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(in crate::redis) struct Watchdog {
    thread: OnceLock<Option<Thread>>,
    /// Loads under way.
    loads: AtomicUsize,
    sleeps: AtomicBool,
}

impl Watchdog {
    /// A load begins whose lease is to be watched.
    pub(in crate::redis) fn load_begins(&self, tier: &Arc<Tier>) {
        self.loads.fetch_add(1, SeqCst);
        let thread = self.thread.get_or_init(|| start(Arc::downgrade(tier)));
        if let Some(thread) = thread
            && self.sleeps.swap(false, SeqCst)
        {
            thread.unpark();
        }
    }

    pub(in crate::redis) fn load_ended(&self) {
        self.loads.fetch_sub(1, SeqCst);
    }

    /// Wakes the thread, which ends when its tier is closing or gone.
    pub(in crate::redis) fn wake(&self) {
        if let Some(Some(thread)) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.wake();
    }
}

/// Starts the thread. `None`: the system gives no thread, so only the supervisor renews leases.
fn start(tier: Weak<Tier>) -> Option<Thread> {
    let builder = thread::Builder::new()
        .name("cache-watchdog".into())
        .stack_size(1 << 19);
    match builder.spawn(move || watch(&tier)) {
        Ok(handle) => Some(handle.thread().clone()),
        Err(error) => {
            tracing::warn!(
                reason = %error,
                "the thread that renews leases cannot be started: the result of a body that computes for seconds without yielding \
                 may not be stored"
            );
            None
        }
    }
}

fn watch(weak: &Weak<Tier>) {
    let mut connection = None;
    while let Some(tier) = weak.upgrade().filter(|tier| !tier.closing.load(SeqCst)) {
        if tier.watchdog.loads.load(SeqCst) == 0 {
            connection = None;
            tier.watchdog.sleeps.store(true, SeqCst);
            // A load that began before this store did not see it, and does not wake the thread.
            let asleep = tier.watchdog.loads.load(SeqCst) == 0;
            drop(tier);
            if asleep {
                thread::park();
            }
            continue;
        }
        if let Some(link) = tier.switch.published() {
            let session = Session {
                tier: tier.clone(),
                link,
            };
            connection = renew(&session, connection);
        }
        drop(tier);
        thread::park_timeout(RENEW_EVERY);
    }
}

/// Renews the overdue leases of running bodies. Returns the connection while it is usable.
fn renew(session: &Session, connection: Option<redis::Connection>) -> Option<redis::Connection> {
    let silence = session.tier.supervisor_silence();
    let stalled = (2 * RENEW_EVERY..STALL).contains(&silence);
    let late = session.tier.held.computing(session.link.epoch, stalled);
    if late.is_empty() {
        return connection;
    }
    let mut connection = match connection {
        Some(connection) => connection,
        // Credentials and files may have been renewed since that connection began.
        None => connect(session.tier.target.resolve_again(&session.link.info).ok()?)?,
    };
    for lease in &late {
        let mut command = redis::cmd("EVAL");
        command.arg(SOURCES[Script::Renew as usize]);
        renewal(&mut command, session, lease);
        match command.query::<bool>(&mut connection) {
            Ok(true) => session.tier.held.renewed(&lease.token),
            Ok(false) => {}
            // The lease may expire; its load then stores nothing.
            Err(_) => return None,
        }
    }
    Some(connection)
}

fn connect(info: ConnectionInfo) -> Option<redis::Connection> {
    let client = redis::Client::open(info).ok()?;
    let connection = client.get_connection_with_timeout(PATIENCE).ok()?;
    connection.set_read_timeout(Some(PATIENCE)).ok()?;
    connection.set_write_timeout(Some(PATIENCE)).ok()?;
    Some(connection)
}

const _: () = assert!(
    RENEW_EVERY.as_millis() * 3 < LEASE_LIFE.as_millis(),
    "a lease outlives two renewals that did not come"
);
