//! Without any one safeguard, the protocol fails: the shortest way. Where one covers for another, both are off.

use crate::configurations as with;
use crate::explore::explore;
use crate::larger;
use crate::protocol::Protocol;
use crate::safeguard::Safeguard;

fn fails(off: &[Safeguard], protocol: Protocol) {
    let explored = explore(&Protocol {
        off: off.to_vec(),
        ..protocol
    });
    let Some(violation) = explored.violation else {
        panic!(
            "nothing fails without {off:?} in {} states",
            explored.states
        );
    };
    println!("without {off:?}, {violation}");
}

macro_rules! without {
    ($($test:ident: [$($off:ident),+], $with:ident;)*) => { $(
        #[test]
        fn $test() {
            fails(&[$(Safeguard::$off),+], with::$with());
        }
    )* };
}

without! {
    order_of_pushes_and_replies: [Order], race;
    number_of_entries: [Number], race;
    number_as_of_the_lease: [NumberAtLease], race;
    birth_of_entries: [Birth], eviction;
    run_of_entries: [Run], snapshot;
    reign_of_entries: [Reign], failback;
    origin_as_of_the_lease: [OriginAtLease], snapshot;
    compare_and_set: [CompareAndSet], by_name;
    identity_that_a_refresh_replaces: [RefreshIdentity], refresh_by_name;
    retirement_in_an_outage: [Retire], own_outage;
    retirement_where_the_verdict_tells_nothing: [Retire, VerdictNumber], crowd;
    verdict: [Verdict], strict_by_name;
    own_get: [OwnGet], strict;
    own_get_beside_a_removal_by_name: [OwnGet], strict_by_name;
    no_reply_of_others: [HitsOfOthers], strict_by_name;
    asking_for_the_verdict_later: [AskedLater], strict_by_name;
    guard: [Guard], by_name;
    guard_where_memory_does_not_check_the_ledger: [Guard, FillChecksLedger], near;
    fence_at_a_switch: [Fence], near_outage_by_name;
    fence_at_flushall: [Fence], flushall_by_name;
    flush: [Flush], near_outage_by_name;
    switching_in_one_step: [OneStepSwitch], near_outage_by_name;
    shutting_keys: [Shut], own_timeouts;
    shutting_entries_with_a_tag: [Shut], tag_timeouts;
    local_pass_after_redis: [LocalPass], late_push;
    number_from_the_reply: [NumberFromReply], tag_timeouts;
    no_birth_from_a_reply: [ReplyBirth], two_births;
    no_cursor_from_a_reply: [PullCursor], pull_writes;
    reading_the_ledger_anew: [Reload], cuts;
    subscribing_before_reading: [SubscribeFirst], cuts;
    suspects: [Suspects], tag_outage;
    sparing_only_its_own_lease: [SpareOwnOnly], own_key;
    lifting_only_what_is_alone: [LiftOnlyAlone], own_prefix;
    lifting_by_what_redis_tells: [LiftSeesAll], own_prefix_folded;
    lifting_without_pushes: [LiftSeesAll], pull_own;
    folding_under_the_largest_number: [FoldLargest], folding;
    floor_where_patterns_are_pruned: [FloorAtPruning], pruning;
    removal_by_a_put_that_lost: [PutRemoves], puts;
    confirming_a_hand_over: [ConfirmedHandOver], hand_over;
    retiring_abandoned_flights: [AbandonedRetires], hand_over;
    number_of_a_replay: [ReplayNumber], tag_timeouts;
    repeating_recent_removals: [RepeatRecent], deposed;
    recent_removals_outlast_an_outage: [RecentOutlastsOutage], deposed;
}

/// Without these, the shortest way is in a larger configuration.
macro_rules! without_if_asked {
    ($($test:ident: [$($off:ident),+], $with:ident;)*) => { $(
        #[test]
        fn $test() {
            if larger::full() {
                fails(&[$(Safeguard::$off),+], larger::$with());
            }
        }
    )* };
}

without_if_asked! {
    larger_remembering_a_replay: [ReplayIsRecent], deposed_replay;
    larger_retired_flights_stay_so: [RetiredStays], hand_over_in_an_outage;
}
