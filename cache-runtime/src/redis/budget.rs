//! How long one call waits for Redis, and how it waits.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use super::link::Fault;

/// What one call may spend waiting for Redis, all its commands together.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(super) left: Duration,
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
}

/// Waits at most so long, but does not take its own process's lack of processor time for Redis's: when the time is up,
/// the connection's task gets its turn with what the socket already holds, and only then is it a time-out.
pub(super) async fn patiently<T>(
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
