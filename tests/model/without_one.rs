//! Without any one safeguard, the protocol fails: the shortest way.

use crate::configurations as with;
use crate::explore::explore;
use crate::protocol::Protocol;
use crate::safeguard::Safeguard;

fn fails(off: Safeguard, protocol: Protocol) {
    let explored = explore(&Protocol {
        off: Some(off),
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
    ($($test:ident: $off:ident, $with:ident;)*) => { $(
        #[test]
        fn $test() {
            fails(Safeguard::$off, with::$with());
        }
    )* };
}

without! {
    compare_and_set: CompareAndSet, race;
    retirement: Retire, crowd;
    verdict: Verdict, strict;
    own_get: OwnGet, strict;
    guard: Guard, race;
    fence_at_a_switch: Fence, near_outage;
    fence_at_flushall: Fence, flushall;
    flush: Flush, near_outage;
    shutting_redis: Shut, own_outage;
    local_pass_after_redis: LocalPass, race;
    run_of_entries: EntryRun, snapshot;
    run_of_leases: LeaseRun, snapshot;
    repeating_recent_removals: RepeatRecent, failback;
    sparing_only_its_own_lease: SpareOwnOnly, own_prefix;
    indexing_open_tags: OpenTags, tags;
    removing_orphan_leases: OrphanLeases, tags;
    removal_by_a_put_that_lost: PutRemoves, puts;
    confirming_a_hand_over: ConfirmedHandOver, hand_over;
    retiring_abandoned_flights: AbandonedRetires, crowd;
    switching_in_one_step: OneStepSwitch, near_outage;
    asking_for_the_verdict_later: VerdictAskedLater, strict;
    verdict_on_a_current_connection: VerdictOnCurrent, promotion;
    open_tags_before_known_ones: OpenTagsFirst, tags;
    indexing_a_refresh: RefreshIndexed, refreshed_tags;
    marker_at_each_page: MarkerEachPage, glob;
    remembering_a_replay: ReplayIsRecent, failback;
    recent_removals_outlast_an_outage: RecentOutlastsOutage, failback;
}
