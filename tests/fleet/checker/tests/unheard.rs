//! Memory may answer for two seconds while nobody drives its connection, and not longer.

use super::{ITEM, history, read, removal, window};
use crate::catalogue::Family;
use crate::checker::{Rule, check};
use crate::history::{Cause, History, Tier};

fn broken(history: &History) -> Vec<Rule> {
    let violations = check(history);
    violations
        .into_iter()
        .map(|violation| violation.rule)
        .collect()
}

/// Memory answers at that time with what another process removed at 20 ms.
fn stale_from_memory(millis: u64, cause: Cause, (from, to): (u64, u64)) -> History {
    let read = read(Family::Item, Tier::Memory, (millis, millis), 9);
    let mut history = history(read, 2, removal(ITEM, (10, 20), true));
    history.undriven.push((1, cause, window(from, to)));
    history
}

#[test]
fn memory_is_not_believed_for_longer_than_two_seconds() {
    for cause in [Cause::Frozen, Cause::Starved, Cause::Ended] {
        let history = stale_from_memory(4_000, cause, (0, 4_050));
        assert_eq!(broken(&history), [Rule::StaleAfterDurable]);
    }
}

#[test]
fn it_may_be_believed_for_two_seconds() {
    for cause in [Cause::Frozen, Cause::Starved, Cause::Ended] {
        let history = stale_from_memory(2_000, cause, (0, 2_050));
        assert_eq!(broken(&history), []);
    }
}

#[test]
fn a_second_runtime_that_ends_may_have_heard_something_before() {
    // The removal is made at 2.9 s, when both have ended.
    let stale_at = |millis| {
        let read = read(Family::Item, Tier::Memory, (millis, millis), 9);
        let mut history = history(read, 2, removal(ITEM, (2_890, 2_900), true));
        for ended in [1_000, 2_800] {
            let undriven = window(ended, ended + 2_000);
            history.undriven.push((1, Cause::Ended, undriven));
        }
        history
    };
    assert_eq!(broken(&stale_at(3_400)), [], "heard until 2.8 s");
    assert_eq!(broken(&stale_at(5_200)), [Rule::StaleAfterDurable]);
}

#[test]
fn nothing_is_excused_a_push_after_the_cause_has_ended() {
    let history = stale_from_memory(1_500, Cause::Frozen, (0, 700));
    assert_eq!(broken(&history), [Rule::StaleAfterDurable]);
}

#[test]
fn it_is_for_memory_of_the_process_itself_alone() {
    let mut others = stale_from_memory(1_500, Cause::Starved, (0, 1_550));
    others.undriven[0].0 = 2;
    assert_eq!(broken(&others), [Rule::StaleAfterDurable]);

    let mut its_own = stale_from_memory(1_500, Cause::Starved, (0, 1_550));
    its_own.removals[0].0 = 1;
    assert_eq!(broken(&its_own), [Rule::StaleInItsOwnProcess]);

    let mut shared = stale_from_memory(3_000, Cause::Starved, (0, 4_050));
    shared.reads[0].1.tier = Tier::Shared;
    assert_eq!(broken(&shared), [], "a push that is late");

    let mut from_redis = stale_from_memory(1_500, Cause::Starved, (0, 1_550));
    from_redis.reads[0].1 = read(Family::Exact, Tier::Redis, (1_500, 1_500), 9);
    from_redis.removals[0].1 = removal(super::KEY, (10, 20), true);
    assert_eq!(broken(&from_redis), [Rule::StaleAfterDurable]);
}
