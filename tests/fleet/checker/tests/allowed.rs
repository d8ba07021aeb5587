//! What is allowed until it is mended, and what is not even then.

use super::{ITEM, history, read, removal, window};
use crate::catalogue::Family;
use crate::checker::{Allowed, Rule, check};
use crate::history::{Cause, History, Tier};

/// Rules broken, and allowances needed; as the code is now, or when it is mended.
fn judged(history: &History, mended: bool) -> (Vec<Rule>, Vec<(Cause, u64)>) {
    let mut allowed = Allowed {
        memory_is_believed_unheard: !mended,
        ..Allowed::today()
    };
    let broken = check(history, &mut allowed);
    (
        broken.into_iter().map(|violation| violation.rule).collect(),
        allowed.needed.into_iter().collect(),
    )
}

/// Memory answers at that time with what another process removed at 20 ms.
fn stale_from_memory(millis: u64, cause: Cause, (from, to): (u64, u64)) -> History {
    let read = read(Family::Item, Tier::Memory, (millis, millis), 9);
    let mut history = history(read, 2, removal(ITEM, (10, 20), true));
    history.undriven.push((1, cause, window(from, to)));
    history
}

#[test]
fn memory_is_believed_while_nobody_drives_its_connection() {
    for cause in [Cause::Frozen, Cause::Starved, Cause::Ended] {
        let history = stale_from_memory(4_000, cause, (0, 4_050));
        assert_eq!(judged(&history, false), (vec![], vec![(cause, 1)]));
        assert_eq!(
            judged(&history, true),
            (vec![Rule::StaleAfterDurable], vec![]),
            "mended"
        );
    }
}

#[test]
fn it_may_be_believed_for_two_seconds_without_any_allowance() {
    let history = stale_from_memory(2_000, Cause::Frozen, (0, 2_050));
    for mended in [false, true] {
        assert_eq!(judged(&history, mended), (vec![], vec![]));
    }
}

#[test]
fn an_allowance_ends_a_push_after_its_cause() {
    let history = stale_from_memory(4_000, Cause::Frozen, (0, 3_700));
    assert_eq!(
        judged(&history, false),
        (vec![Rule::StaleAfterDurable], vec![])
    );
    let history = stale_from_memory(4_000, Cause::Frozen, (0, 3_800));
    assert_eq!(judged(&history, false), (vec![], vec![(Cause::Frozen, 1)]));
}

#[test]
fn who_knows_of_an_outage_answers_for_it() {
    let mut history = stale_from_memory(4_000, Cause::Starved, (0, 4_050));
    history.cut_off.push((1, window(4_010, 4_050)));
    assert_eq!(
        judged(&history, false),
        (vec![], vec![(Cause::Starved, 1)]),
        "a moment later"
    );
    history.cut_off[0].1 = window(1_000, 4_050);
    assert_eq!(
        judged(&history, false),
        (vec![Rule::StaleAfterDurable], vec![]),
        "memory was too old for an outage"
    );
}

#[test]
fn it_is_for_memory_of_the_process_itself_alone() {
    let mut others = stale_from_memory(4_000, Cause::Starved, (0, 4_050));
    others.undriven[0].0 = 2;
    assert_eq!(judged(&others, false).0, [Rule::StaleAfterDurable]);

    let mut its_own = stale_from_memory(4_000, Cause::Starved, (0, 4_050));
    its_own.removals[0].0 = 1;
    assert_eq!(judged(&its_own, false).0, [Rule::StaleInItsOwnProcess]);

    let mut shared = stale_from_memory(3_000, Cause::Starved, (0, 4_050));
    shared.reads[0].1.tier = Tier::Shared;
    assert_eq!(
        judged(&shared, false),
        (vec![], vec![]),
        "a push that is late"
    );

    let mut from_redis = stale_from_memory(4_000, Cause::Starved, (0, 4_050));
    from_redis.reads[0].1 = read(Family::Exact, Tier::Redis, (4_000, 4_000), 9);
    from_redis.removals[0].1 = removal(super::KEY, (10, 20), true);
    assert_eq!(judged(&from_redis, false).0, [Rule::StaleAfterDurable]);
}
