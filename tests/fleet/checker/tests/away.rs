//! Who has lost Redis finds back.

use super::{ITEM, broken, crash, load, read, removal, window};
use crate::catalogue::Family;
use crate::checker::Rule;
use crate::history::{History, Tier};

/// Process 1 was cut off for five seconds, and ran bodies one after the other.
fn away() -> History {
    History {
        cut_off: vec![(1, window(10_000, 15_000))],
        loads: (0..50)
            .map(|n| 10_000 + n * 100)
            .map(|begin| (1, load(begin, (begin, begin + 10))))
            .collect(),
        ..History::default()
    }
}

#[test]
fn an_outage_without_a_cause_ends() {
    assert_eq!(broken(&away()), [Rule::StayedAway]);
    let mut shorter = away();
    shorter.cut_off[0].1 = window(10_000, 12_900);
    assert_eq!(broken(&shorter), []);
}

#[test]
fn it_counts_from_the_last_cause_on() {
    let mut caused = away();
    caused.faults.push((Some(1), window(11_900, 12_100)));
    assert_eq!(broken(&caused), []);
    caused.faults[0].1 = window(11_000, 11_900);
    assert_eq!(broken(&caused), [Rule::StayedAway]);
}

#[test]
fn it_ends_with_its_process() {
    let mut killed = away();
    killed.crashed.push(crash(1, 12_500, None));
    assert_eq!(broken(&killed), []);
    killed.crashed[0] = crash(1, 13_500, None);
    assert_eq!(broken(&killed), [Rule::StayedAway]);
}

#[test]
fn who_uses_redis_is_not_away_and_who_asks_for_nothing_misses_nothing() {
    let mut used = away();
    let hit = read(Family::Item, Tier::Redis, (12_500, 12_501), 12_400);
    used.reads.push((1, hit));
    assert_eq!(broken(&used), []);

    let mut removed = away();
    removed
        .removals
        .push((1, removal(ITEM, (12_490, 12_500), true)));
    assert_eq!(broken(&removed), []);
    removed.removals[0].1.durable = false;
    assert_eq!(broken(&removed), [Rule::StayedAway]);

    let mut idle = away();
    idle.loads.truncate(4);
    assert_eq!(broken(&idle), []);
}
