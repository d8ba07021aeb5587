//! Which task is the supervisor now. If its runtime ends, or is no longer driven, another supervisor takes over on the
//! runtime of a call that needs Redis. What the old one still does is ignored.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The longest time between two signs of life of a supervisor whose runtime is driven.
const SIGN_EVERY: Duration = Duration::from_millis(500);

/// The supervisor that is in charge, if there is one.
#[derive(Debug)]
pub(in crate::redis) struct Incumbent {
    task: Option<JoinHandle<()>>,
    duty: Arc<Duty>,
    /// A supervisor whose last sign of life is older than this is replaced.
    patience: Duration,
}

/// The part of a supervisor that other tasks use, to wake it and to see whether it is still polled.
#[derive(Debug)]
pub(in crate::redis) struct Duty {
    origin: Instant,
    /// The last sign of life, in milliseconds since `origin`.
    alive: AtomicU64,
    /// Wakes the supervisor: a connection was lost, the journal holds something, or the cache closes.
    pub(in crate::redis) roused: Notify,
}

impl Duty {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            alive: AtomicU64::new(0),
            roused: Notify::new(),
        })
    }

    /// Runs the supervisor's work. Each poll is a sign of life, and a timer causes one at least every [`SIGN_EVERY`].
    pub(in crate::redis) async fn sign_during(&self, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        let mut ticks = tokio::time::interval(SIGN_EVERY);
        poll_fn(|context| {
            self.sign();
            while ticks.poll_tick(context).is_ready() {}
            work.as_mut().poll(context)
        })
        .await;
    }

    fn sign(&self) {
        let millis = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.alive.store(millis, Relaxed);
    }

    fn silence(&self) -> Duration {
        let alive = Duration::from_millis(self.alive.load(Relaxed));
        self.origin.elapsed().saturating_sub(alive)
    }
}

impl Incumbent {
    pub(in crate::redis) fn new(patience: Duration) -> Self {
        Self {
            task: None,
            duty: Duty::new(),
            patience,
        }
    }

    /// True if a supervisor is in charge and its task is being polled.
    pub(in crate::redis) fn is_at_work(&self) -> bool {
        let ended = self.task.as_ref().is_none_or(JoinHandle::is_finished);
        !ended && self.duty.silence() < self.patience
    }

    /// For how long the supervisor has given no sign of life.
    pub(in crate::redis) fn silence(&self) -> Duration {
        self.duty.silence()
    }

    /// True if a supervisor was put in charge; it may have ended since.
    pub(in crate::redis) fn has_task(&self) -> bool {
        self.task.is_some()
    }

    /// True if that supervisor is in charge.
    pub(in crate::redis) fn has(&self, duty: &Arc<Duty>) -> bool {
        Arc::ptr_eq(&self.duty, duty)
    }

    /// Puts another supervisor in charge.
    pub(in crate::redis) fn replace(&mut self, spawn: impl FnOnce(Arc<Duty>) -> JoinHandle<()>) {
        self.dismiss();
        self.duty = Duty::new();
        self.task = Some(spawn(self.duty.clone()));
    }

    pub(in crate::redis) fn rouse(&self) {
        self.duty.roused.notify_one();
    }

    pub(in crate::redis) fn take(&mut self) -> Option<JoinHandle<()>> {
        self.task.take()
    }

    /// Ends the supervisor's task at its next await. On a runtime that nobody drives this has no effect.
    pub(in crate::redis) fn dismiss(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_supervisor_that_gives_no_sign_of_life_is_not_at_work() {
        let mut incumbent = Incumbent::new(Duration::from_secs(5));
        assert!(!incumbent.is_at_work(), "none was spawned");
        incumbent.replace(|_| tokio::spawn(std::future::pending()));
        assert!(incumbent.is_at_work());
        tokio::time::advance(Duration::from_secs(4)).await;
        incumbent.duty.sign();
        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(incumbent.is_at_work());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!incumbent.is_at_work());
    }

    #[tokio::test]
    async fn one_that_was_replaced_is_not_in_charge() {
        let mut incumbent = Incumbent::new(Duration::from_secs(5));
        incumbent.replace(|_| tokio::spawn(std::future::pending()));
        let first = incumbent.duty.clone();
        assert!(incumbent.has(&first));
        incumbent.replace(|_| tokio::spawn(async {}));
        assert!(!incumbent.has(&first));
    }
}
