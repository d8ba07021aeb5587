//! One load per key.

use super::{ITEM, KEY, broken, load, removal, window};
use crate::catalogue::{Family, Target};
use crate::checker::Rule;
use crate::history::History;
use crate::names::Tenant;

#[test]
fn two_loads_at_once_need_a_reason() {
    let twice = || History {
        loads: vec![
            (1, load(9_000, (9_001, 9_050))),
            (1, load(9_010, (9_011, 9_060))),
        ],
        ..History::default()
    };
    assert_eq!(broken(&twice()), [Rule::LoadedTwice]);

    let mut one_after_the_other = twice();
    one_after_the_other.loads[1].1 = load(9_010, (9_051, 9_060));
    assert_eq!(broken(&one_after_the_other), []);

    let mut in_two_processes = twice();
    in_two_processes.loads[1].0 = 2;
    assert_eq!(broken(&in_two_processes), []);

    let mut removed = twice();
    removed
        .removals
        .push((3, removal(ITEM, (9_005, 9_006), true)));
    assert_eq!(broken(&removed), []);
    removed.removals[0].1 = removal(KEY, (9_005, 9_006), true);
    assert_eq!(
        broken(&removed),
        [Rule::LoadedTwice],
        "another key's removal is no reason"
    );
    removed.unsettled.push(window(1_000, 1_010));
    assert_eq!(broken(&removed), [], "unless it notices a loss");

    let mut cut_off = twice();
    cut_off.faults.push((Some(1), window(9_000, 9_005)));
    assert_eq!(broken(&cut_off), []);

    let mut unsettled = twice();
    unsettled.unsettled.push(window(9_000, 9_005));
    assert_eq!(broken(&unsettled), []);

    let mut put = twice();
    put.loads[1].1.missed = false;
    assert_eq!(broken(&put), []);
}

#[test]
fn another_tenant_is_a_reason_only_where_it_loads_at_the_same_place() {
    let mut twice = History {
        loads: vec![
            (1, load(9_000, (9_001, 9_050))),
            (1, load(9_010, (9_011, 9_060))),
        ],
        ..History::default()
    };
    twice.tenants.insert(1, Tenant::Inner);
    twice
        .removals
        .push((2, removal(Target::All, (9_005, 9_006), true)));
    assert_eq!(broken(&twice), [Rule::LoadedTwice]);
    twice.loads.push((2, load(9_000, (9_001, 9_050))));
    for (_, load) in &mut twice.loads {
        load.family = Family::Hand;
    }
    assert_eq!(broken(&twice), [Rule::LoadedTwice], "another place");
    twice.loads[2].1.family = Family::Nested;
    assert_eq!(broken(&twice), []);
}
