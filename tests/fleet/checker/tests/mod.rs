//! Hand-written histories: what the checker must report, and what it must not.

mod away;
mod kept;
mod loads;
mod unheard;

use super::{OUTAGE_MAX_AGE, Rule, check};
use crate::catalogue::{Family, Target};
use crate::clock::{Nanos, nanos};
use crate::history::{
    Cause, Crash, Got, History, Load, Made, ProcessId, Read, Removal, Tier, Window,
};
use crate::names::Tenant;

const MS: Nanos = 1_000_000;

/// Some time after the clock's beginning.
const START: Nanos = 1_000_000 * MS;

const fn at(millis: Nanos) -> Nanos {
    START + millis * MS
}

fn read(family: Family, tier: Tier, (begin, end): (Nanos, Nanos), began: Nanos) -> Read {
    let got = Got {
        began: at(began),
        loader: None,
        version: 1,
        author: 1,
        tenant: Tenant::Outer,
    };
    Read {
        begin: at(begin),
        end: at(end),
        family,
        id: 1,
        tier,
        stale: false,
        got,
    }
}

fn removal(target: Target, (called, returned): (Nanos, Nanos), durable: bool) -> Removal {
    Removal {
        called: at(called),
        returned: at(returned),
        target,
        durable,
        dropped: false,
        made: Made::ByFunction,
    }
}

fn load(asked: Nanos, (begin, end): (Nanos, Nanos)) -> Load {
    Load {
        asked: at(asked),
        begin: at(begin),
        end: at(end),
        family: Family::Item,
        id: 1,
        missed: true,
    }
}

fn window(from: Nanos, to: Nanos) -> Window {
    Window {
        from: at(from),
        to: at(to),
    }
}

/// One read by process 1, and one removal.
fn history(read: Read, remover: ProcessId, removal: Removal) -> History {
    History {
        reads: vec![(1, read)],
        removals: vec![(remover, removal)],
        ..History::default()
    }
}

fn crash(process: ProcessId, millis: Nanos, heir: Option<ProcessId>) -> Crash {
    Crash {
        process,
        at: at(millis),
        heir,
    }
}

fn broken(history: &History) -> Vec<Rule> {
    check(history)
        .into_iter()
        .map(|violation| violation.rule)
        .collect()
}

const KEY: Target = Target::Key(Family::Exact, 1);
const ITEM: Target = Target::Key(Family::Item, 1);

#[test]
fn a_value_from_before_a_durable_removal_is_stale_after_it() {
    let stale = read(Family::Exact, Tier::Redis, (21, 22), 9);
    assert_eq!(
        broken(&history(stale, 2, removal(KEY, (10, 20), true))),
        [Rule::StaleAfterDurable]
    );
}

#[test]
fn reads_that_overlap_a_removal_may_go_either_way() {
    let overlapping = read(Family::Exact, Tier::Redis, (19, 30), 9);
    assert_eq!(
        broken(&history(overlapping, 2, removal(KEY, (10, 20), true))),
        []
    );
}

#[test]
fn a_load_that_began_after_the_call_is_fresh() {
    let fresh = read(Family::Exact, Tier::Redis, (21, 22), 11);
    assert_eq!(broken(&history(fresh, 2, removal(KEY, (10, 20), true))), []);
}

#[test]
fn a_queued_removal_binds_its_own_process_only() {
    let stale = read(Family::Exact, Tier::Redis, (21, 22), 9);
    assert_eq!(
        broken(&history(stale.clone(), 2, removal(KEY, (10, 20), false))),
        []
    );
    assert_eq!(
        broken(&history(stale, 1, removal(KEY, (10, 20), false))),
        [Rule::StaleInItsOwnProcess]
    );
}

#[test]
fn only_what_the_removal_names_is_bound() {
    let row = read(Family::Own, Tier::Redis, (21, 22), 9);
    assert_eq!(
        broken(&history(
            row.clone(),
            1,
            removal(Target::Row(1), (10, 20), true)
        )),
        []
    );
    assert_eq!(
        broken(&history(row, 1, removal(Target::All, (10, 20), true))),
        [Rule::StaleInItsOwnProcess]
    );
    let other_author = read(Family::Late, Tier::Redis, (21, 22), 9);
    assert_eq!(
        broken(&history(
            other_author.clone(),
            2,
            removal(Target::Author(0), (10, 20), true)
        )),
        []
    );
    assert_eq!(
        broken(&history(
            other_author,
            2,
            removal(Target::Author(1), (10, 20), true)
        )),
        [Rule::StaleAfterDurable]
    );
}

#[test]
fn memory_may_lag_by_a_push_and_no_longer() {
    let soon = read(Family::Item, Tier::Memory, (200, 200), 9);
    assert_eq!(broken(&history(soon, 2, removal(ITEM, (10, 20), true))), []);
    let late = read(Family::Item, Tier::Memory, (300, 300), 9);
    assert_eq!(
        broken(&history(late.clone(), 2, removal(ITEM, (10, 20), true))),
        [Rule::StaleAfterDurable]
    );
    let in_its_own_process = history(late, 1, removal(ITEM, (10, 20), true));
    assert_eq!(broken(&in_its_own_process), [Rule::StaleInItsOwnProcess]);
}

#[test]
fn the_push_delay_counts_only_while_nothing_is_wrong() {
    let late = read(Family::Item, Tier::Memory, (900, 900), 9);
    let mut history = history(late, 2, removal(ITEM, (10, 20), true));
    history.faults.push((Some(1), window(0, 700)));
    assert_eq!(broken(&history), [], "200 ms without a fault");
    history.faults[0] = (Some(1), window(0, 600));
    assert_eq!(
        broken(&history),
        [Rule::StaleAfterDurable],
        "300 ms without one"
    );
    history.faults[0] = (Some(2), window(0, 700));
    assert_eq!(
        broken(&history),
        [Rule::StaleAfterDurable],
        "another process's fault"
    );
    history.faults[0] = (None, window(0, 700));
    assert_eq!(broken(&history), [], "everybody's fault");
}

#[test]
fn an_outage_lets_memory_speak_for_its_age_and_no_longer() {
    let age = u64::try_from(OUTAGE_MAX_AGE.as_millis()).unwrap();
    for (lag, expected) in [
        (age - 100, vec![]),
        (age + 1_000, vec![Rule::StaleAfterDurable]),
    ] {
        let read = read(Family::Item, Tier::Memory, (20 + lag, 20 + lag), 9);
        let mut history = history(read, 2, removal(ITEM, (10, 20), true));
        history.faults.push((Some(1), window(0, 100_000)));
        assert_eq!(broken(&history), expected, "{lag} ms");
    }
}

#[test]
fn near_false_knows_no_delay_while_connected_and_redis_none_at_all() {
    for (tier, expected) in [
        (Tier::Shared, vec![]),
        (Tier::Redis, vec![Rule::StaleAfterDurable]),
    ] {
        let read = read(Family::Exact, tier, (50, 60), 9);
        let mut history = history(read, 2, removal(KEY, (10, 20), true));
        assert_eq!(
            broken(&history),
            [Rule::StaleAfterDurable],
            "connected, {tier:?}"
        );
        history.faults.push((Some(1), window(40, 70)));
        assert_eq!(
            broken(&history),
            [Rule::StaleAfterDurable],
            "slow, {tier:?}"
        );
        history.cut_off.push((1, window(40, 70)));
        assert_eq!(broken(&history), expected, "cut off, {tier:?}");
    }
}

#[test]
fn after_everything_has_healed_no_removal_is_lost() {
    let late = read(Family::Item, Tier::Memory, (5_000, 5_000), 9);
    let mut history = history(late, 2, removal(ITEM, (10, 20), false));
    history.healed = Some(at(4_000));
    assert_eq!(broken(&history), [Rule::LostRemoval]);
    history.crashed.push(crash(2, 100, None));
    assert_eq!(
        broken(&history),
        [],
        "what waited in a process that crashed went with it"
    );
    history.removals[0].1.durable = true;
    assert_eq!(
        broken(&history),
        [Rule::LostRemoval],
        "what was durable did not"
    );
}

#[test]
fn a_removal_that_somebody_brought_to_redis_late_counts_from_the_end_of_all_trouble() {
    for (after, expected) in [(200, vec![]), (300, vec![Rule::LostRemoval])] {
        let (healed, begin) = (4_000, 4_000 + after);
        let late = read(Family::Item, Tier::Memory, (begin, begin), 9);
        let mut history = history(late, 2, removal(ITEM, (10, 20), false));
        history.healed = Some(at(healed));
        assert_eq!(broken(&history), expected, "read {after} ms after that");
    }
}

#[test]
fn a_push_that_was_late_because_everything_was_is_no_lost_removal() {
    for (family, expected) in [
        (Family::Item, vec![]),
        (Family::Exact, vec![Rule::LostRemoval]),
    ] {
        let late = read(family, Tier::Memory, (500, 500), 9);
        let mut history = history(late, 2, removal(Target::All, (10, 20), true));
        history.healed = Some(at(450));
        history.faults.push((Some(1), window(200, 480)));
        assert_eq!(broken(&history), expected, "{family:?}");
    }
}

#[test]
fn a_queued_removal_binds_everybody_once_its_process_has_caught_up() {
    let stale = read(Family::Exact, Tier::Redis, (60, 61), 9);
    let mut history = history(stale, 2, removal(KEY, (10, 20), false));
    history.caught_up.push((2, window(19, 40)));
    assert_eq!(broken(&history), [], "looked at before it returned");
    history.caught_up.push((2, window(50, 70)));
    assert_eq!(broken(&history), [], "read before it was sure");
    history.caught_up.push((2, window(21, 59)));
    assert_eq!(broken(&history), [Rule::StaleAfterDurable]);
}

#[test]
fn a_removal_that_was_inherited_binds_the_heir_at_once_and_everybody_in_the_end() {
    let stale = read(Family::Exact, Tier::Redis, (60, 61), 9);
    let mut history = history(stale, 2, removal(KEY, (10, 20), false));
    history.caught_up.push((4, window(51, 52)));
    history.crashed = vec![crash(2, 30, None), crash(3, 40, Some(4))];
    assert_eq!(broken(&history), [], "no journal, no heir");
    history.crashed[0].heir = Some(3);
    assert_eq!(
        broken(&history),
        [Rule::StaleAfterDurable],
        "3 died before it caught up, 4 did"
    );
    history.caught_up.clear();
    assert_eq!(broken(&history), [], "4 is not so far yet");
    for heir in [3, 4] {
        history.reads[0].0 = heir;
        assert_eq!(broken(&history), [Rule::StaleInItsOwnProcess]);
    }
    history.reads[0].0 = 1;
    history.healed = Some(at(55));
    assert_eq!(broken(&history), [Rule::LostRemoval]);
    let next = history.carried_over(at(55), at(5));
    assert_eq!(next.removals.len(), 1, "the next round must know it");
}

#[test]
fn a_removal_during_the_last_look_is_no_lost_one() {
    let late = read(Family::Item, Tier::Redis, (5_000, 5_000), 4_100);
    let mut history = history(late, 2, removal(ITEM, (4_200, 4_900), false));
    history.healed = Some(at(4_000));
    assert_eq!(broken(&history), []);
}

#[test]
fn a_read_takes_its_time_only_while_its_process_runs() {
    let slow = read(Family::Item, Tier::Body, (0, 4_000), 10);
    let mut history = History {
        reads: vec![(1, slow)],
        ..History::default()
    };
    assert_eq!(broken(&history), [Rule::SlowRead]);
    history.stood.push((1, window(500, 2_500)));
    assert_eq!(broken(&history), []);
    history.stood.clear();
    history
        .undriven
        .push((1, Cause::Starved, window(500, 2_500)));
    assert_eq!(broken(&history), []);
    history.undriven[0].1 = Cause::Ended;
    assert_eq!(broken(&history), [Rule::SlowRead], "another runtime runs");
    history.undriven.clear();
    history.healed = Some(at(0) - 1);
    history.reads[0].1 = read(Family::Item, Tier::Body, (0, 2_500), 10);
    assert_eq!(broken(&history), [Rule::LockLeftBehind]);
}

#[test]
fn a_removal_of_a_function_takes_its_time_only_while_its_process_runs() {
    let mut history = History {
        removals: vec![(1, removal(ITEM, (0, 4_000), true))],
        ..History::default()
    };
    assert_eq!(broken(&history), [Rule::SlowRemoval]);
    history.stood.push((1, window(500, 2_500)));
    assert_eq!(broken(&history), []);
    history.stood.clear();
    history.removals[0].1.made = Made::ByHand;
    assert_eq!(broken(&history), [], "it counts what it has taken away");
}

#[test]
fn what_was_never_committed_is_seen_by_nobody() {
    let mut seen = read(Family::Item, Tier::Memory, (21, 22), 9);
    seen.got.version = crate::uncommitted::FIRST;
    let history = History {
        reads: vec![(1, seen)],
        ..History::default()
    };
    assert_eq!(broken(&history), [Rule::Uncommitted]);
}

#[test]
fn panics_are_told() {
    let history = History {
        panics: vec![(1, "at the disco".into())],
        ..History::default()
    };
    assert_eq!(broken(&history), [Rule::Panicked]);
}

#[test]
fn the_next_round_knows_what_this_one_removed() {
    let mut history = History {
        removals: vec![
            (1, removal(ITEM, (10, 20), false)),
            (2, removal(ITEM, (30, 40), false)),
            (3, removal(KEY, (1, 2), true)),
        ],
        ..History::default()
    };
    history.crashed.push(crash(2, 50, None));
    let next = history.carried_over(at(100), at(5));
    let [(1, removal)] = &next.removals[..] else {
        panic!("{:?}", next.removals)
    };
    assert!(
        removal.durable && removal.returned == at(100),
        "it binds everybody by now: {removal:?}"
    );
}

#[test]
fn the_next_round_knows_whose_connection_nobody_drives() {
    let history = History {
        undriven: vec![
            (1, Cause::Ended, window(40, 2_040)),
            (2, Cause::Ended, window(10, 90)),
        ],
        ..History::default()
    };
    let next = history.carried_over(at(100), at(5));
    let [(1, Cause::Ended, _)] = next.undriven[..] else {
        panic!("{:?}", next.undriven)
    };
}

#[test]
fn lengths_are_nanoseconds() {
    assert_eq!(nanos(std::time::Duration::from_millis(1)), MS);
}
