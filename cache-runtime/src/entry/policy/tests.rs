use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::entry::policy::Decision::{Fresh, Refresh, Refuse, Reload};
use crate::entry::policy::Moment::Lookup;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn aged(age: u64) -> Aged {
    Aged {
        age: seconds(age),
        ttl: seconds(60),
        took: seconds(1),
    }
}

fn policy(stale: u64, stale_on_error: u64) -> Policy {
    Policy {
        stale: seconds(stale),
        stale_on_error: seconds(stale_on_error),
        ..Policy::PLAIN
    }
}

fn no_luck_is_asked_for() -> f64 {
    panic!("luck matters to `early` alone")
}

#[test]
fn by_age_policy_and_moment() {
    // stale, stale_on_error, age; the decision for a reader, and the decision after a failed or slow body.
    let table = [
        (0, 0, 0, Fresh, Fresh),
        (0, 0, 59, Fresh, Fresh),
        (0, 0, 60, Refuse, Refuse),
        (30, 0, 59, Fresh, Fresh),
        (30, 0, 60, Refresh, Decision::Fallback),
        (30, 0, 89, Refresh, Decision::Fallback),
        (30, 0, 90, Refuse, Refuse),
        (0, 30, 60, Reload, Decision::Fallback),
        (0, 30, 89, Reload, Decision::Fallback),
        (0, 30, 90, Refuse, Refuse),
        (30, 300, 89, Refresh, Decision::Fallback),
        (30, 300, 90, Reload, Decision::Fallback),
        (30, 300, 359, Reload, Decision::Fallback),
        (30, 300, 360, Refuse, Refuse),
        (300, 30, 359, Refresh, Decision::Fallback),
    ];
    for (stale, on_error, age, found, failed) in table {
        let policy = policy(stale, on_error);
        let decided = |moment| decide(aged(age), &policy, moment, no_luck_is_asked_for);
        assert_eq!(
            (decided(Lookup), decided(Moment::Fallback)),
            (found, failed),
            "stale {stale}, stale_on_error {on_error}, age {age}"
        );
    }
}

#[test]
fn a_refresh_ahead_of_the_end_depends_on_luck_and_on_what_the_load_takes() {
    let eager = Policy {
        early: Some(1.0),
        ..Policy::PLAIN
    };
    let decided = |age, luck: f64| decide(aged(age), &eager, Lookup, || luck);
    assert_eq!(
        decided(0, 1e-9),
        Fresh,
        "a minute before the end nobody is early"
    );
    assert_eq!(
        decided(59, 0.99),
        Refresh,
        "one load before the end everybody is"
    );
    assert_eq!(decided(55, 0.99), Fresh);
    assert_eq!(decided(55, 0.001), Refresh);
    let quick = Aged {
        took: Duration::ZERO,
        ..aged(59)
    };
    assert_eq!(
        decide(quick, &eager, Lookup, || 0.5),
        Fresh,
        "a quick load starts late"
    );
    assert_eq!(
        decide(aged(59), &eager, Moment::Fallback, no_luck_is_asked_for),
        Fresh,
        "a failed body is no reason for another"
    );
}

fn any_policy() -> impl Strategy<Value = Policy> {
    (0..1000_u64, 0..1000_u64, prop::option::of(0.1..10.0_f64)).prop_map(
        |(stale, on_error, early)| Policy {
            early,
            ..policy(stale, on_error)
        },
    )
}

fn any_aged() -> impl Strategy<Value = Aged> {
    (0..3000_u64, 1..1000_u64, 0..100_u64).prop_map(|(age, ttl, took)| Aged {
        age: seconds(age),
        ttl: seconds(ttl),
        took: seconds(took),
    })
}

proptest! {
    #[test]
    fn nothing_is_served_past_the_windows(aged in any_aged(), policy in any_policy(), luck in 0.0..1.0_f64) {
        let past = aged.age.saturating_sub(aged.ttl);
        for moment in [Lookup, Moment::Fallback] {
            let decision = decide(aged, &policy, moment, || luck);
            if aged.age >= aged.ttl {
                let window = if moment == Lookup { policy.stale } else { policy.grace() };
                let served = matches!(decision, Fresh | Refresh | Decision::Fallback);
                prop_assert_eq!(served, past < window);
                prop_assert_ne!(decision, Fresh);
            } else {
                prop_assert!(matches!(decision, Fresh | Refresh));
            }
        }
    }

    #[test]
    fn what_a_reader_may_have_a_failed_body_leaves_as_well(aged in any_aged(), policy in any_policy()) {
        let found = decide(aged, &policy, Lookup, || 1.0);
        let failed = decide(aged, &policy, Moment::Fallback, || 1.0);
        if matches!(found, Fresh | Refresh) {
            prop_assert!(matches!(failed, Fresh | Decision::Fallback));
        }
    }

    #[test]
    fn jitter_only_shortens_and_never_below_its_share(ttl in 1..100_000_u64, percent in 0..=90_u8, luck in 0.0..1.0_f64) {
        let policy = Policy { jitter: percent, ..Policy::PLAIN };
        let spread = policy.with_jitter(Duration::from_millis(ttl), || luck);
        prop_assert!(spread <= Duration::from_millis(ttl));
        prop_assert!(spread >= Duration::from_millis(ttl).mul_f64(1.0 - f64::from(percent) / 100.0));
        prop_assert!(!spread.is_zero());
    }
}

/// A key under constant load, one request after another, with background refreshes.
struct Simulation {
    rate: f64,
    ttl: f64,
    load: f64,
    /// The seed of a separate generator, which gives the same numbers each time.
    seed: u64,
}

#[derive(Debug)]
struct Simulated {
    loads: u32,
    /// Requests that found an expired value and had to wait.
    blocked: u32,
    /// The number of loads of a cache without `early` in the same time.
    by_ttl_alone: f64,
}

impl Simulation {
    fn luck(&mut self) -> f64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn run(mut self, lifetimes: u32) -> Simulated {
        let eager = Policy {
            early: Some(1.0),
            ..Policy::PLAIN
        };
        let length = self.ttl * f64::from(lifetimes);
        let (mut now, mut written) = (0.0, 0.0);
        let mut refresh_ends: Option<f64> = None;
        let (mut loads, mut blocked) = (1, 0);
        while now < length {
            // Arrivals of a Poisson process.
            now -= self.luck().max(1e-12).ln() / self.rate;
            if let Some(end) = refresh_ends.filter(|end| *end <= now) {
                written = end;
                refresh_ends = None;
            }
            let aged = Aged {
                age: Duration::from_secs_f64(now - written),
                ttl: Duration::from_secs_f64(self.ttl),
                took: Duration::from_secs_f64(self.load),
            };
            let luck = self.luck();
            match decide(aged, &eager, Lookup, || luck) {
                Fresh => {}
                Refresh if refresh_ends.is_none() => {
                    loads += 1;
                    refresh_ends = Some(now + self.load);
                }
                Refresh => {}
                _ => {
                    // Waits for the refresh under way, or for its own load.
                    blocked += 1;
                    loads += u32::from(refresh_ends.is_none());
                    written = refresh_ends.take().unwrap_or(now + self.load);
                    now = written;
                }
            }
        }
        Simulated {
            loads,
            blocked,
            by_ttl_alone: length / (self.ttl + self.load),
        }
    }
}

#[test]
fn under_steady_load_a_hot_key_never_blocks_and_costs_few_more_loads() {
    for (rate, ttl, load) in [
        (100.0, 60.0, 0.5),
        (500.0, 60.0, 0.2),
        (500.0, 10.0, 0.05),
        (20.0, 300.0, 1.0),
    ] {
        for seed in 1..=3 {
            let simulated = Simulation {
                rate,
                ttl,
                load,
                seed: seed * 0x9e37_79b9,
            }
            .run(30);
            assert_eq!(
                simulated.blocked, 0,
                "{rate}/s, ttl {ttl} s, load {load} s: {simulated:?}"
            );
            assert!(
                f64::from(simulated.loads) <= 1.2 * simulated.by_ttl_alone,
                "{rate}/s, ttl {ttl} s, load {load} s: {simulated:?}"
            );
        }
    }
}
