//! What is cached: a row of a database, whose reading can be held up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::{Notify, watch};

pub struct Row {
    value: AtomicU64,
    bodies: AtomicU32,
    fails: bool,
    takes: Duration,
    arrived: Notify,
    gate: watch::Sender<bool>,
}

impl Row {
    /// Read at once.
    pub fn open(value: u64) -> Arc<Self> {
        Self::new(value, true, Duration::ZERO, false)
    }

    /// Read, and then held until [`let_go`](Self::let_go).
    pub fn gated(value: u64) -> Arc<Self> {
        Self::new(value, false, Duration::ZERO, false)
    }

    /// Read in some time; fails at the end of it, if it shall.
    pub fn slow(value: u64, takes: Duration, fails: bool) -> Arc<Self> {
        Self::new(value, true, takes, fails)
    }

    /// Held, and slow when it is let go.
    pub fn slow_and_gated(value: u64, takes: Duration) -> Arc<Self> {
        Self::new(value, false, takes, false)
    }

    fn new(value: u64, open: bool, takes: Duration, fails: bool) -> Arc<Self> {
        Arc::new(Self {
            value: AtomicU64::new(value),
            bodies: AtomicU32::new(0),
            fails,
            takes,
            arrived: Notify::new(),
            gate: watch::Sender::new(open),
        })
    }

    /// The body of every cached function here.
    pub async fn load(&self) -> Result<u64, String> {
        let read = self.value.load(SeqCst);
        self.bodies.fetch_add(1, SeqCst);
        self.arrived.notify_one();
        let _ = self.gate.subscribe().wait_for(|open| *open).await;
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        if self.fails {
            return Err("the body failed".into());
        }
        Ok(read)
    }

    /// Some load has read the row.
    pub async fn is_being_read(&self) {
        self.arrived.notified().await;
    }

    pub fn change(&self, value: u64) {
        self.value.store(value, SeqCst);
    }

    pub fn let_go(&self) {
        self.gate.send_replace(true);
    }

    pub fn bodies(&self) -> u32 {
        self.bodies.load(SeqCst)
    }
}
