//! The breaker's states, while callers' operations time out or lose the connection at any moment, also on a connection
//! that has been replaced.

use std::sync::atomic::{AtomicBool, Ordering};

use shuttle::thread;

use super::*;
use crate::common::sync;
use crate::local::Local;
use crate::local::memory::Memory;
use crate::outage::breaker::{Breaker, BreakerState};
use crate::outage::journal::Journal;
use crate::outage::switch::{Connection, Switch};

/// A simulated connection.
#[derive(Debug)]
pub(super) struct Line {
    /// This process has noticed that the connection is lost.
    lost: sync::AtomicBool,
    /// State outside of this process; reading it is no step for the explorer.
    connected: AtomicBool,
    cut: AtomicBool,
    /// The number of the latest removal that this process has heard of over this connection.
    known: sync::AtomicU64,
}

impl Line {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            lost: sync::AtomicBool::new(false),
            connected: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            known: sync::AtomicU64::new(0),
        })
    }

    pub(super) fn connect(&self) {
        self.connected.store(true, Ordering::SeqCst);
    }

    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    /// Notes that this process has heard of a removal with this number.
    pub(super) fn hear(&self, number: u64) {
        self.known.fetch_max(number, Ordering::SeqCst);
    }

    pub(super) fn known(&self) -> u64 {
        self.known.load(Ordering::SeqCst)
    }

    /// True if commands and pushes arrive.
    pub(super) fn works(&self) -> bool {
        self.connected.load(Ordering::SeqCst) && !self.cut.load(Ordering::SeqCst)
    }
}

impl Connection for Line {
    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    fn mark_lost(&self) -> bool {
        !self.lost.swap(true, Ordering::SeqCst)
    }

    /// Time stands still while schedules are explored.
    fn heard(&self) -> Instant {
        Instant::now()
    }
}

pub(super) fn switch(local: Arc<Local<Held>>) -> Arc<Switch<Line, Held>> {
    let open = Duration::from_millis(50);
    Arc::new(Switch::new(
        Journal::new(16, Duration::from_secs(5)),
        Breaker::new(2, open, open),
        local,
    ))
}

fn alone() -> Arc<Switch<Line, Held>> {
    switch(Arc::new(Local::new(
        Memory::new(8, 1 << 16),
        8,
        Duration::ZERO,
    )))
}

/// A time after every open time.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[test]
fn half_open_admits_one_probe() {
    explore(1000, || {
        let switch = alone();
        let admitted = Arc::new(Notes::<u32>::default());
        switch.breaker.lock().trip(Instant::now(), 0.0);
        let probes: Vec<_> = (0..3)
            .map(|_| {
                let (switch, admitted) = (switch.clone(), admitted.clone());
                thread::spawn(move || {
                    if switch.breaker.lock().state() != BreakerState::Open
                        || !switch.breaker.lock().try_half_open(later())
                    {
                        return;
                    }
                    *admitted.get() += 1;
                    thread::yield_now();
                    assert_eq!(*admitted.get(), 1, "two probes at once");
                    *admitted.get() -= 1;
                    if once_in(2) {
                        switch.breaker.lock().trip(Instant::now(), 0.0);
                    } else {
                        switch.breaker.lock().close();
                    }
                })
            })
            .collect();
        for probe in probes {
            probe.join().expect("nobody panics");
        }
        assert_ne!(switch.breaker.lock().state(), BreakerState::HalfOpen);
    });
}

/// A supervisor goes from one connection to the next, while callers report time-outs and lost connections.
fn callers_and_a_supervisor() {
    let switch = alone();
    let lines = [Line::new(), Line::new()];
    let second_answers = once_in(2);
    let callers: Vec<_> = (0..2)
        .map(|_| {
            let (switch, lines) = (switch.clone(), lines.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    let Some(line) = switch.published() else {
                        thread::yield_now();
                        continue;
                    };
                    if second_answers && Arc::ptr_eq(&line, &lines[1]) {
                        switch.breaker.lock().succeeded();
                    } else if once_in(3) || switch.timed_out(&line) {
                        switch.lose(&line);
                    }
                }
            })
        })
        .collect();
    // Fails if callers have lost the connection already.
    switch.publish(&lines[0]);
    for _ in 0..3 {
        thread::yield_now();
    }
    if once_in(2) {
        switch.lose(&lines[0]);
    }
    let replaced = lines[0].is_lost();
    if replaced {
        // Callers of the first connection may still be running.
        switch.breaker.lock().try_half_open(later());
        let published = switch.publish(&lines[1]);
        assert!(published || !second_answers);
    }
    for caller in callers {
        caller.join().expect("nobody panics");
    }
    let state = switch.breaker.lock().state();
    let Some(line) = switch.published() else {
        assert_ne!(state, BreakerState::Closed, "closed without a connection");
        assert!(
            !(replaced && second_answers),
            "the last words of another connection took it away"
        );
        return;
    };
    assert!(!line.is_lost(), "a lost connection is published");
    assert_eq!(
        state,
        BreakerState::Closed,
        "a good connection, and the breaker is not closed"
    );
    if replaced && second_answers {
        assert!(
            !switch.breaker.lock().failed(),
            "what another connection's callers met is counted against it"
        );
    }
}

#[test]
fn closed_exactly_with_a_good_connection() {
    explore(6000, callers_and_a_supervisor);
}

#[test]
fn lost_while_it_is_published_does_not_close_it() {
    explore(1000, || {
        let (switch, line) = (alone(), Line::new());
        let caller = {
            let (switch, line) = (switch.clone(), line.clone());
            thread::spawn(move || switch.lose(&line))
        };
        switch.publish(&line);
        caller.join().expect("nobody panics");
        assert!(switch.published().is_none());
        assert_ne!(switch.breaker.lock().state(), BreakerState::Closed);
    });
}

#[test]
fn a_late_time_out_is_not_counted_against_the_next_connection() {
    explore(1000, || {
        let (switch, lines) = (alone(), [Line::new(), Line::new()]);
        assert!(switch.publish(&lines[0]));
        let caller = {
            let (switch, line) = (switch.clone(), lines[0].clone());
            thread::spawn(move || switch.timed_out(&line))
        };
        switch.lose(&lines[0]);
        assert!(switch.publish(&lines[1]));
        caller.join().expect("nobody panics");
        assert!(!switch.timed_out(&lines[1]), "lost at its first time-out");
    });
}
