//! Work that outlives its call: bounded in number, counted, waited for at shutdown.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

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

    /// Spawns on the caller's runtime. False, and the work is dropped, if there is no runtime or too much is under way.
    pub(crate) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) -> bool {
        self.room().map(|room| room.spawn(work)).is_some()
    }

    /// Room for one more piece of work, held until it has ended. `None`: no runtime, or too much is under way.
    pub(crate) fn room(self: &Arc<Self>) -> Option<Room> {
        let runtime = Handle::try_current().ok()?;
        let before = self.running.fetch_add(1, Ordering::SeqCst);
        let running = Running(self.clone());
        (before < self.bound).then_some(Room { runtime, running })
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

/// Room for one piece of work.
#[derive(Debug)]
pub(crate) struct Room {
    runtime: Handle,
    running: Running,
}

impl Room {
    pub(crate) fn spawn<T: Send + 'static>(
        self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let Self { runtime, running } = self;
        // tokio moves a task's future several times before it runs, and the block below would hold it twice. Some are
        // several kilobytes.
        let work = Box::pin(work);
        #[cfg(feature = "testing")]
        let work = crate::common::inherited::inherit(work);
        runtime.spawn(async move {
            let done = work.await;
            drop(running);
            done
        })
    }
}

/// One piece of work under way. It is counted down when this is dropped, also if the runtime drops its task unfinished.
#[derive(Debug)]
struct Running(Arc<Background>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
