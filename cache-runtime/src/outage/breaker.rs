//! The circuit breaker: closed, open or half-open. It uses time, but not Redis.
//!
//! The breaker counts outages (a dropped connection, a time-out), not error answers: a type error is a bug, not a
//! reason to stop asking. Only the supervisor moves it out of `Open`. Half-open admits one probe, and that probe is a
//! whole reconnect. Requests only read [`Breaker::state`].

use std::time::Duration;

use tokio::time::Instant;

/// The state of the breaker between this process and Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerState {
    /// Redis is used.
    Closed,
    /// Redis is not used until the next probe.
    Open,
    /// One probe is under way; all calls still go without Redis.
    HalfOpen,
}

impl BreakerState {
    /// `closed`, `open` or `half-open`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Breaker {
    state: BreakerState,
    /// Outages in a row while closed.
    failures: u32,
    /// Openings in a row without a successful probe between them.
    openings: u32,
    until: Instant,
    threshold: u32,
    first: Duration,
    longest: Duration,
    transitions: Transitions,
}

/// How often each state was entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transitions {
    pub(crate) closed: u64,
    pub(crate) open: u64,
    pub(crate) half_open: u64,
}

impl Breaker {
    /// Starts half-open: the first connect is a probe like any other.
    pub(crate) fn new(threshold: u32, first: Duration, longest: Duration) -> Self {
        let until = Instant::now();
        Self {
            state: BreakerState::HalfOpen,
            failures: 0,
            openings: 0,
            until,
            threshold,
            first,
            longest,
            transitions: Transitions::default(),
        }
    }

    pub(crate) fn state(&self) -> BreakerState {
        self.state
    }

    #[cfg_attr(
        not(any(feature = "metrics", feature = "axum")),
        allow(dead_code, reason = "only figures ask")
    )]
    pub(crate) fn transitions(&self) -> Transitions {
        self.transitions
    }

    fn enter(&mut self, state: BreakerState) {
        if self.state != state {
            self.state = state;
            *match state {
                BreakerState::Closed => &mut self.transitions.closed,
                BreakerState::Open => &mut self.transitions.open,
                BreakerState::HalfOpen => &mut self.transitions.half_open,
            } += 1;
        }
    }

    /// An operation was answered: outages in a row are counted from zero again.
    pub(crate) fn succeeded(&mut self) {
        if self.state == BreakerState::Closed {
            self.failures = 0;
        }
    }

    /// Counts an operation that met an outage. True if there have been enough of them to trip the breaker.
    pub(crate) fn failed(&mut self) -> bool {
        if self.state != BreakerState::Closed {
            return false;
        }
        self.failures += 1;
        self.failures >= self.threshold
    }

    /// Opens the breaker after enough outages in a row, the loss of the connection, or a failed probe. `jitter` in
    /// 0.0..1.0.
    pub(crate) fn trip(&mut self, now: Instant, jitter: f64) {
        // The open time doubles with every failed probe. Up to a quarter is taken off, so that many processes do not
        // probe in step. The longest open time bounds the recovery: Redis is found again that soon after its return,
        // whatever happened before.
        let grown = self
            .first
            .saturating_mul(1 << self.openings.min(16))
            .min(self.longest);
        self.openings = self.openings.saturating_add(1);
        self.enter(BreakerState::Open);
        self.failures = 0;
        self.until = now + grown.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0);
    }

    /// When the next probe is due.
    pub(crate) fn probe_at(&self) -> Instant {
        self.until
    }

    /// Admits the one probe. False while the open time runs or a probe is under way.
    pub(crate) fn try_half_open(&mut self, now: Instant) -> bool {
        let due = self.state == BreakerState::Open && now >= self.until;
        if due {
            self.enter(BreakerState::HalfOpen);
        }
        due
    }

    /// Closes the breaker after a successful probe: all counts start anew.
    pub(crate) fn close(&mut self) {
        self.enter(BreakerState::Closed);
        self.failures = 0;
        self.openings = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_millis(500);

    fn closed() -> Breaker {
        let mut breaker = Breaker::new(3, FIRST, LONGEST);
        breaker.close();
        breaker
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let mut breaker = closed();
        assert!(!breaker.failed());
        assert!(!breaker.failed());
        breaker.succeeded();
        assert!(!breaker.failed());
        assert!(!breaker.failed());
        assert!(breaker.failed(), "the third in a row is enough");
        breaker.trip(Instant::now(), 0.0);
        assert!(!breaker.failed(), "an open breaker is not opened again");
    }

    #[test]
    fn half_open_admits_one_probe() {
        let (mut breaker, now) = (closed(), Instant::now());
        breaker.trip(now, 0.0);
        assert!(!breaker.try_half_open(now), "the open time runs");
        let later = now + FIRST;
        assert!(breaker.try_half_open(later));
        assert!(!breaker.try_half_open(later), "one probe, not two");
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.close();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn the_open_time_grows_to_its_bound_and_never_past() {
        let (mut breaker, mut now) = (closed(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..64 {
            breaker.trip(now, 0.0);
            waits.push(breaker.probe_at() - now);
            now = breaker.probe_at();
            assert!(breaker.try_half_open(now));
        }
        assert_eq!(
            waits[..5]
                .iter()
                .map(Duration::as_millis)
                .collect::<Vec<_>>(),
            [50, 100, 200, 400, 500]
        );
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
    }

    #[test]
    fn a_transition_is_counted_once() {
        let (mut breaker, now) = (closed(), Instant::now());
        breaker.close();
        breaker.trip(now, 0.0);
        breaker.trip(now, 0.0);
        breaker.try_half_open(breaker.probe_at());
        let counted = Transitions {
            closed: 1,
            open: 1,
            half_open: 1,
        };
        assert_eq!(breaker.transitions(), counted);
    }

    #[test]
    fn jitter_only_shortens() {
        for jitter in [0.0, 0.3, 1.0, 7.0, -1.0, f64::NAN] {
            let (mut breaker, now) = (closed(), Instant::now());
            let jitter = if jitter.is_nan() { 0.0 } else { jitter };
            breaker.trip(now, jitter);
            let wait = breaker.probe_at() - now;
            assert!(wait <= FIRST && wait >= FIRST.mul_f64(0.75), "{wait:?}");
        }
    }
}
