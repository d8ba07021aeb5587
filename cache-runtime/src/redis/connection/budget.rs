//! How long one call waits for Redis, and how it waits.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::redis::connection::alarm::Alarm;
use crate::redis::connection::fault::Fault;

/// How long one call may wait for Redis, all its commands together. It is shared by reference, because a substitute for
/// a slow read is looked for while that read is still under way.
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

    /// The whole budget, before anything was spent.
    pub(in crate::redis) fn all(&self) -> Duration {
        self.all
    }

    pub(in crate::redis) fn left(&self) -> Duration {
        self.all
            .saturating_sub(Duration::from_micros(self.spent.load(Relaxed)))
    }

    /// True if nothing is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.left().is_zero()
    }

    /// Charges time in which the call waited only for Redis.
    pub(crate) fn charge(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        // The sum saturates: a sum that large always means that the budget is spent.
        let _ = self
            .spent
            .fetch_update(Relaxed, Relaxed, |spent| Some(spent.saturating_add(micros)));
    }

    /// Restores the whole budget after a wait for another process's load, which Redis did not cause.
    pub(crate) fn renew(&self) {
        self.spent.store(0, Relaxed);
    }

    /// Waits for the work as long as the budget lasts.
    ///
    /// The caller pins the future: each layer that took it by value would hold it twice.
    pub(crate) async fn spend<T>(
        &self,
        work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
    ) -> Result<T, Fault> {
        let left = self.left();
        if left.is_zero() {
            return Err(Fault::TimedOut);
        }
        let began = Instant::now();
        let result = patiently_since(began, left, work).await;
        self.charge(began.elapsed());
        result
    }
}

/// Waits at most `limit`, without blaming Redis for this process's lack of processor time. When the time is up, the
/// connection's task first gets a turn to read what the socket already holds; only then is it a time-out. Outside of a
/// runtime the work is not started.
pub(in crate::redis) fn patiently<T>(
    limit: Duration,
    work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
) -> impl Future<Output = Result<T, Fault>> {
    patiently_since(Instant::now(), limit, work)
}

/// The same; the wait has begun at that time.
async fn patiently_since<T>(
    began: Instant,
    limit: Duration,
    mut work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
) -> Result<T, Fault> {
    let deadline = began + limit.min(LONGEST);
    let Some(mut alarm) = Alarm::at(deadline) else {
        return Err(Fault::OutsideRuntime);
    };
    let answered = poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => alarm.poll(context).map(|()| None),
    })
    .await;
    drop(alarm);
    if let Some(result) = answered {
        return result;
    }
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
        let late = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        if let Poll::Ready(result) = late {
            return result;
        }
    }
    Err(Fault::TimedOut)
}

/// How often to yield before a time-out: once for the runtime to poll the socket, once for the connection's task, once
/// for the reply to reach the caller.
const TURNS: usize = 3;

/// A longer wait would not fit into the clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

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
        // Nothing is left, so Redis is not even asked.
        let never = pin!(async { panic!("it was polled") as Result<(), Fault> });
        assert!(budget.spend(never).await.is_err());
        budget.renew();
        assert_eq!(budget.left(), Duration::from_millis(50));
    }
}
