//! How long one call waits for Redis, and how it waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use crate::common::sync::is_within_runtime;
use crate::redis::connection::fault::Fault;

/// What one call may spend waiting for Redis, all its commands together. Shared by reference: what stands in for a slow
/// read is looked for while that read is still under way.
#[derive(Debug)]
pub(crate) struct Budget {
    all: Duration,
    /// In microseconds.
    spent: AtomicU64,
}

impl Budget {
    pub(crate) fn new(all: Duration) -> Self {
        Self {
            all,
            spent: AtomicU64::new(0),
        }
    }

    /// All that it was at the beginning.
    pub(in crate::redis) fn all(&self) -> Duration {
        self.all
    }

    pub(in crate::redis) fn left(&self) -> Duration {
        self.all
            .saturating_sub(Duration::from_micros(self.spent.load(Relaxed)))
    }

    /// Nothing is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.left().is_zero()
    }

    /// Time that went by while only Redis was waited for.
    pub(crate) fn charge(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        // A sum beyond all time is as good as any other that is.
        let _ = self
            .spent
            .fetch_update(Relaxed, Relaxed, |spent| Some(spent.saturating_add(micros)));
    }

    /// Another process's load was waited for, which is no fault of Redis's: from here on it is as at the beginning.
    pub(crate) fn renew(&self) {
        self.spent.store(0, Relaxed);
    }

    /// Waits for the work as long as the budget lasts.
    ///
    /// Pinned by the caller: each layer that took the future itself would hold it twice.
    pub(crate) async fn spend<T>(
        &self,
        work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
    ) -> Result<T, Fault> {
        let left = self.left();
        if left.is_zero() {
            return Err(Fault::TimedOut);
        }
        let began = Instant::now();
        let result = patiently(left, work).await;
        self.charge(began.elapsed());
        result
    }
}

/// Waits at most so long, but does not take its own process's lack of processor time for Redis's: when the time is up,
/// the connection's task gets its turn with what the socket already holds, and only then is it a time-out. Outside of a
/// runtime the work is not begun.
pub(in crate::redis) async fn patiently<T>(
    limit: Duration,
    mut work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
) -> Result<T, Fault> {
    if !is_within_runtime() {
        return Err(Fault::OutsideRuntime);
    }
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    async fn answer_after(time: Duration) -> Result<(), Fault> {
        tokio::time::sleep(time).await;
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn all_that_a_call_waits_for_comes_out_of_one_budget() {
        let budget = Budget::new(Duration::from_millis(50));
        let began = Instant::now();
        let quick = pin!(answer_after(Duration::from_millis(20)));
        assert!(budget.spend(quick).await.is_ok());
        budget.charge(Duration::from_millis(20));
        let slow = pin!(answer_after(Duration::from_secs(1)));
        assert!(matches!(budget.spend(slow).await, Err(Fault::TimedOut)));
        assert_eq!(began.elapsed(), Duration::from_millis(30));
        // Nothing is left: not even asked.
        let never = pin!(async { panic!("it was polled") as Result<(), Fault> });
        assert!(budget.spend(never).await.is_err());
        budget.renew();
        assert_eq!(budget.left(), Duration::from_millis(50));
    }
}
