//! Work that outlives its call: bounded in number, counted, waited for at shutdown.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Background {
    running: AtomicUsize,
    bound: usize,
    idle: Notify,
}

impl Background {
    pub(crate) fn new(bound: usize) -> Arc<Self> {
        Arc::new(Self {
            running: AtomicUsize::new(0),
            bound,
            idle: Notify::new(),
        })
    }

    /// Spawns on the caller's runtime. False, and the work is dropped, when there is none or too much is under way.
    pub(crate) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let Ok(runtime) = Handle::try_current() else {
            return false;
        };
        if self.running.fetch_add(1, Ordering::SeqCst) >= self.bound {
            self.running.fetch_sub(1, Ordering::SeqCst);
            return false;
        }
        let running = Running(self.clone());
        runtime.spawn(async move {
            work.await;
            drop(running);
        });
        true
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Waits until nothing runs.
    pub(crate) async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if self.running() == 0 {
                return;
            }
            idle.await;
        }
    }
}

/// Counts down also when the runtime drops the task unfinished.
struct Running(Arc<Background>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
