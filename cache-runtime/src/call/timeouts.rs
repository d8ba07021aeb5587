//! The time limits of a call: a soft one, which applies while there is another value to serve, and a hard one.

use std::future::Future;
use std::pin::Pin;

use tokio::time::{Instant, timeout_at};

use crate::common::sync::is_within_runtime;
use crate::entry::policy::Policy;

#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    soft: Option<Instant>,
    hard: Option<Instant>,
}

/// A time limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// From now on, an older value is served if there is one.
    Soft,
    /// Now an older value is served, or an error.
    Hard,
}

impl Timeouts {
    /// Both limits count from the beginning of the call.
    pub(super) fn new(policy: &Policy) -> Self {
        let from_now = |time| Instant::now().checked_add(time);
        Self {
            soft: policy.soft_timeout.and_then(from_now),
            hard: policy.timeout.and_then(from_now),
        }
    }

    /// Only the hard limit: for a load that another task waits for.
    pub(super) fn hard_only(self) -> Self {
        Self { soft: None, ..self }
    }

    /// Only the soft limit: another task handles the hard one.
    pub(super) fn soft_only(self) -> Self {
        Self { hard: None, ..self }
    }

    /// Whether there is no limit.
    pub(super) fn is_endless(&self) -> bool {
        self.soft.is_none() && self.hard.is_none()
    }

    pub(super) fn is_soft(&self) -> bool {
        self.soft.is_some()
    }

    /// Waits for the work until the next of the two limits. Each is reported once.
    pub(super) async fn wait<T>(
        &mut self,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, Limit> {
        let (end, limit) = match (self.soft, self.hard) {
            (Some(soft), Some(hard)) if hard < soft => (hard, Limit::Hard),
            (Some(soft), _) => (soft, Limit::Soft),
            (None, Some(hard)) => (hard, Limit::Hard),
            (None, None) => return Ok(work.await),
        };
        if !is_within_runtime() {
            // There is no timer here.
            return Ok(work.await);
        }
        if let Ok(done) = timeout_at(end, work.as_mut()).await {
            return Ok(done);
        }
        match limit {
            Limit::Soft => self.soft = None,
            Limit::Hard => self.hard = None,
        }
        Err(limit)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_end_comes_once_and_then_the_work_is_waited_for() {
        let policy = Policy {
            soft_timeout: Some(Duration::from_secs(1)),
            timeout: Some(Duration::from_secs(2)),
            ..Policy::PLAIN
        };
        let mut timeouts = Timeouts::new(&policy);
        let began = Instant::now();
        let mut work = pin!(tokio::time::sleep(Duration::from_secs(5)));
        assert_eq!(timeouts.wait(work.as_mut()).await, Err(Limit::Soft));
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        assert_eq!(timeouts.wait(work.as_mut()).await, Err(Limit::Hard));
        assert_eq!(began.elapsed(), Duration::from_secs(2));
        assert_eq!(timeouts.wait(work.as_mut()).await, Ok(()));
        assert_eq!(began.elapsed(), Duration::from_secs(5));
    }
}
