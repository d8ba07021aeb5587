//! Waiting on a thread that sleeps meanwhile, for callers that are not `async`. It needs no runtime.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Waits for the work, at most `limit`; `None`: the time is over. The work is polled on the caller's thread.
pub(crate) fn within<F: Future>(limit: Duration, work: Pin<&mut F>) -> Option<F::Output> {
    let end = Instant::now().checked_add(limit);
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    let mut context = Context::from_waker(&waker);
    // Within a task, tokio's budget for its turn may be spent. Nobody renews it while this thread waits.
    let mut work = pin!(tokio::task::unconstrained(work));
    loop {
        if let Poll::Ready(output) = work.as_mut().poll(&mut context) {
            return Some(output);
        }
        let Some(end) = end else {
            thread::park();
            continue;
        };
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        // It may return early, for whatever reason. Then the work is polled once more.
        thread::park_timeout(left);
    }
}

/// The same without a limit.
#[cfg(feature = "testing")]
pub(crate) fn until<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    loop {
        if let Some(output) = within(Duration::MAX, work.as_mut()) {
            return output;
        }
    }
}

struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::future::{pending, poll_fn};

    use tokio::sync::Notify;

    use super::*;

    #[test]
    fn a_thread_sleeps_until_another_wakes_it() {
        let notify = Arc::new(Notify::new());
        let told = notify.clone();
        let other = thread::spawn(move || told.notify_one());
        let waited = within(Duration::from_secs(60), pin!(notify.notified()));
        assert_eq!(waited, Some(()));
        other.join().expect("it only notifies");
    }

    #[test]
    fn a_wait_ends_at_its_limit() {
        assert!(within(Duration::from_millis(5), pin!(pending::<()>())).is_none());
    }

    #[tokio::test]
    async fn a_task_that_has_used_up_its_turn_does_not_wait_in_vain() {
        let semaphore = tokio::sync::Semaphore::new(1000);
        let spent = poll_fn(|context| {
            // More than tokio allows a task in one turn.
            for _ in 0..500 {
                let _ = pin!(semaphore.acquire()).as_mut().poll(context);
            }
            let acquired = within(Duration::from_secs(5), pin!(semaphore.acquire()));
            Poll::Ready(acquired.is_some())
        });
        assert!(spent.await);
    }
}
