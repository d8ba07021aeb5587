//! The task that drains an outbox regularly.

use tokio::task::JoinHandle;

use crate::common::random;
use crate::outbox::database::OutboxDatabase;
use crate::outbox::handle::Outbox;

/// The task of [`Outbox::start`]. It ends when this is dropped.
#[must_use = "the outbox is drained only as long as this is kept"]
#[derive(Debug)]
pub struct OutboxDrainer {
    task: JoinHandle<()>,
}

impl OutboxDrainer {
    /// Whether the task has ended, because the cache or the pool was closed, or because the cache has no Redis.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for OutboxDrainer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<DB: OutboxDatabase> Outbox<DB> {
    /// Starts a task on the current runtime that [drains](Outbox::drain) the outbox: at once, and then at least as often as
    /// the [interval](Outbox::interval) says, plus the time that a drain takes. It needs one connection of the pool at a
    /// time. While the database cannot be read, it says so once in the log, and goes on trying.
    ///
    /// It ends when its handle is dropped, and within an interval after the cache ([`Cache::close`](crate::Cache::close),
    /// [`shutdown`](crate::shutdown)) or the pool was closed. For a cache without Redis it ends at once.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(&self) -> OutboxDrainer {
        let outbox = self.clone();
        OutboxDrainer {
            task: tokio::spawn(async move { outbox.keep_draining().await }),
        }
    }

    async fn keep_draining(&self) {
        let mut fails = false;
        while !self.is_closed() {
            match self.drain().await {
                Ok(_) if fails => {
                    fails = false;
                    tracing::info!("the outbox can be read again");
                }
                Err(error) if !fails => {
                    fails = true;
                    tracing::warn!(%error, "the outbox cannot be drained: removals of processes that have crashed wait");
                }
                Ok(_) | Err(_) => {}
            }
            // Processes that were started together do not all ask at the same time.
            let pause = self.interval.mul_f64(0.75 + 0.25 * random::fraction());
            tokio::time::sleep(pause).await;
        }
    }

    fn is_closed(&self) -> bool {
        let mut tiers = self.cache.inner.shards.tiers();
        self.pool.is_closed() || tiers.all(|tier| tier.is_closing())
    }
}
