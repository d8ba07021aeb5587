//! Timers for calls that wait for Redis, used by one call after another.
//!
//! A call that registers a timer and removes it again spends some hundred instructions on it, and nearly always for
//! nothing. So a timer that was not needed stays registered, and the next call on the same thread takes it over. It rings
//! at that call's deadline or earlier; if earlier, it is set again.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime::{Handle, Id};
use tokio::time::{Instant, Sleep, sleep_until};

thread_local! {
    /// Timers that no call uses now.
    static IDLE: RefCell<Vec<Timer>> = const { RefCell::new(Vec::new()) };
}

/// Idle timers kept for each thread: as many calls as may usually wait at the same time.
const KEPT: usize = 64;

/// A timer of one runtime.
struct Timer {
    runtime: Id,
    sleep: Pin<Box<Sleep>>,
}

/// The end of one call's wait. Its timer is taken when the call first has to wait, and left to others when this is dropped.
pub(super) struct Alarm {
    runtime: Id,
    deadline: Instant,
    timer: Option<Timer>,
}

impl Alarm {
    /// `None`: the caller is polled outside of a tokio runtime, where there are no timers.
    pub(super) fn at(deadline: Instant) -> Option<Self> {
        Some(Self {
            runtime: Handle::try_current().ok()?.id(),
            deadline,
            timer: None,
        })
    }

    /// Waits for the deadline.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Self {
            runtime,
            deadline,
            timer,
        } = self;
        let timer = timer.get_or_insert_with(|| Timer::take(*runtime, *deadline));
        loop {
            ready!(timer.sleep.as_mut().poll(context));
            if timer.sleep.deadline() >= *deadline {
                return Poll::Ready(());
            }
            timer.sleep.as_mut().reset(*deadline);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take().filter(|timer| !timer.sleep.is_elapsed()) {
            timer.leave();
        }
    }
}

impl Timer {
    /// A timer of the runtime that rings at the deadline or earlier.
    fn take(runtime: Id, deadline: Instant) -> Self {
        let idle = IDLE.try_with(|idle| idle.borrow_mut().pop()).ok().flatten();
        // The timers of another runtime may never ring: this thread has left that one. One that has rung is not used either:
        // it may be of a runtime that has ended, where all timers ring and none can be set again. tokio may give the number
        // of such a runtime to another one.
        let usable = |timer: &Timer| timer.runtime == runtime && !timer.sleep.is_elapsed();
        match idle.filter(usable) {
            Some(mut timer) => {
                if timer.sleep.deadline() > deadline {
                    timer.sleep.as_mut().reset(deadline);
                }
                timer
            }
            None => Self {
                runtime,
                sleep: Box::pin(sleep_until(deadline)),
            },
        }
    }

    fn leave(self) {
        // At the end of a thread there is nobody to leave it to.
        let _ = IDLE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            if idle.len() < KEPT {
                idle.push(self);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::runtime::Builder;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn idle() -> Vec<Instant> {
        IDLE.with_borrow(|idle| idle.iter().map(|timer| timer.sleep.deadline()).collect())
    }

    async fn alarm_in(time: Duration) -> Alarm {
        let mut alarm = Alarm::at(Instant::now() + time).unwrap();
        let rang = poll_fn(|context| Poll::Ready(alarm.poll(context).is_ready())).await;
        assert!(!rang);
        alarm
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_rings_early_for_its_second_user_is_set_again() {
        let began = Instant::now();
        drop(alarm_in(50 * MS).await);
        assert_eq!(idle(), [began + 50 * MS]);
        tokio::time::advance(20 * MS).await;
        let mut second = alarm_in(50 * MS).await;
        assert_eq!(idle(), []);
        poll_fn(|context| second.poll(context)).await;
        assert_eq!(began.elapsed(), 70 * MS);
        drop(second);
        assert_eq!(idle(), [], "it has rung");
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_would_ring_too_late_is_set_at_once() {
        let began = Instant::now();
        drop(alarm_in(Duration::from_secs(2)).await);
        let mut second = alarm_in(50 * MS).await;
        poll_fn(|context| second.poll(context)).await;
        assert_eq!(began.elapsed(), 50 * MS);
    }

    #[test]
    fn a_timer_of_another_runtime_is_not_used() {
        let runtime = || {
            let mut builder = Builder::new_current_thread();
            builder.enable_time().start_paused(true).build().unwrap()
        };
        let used = || async {
            let began = Instant::now();
            let mut alarm = alarm_in(50 * MS).await;
            poll_fn(|context| alarm.poll(context)).await;
            assert_eq!(began.elapsed(), 50 * MS);
        };
        let first = runtime();
        first.block_on(async { drop(alarm_in(50 * MS).await) });
        assert_eq!(idle().len(), 1);
        let second = runtime();
        second.block_on(used());
        assert_eq!(idle(), []);

        // Nor is one whose runtime has ended, if another has its number.
        first.block_on(async { drop(alarm_in(50 * MS).await) });
        drop(first);
        let number = second.handle().id();
        IDLE.with_borrow_mut(|idle| idle.iter_mut().for_each(|timer| timer.runtime = number));
        second.block_on(used());
        assert_eq!(idle(), []);
    }

    #[test]
    fn outside_of_a_runtime_there_is_no_alarm() {
        assert!(Alarm::at(Instant::now()).is_none());
    }
}
