//! Tenants do not read one another's values, and what nobody removed is still there.

use super::{ITEM, at, broken, crash, load, read, removal, window};
use crate::catalogue::{Family, Target};
use crate::checker::Rule;
use crate::history::{History, Tier};
use crate::names::Tenant;

/// Process 1, of the inner tenant, got an item from Redis, and process 3, of the same, found nothing half a second later.
fn vanished() -> History {
    let mut history = History {
        reads: vec![(1, read(Family::Item, Tier::Redis, (9_000, 9_001), 8_990))],
        loads: vec![(3, load(9_500, (9_501, 9_510)))],
        ..History::default()
    };
    history.reads[0].1.got.tenant = Tenant::Inner;
    history
        .tenants
        .extend([(1, Tenant::Inner), (3, Tenant::Inner)]);
    history
}

#[test]
fn a_value_of_another_tenant_is_never_read() {
    let mut history = vanished();
    history.loads.clear();
    assert_eq!(broken(&history), []);
    history.reads[0].1.got.tenant = Tenant::Outer;
    assert_eq!(broken(&history), [Rule::AnothersValue]);
}

#[test]
fn what_another_tenant_removes_is_no_reason_to_vanish_and_binds_nobody() {
    let mut history = vanished();
    assert_eq!(broken(&history), [Rule::VanishedWithoutReason]);
    let theirs = removal(Target::All, (9_100, 9_110), true);
    history.removals.push((2, theirs));
    assert_eq!(broken(&history), [Rule::VanishedWithoutReason]);
    history.reads[0].1 = read(Family::Item, Tier::Redis, (9_400, 9_401), 8_990);
    history.reads[0].1.got.tenant = Tenant::Inner;
    assert_eq!(broken(&history), [Rule::VanishedWithoutReason], "not stale");
    history.removals[0].0 = 3;
    assert_eq!(broken(&history), [Rule::StaleAfterDurable], "its own");
}

#[test]
fn whatever_may_have_been_the_reason_is_one() {
    let mut removed = vanished();
    removed
        .removals
        .push((1, removal(ITEM, (9_100, 9_110), true)));
    assert_eq!(broken(&removed), []);
    removed.removals[0].1.target = Target::Key(Family::Exact, 1);
    assert_eq!(broken(&removed), [Rule::VanishedWithoutReason]);

    let mut waiting = vanished();
    waiting.removals.push((1, removal(ITEM, (100, 110), false)));
    assert_eq!(broken(&waiting), [], "it runs when it runs");

    let mut repeated = vanished();
    repeated
        .removals
        .push((1, removal(ITEM, (5_000, 5_010), true)));
    assert_eq!(broken(&repeated), [Rule::VanishedWithoutReason]);
    repeated.cut_off.push((1, window(6_000, 6_100)));
    assert_eq!(broken(&repeated), [], "once more, on a new connection");

    let mut unsettled = vanished();
    unsettled.unsettled.push(window(9_100, 9_200));
    assert_eq!(broken(&unsettled), []);
    unsettled.unsettled[0] = window(1_000, 1_010);
    assert_eq!(broken(&unsettled), [], "noticed only now");
    unsettled.unsettled[0] = window(9_800, 9_900);
    assert_eq!(broken(&unsettled), [Rule::VanishedWithoutReason]);

    let mut crashed = vanished();
    crashed.crashed.push(crash(1, 4_000, Some(5)));
    assert_eq!(broken(&crashed), []);

    let mut troubled = vanished();
    troubled.faults.push((Some(3), window(9_450, 9_460)));
    assert_eq!(broken(&troubled), []);
    troubled.faults[0].0 = Some(1);
    assert_eq!(broken(&troubled), [Rule::VanishedWithoutReason]);
}

#[test]
fn only_who_looked_and_missed_what_was_alive_tells_something() {
    let mut put = vanished();
    put.loads[0].1.missed = false;
    assert_eq!(broken(&put), []);

    let mut put_meanwhile = vanished();
    put_meanwhile.loads.push((1, load(9_200, (9_201, 9_210))));
    put_meanwhile.loads[1].1.missed = false;
    assert_eq!(broken(&put_meanwhile), []);

    let mut waited = vanished();
    waited.loads[0].1.asked = at(9_450);
    assert_eq!(broken(&waited), []);

    let mut ended = vanished();
    ended.reads[0].1.got.began = at(5_400);
    assert_eq!(broken(&ended), []);

    let mut waiting = vanished();
    waiting
        .removals
        .push((3, removal(Target::Group(7), (9_400, 9_401), false)));
    assert_eq!(broken(&waiting), [], "whose own removal waits may not read");
}

#[test]
fn who_loads_at_the_same_place_takes_it() {
    let mut taken = vanished();
    taken.reads[0].1.family = Family::Hand;
    taken.loads[0].1.family = Family::Hand;
    taken.loads.push((2, load(9_200, (9_201, 9_210))));
    taken.loads[1].1.family = Family::Hand;
    assert_eq!(broken(&taken), [Rule::VanishedWithoutReason]);
    taken.loads[1].1.family = Family::Nested;
    assert_eq!(broken(&taken), []);
}
