//! Each configuration with every safeguard on; and without any one safeguard, the shortest way to a stale read.

use std::time::Instant;

use super::configurations as with;
use super::protocol::Cluster;
use super::safeguard::Safeguard;
use crate::explore::explore;
use crate::larger::full;

/// No state breaks a property, and what the configuration is about did happen.
fn holds(name: &str, cluster: &Cluster, about: &[&str]) {
    let began = Instant::now();
    let explored = explore(cluster);
    println!(
        "{name}: {} states, depth {}, {:.1?}",
        explored.states,
        explored.depth,
        began.elapsed()
    );
    if let Some(violation) = explored.violation {
        panic!("{name}: {violation}");
    }
    for step in about {
        let taken = &explored.taken;
        assert!(
            taken.contains(step),
            "{name} never took `{step}`: {taken:?}"
        );
    }
}

fn fails(off: &[Safeguard], cluster: Cluster) {
    let explored = explore(&Cluster {
        off: off.to_vec(),
        ..cluster
    });
    let Some(violation) = explored.violation else {
        panic!(
            "nothing fails without {off:?} in {} states",
            explored.states
        );
    };
    println!("without {off:?}, {violation}");
}

macro_rules! with_all {
    ($($test:ident: $with:ident, [$($about:literal),*];)*) => { $(
        #[test]
        fn $test() {
            holds(stringify!($with), &with::$with(), &[$($about),*]);
        }
    )* };
}

with_all! {
    readers_of_two_buckets_race_a_removal: plain, ["a removal is published", "a push: a removal"];
    loads_race_a_removal: loads, ["a load reads", "a store runs", "planting finds another's"];
    publications_come_in_either_order: two_removals, ["a removal is published", "a store runs"];
    publications_come_in_either_order_and_a_connection_is_cut: two_removals_and_a_cut, ["loses a connection", "a store runs"];
    a_cut_connection: cut, ["loses a connection", "the subscription is confirmed", "the ledger is read"];
    a_bucket_moves_and_back: migration, ["a bucket moves", "a push: unsubscribed", "a reply: moved", "a subscription is redirected", "a removal is redirected, and published at the owner", "a store is redirected"];
    a_bucket_moves_beside_a_removal_by_name: migration_by_name, ["a bucket moves", "a key is unlinked"];
    a_replica_of_a_bucket_is_promoted: failover, ["a lagging replica of a bucket is promoted", "a deposed master becomes a replica", "a reply: moved", "a bucket is replicated"];
    a_replica_of_a_bucket_is_promoted_beside_a_removal_by_name: failover_by_name, ["a lagging replica of a bucket is promoted", "a key is unlinked"];
    a_replica_of_the_ledger_is_promoted: ledger_failover, ["a lagging replica of the ledger is promoted", "the ledger's master of before is gone", "notices that the ledger has a new master"];
    the_ledgers_master_ends_between_two_removals: ledger_crash_and_two_removals, ["a lagging replica of the ledger is promoted", "a store runs"];
    a_replica_of_the_ledger_is_promoted_and_a_connection_is_cut: ledger_failover_and_a_cut, ["loses a connection", "the ledger is replicated"];
    a_ledger_is_evicted: eviction, ["the ledger is evicted", "the ledger is read"];
    an_evicted_ledger_in_two_processes: eviction_for_two, ["the ledger is evicted", "a store runs"];
    a_ledger_is_evicted_and_a_push_is_late: eviction_and_a_late_push, ["the ledger is evicted", "a push: a removal"];
    a_removal_times_out: timeout, ["a removal times out, and is queued", "a removal returns"];
    a_call_that_removes_its_own_prefix: own_prefix, ["a call stores under the number of its own removal", "a call finds its own lease gone"];
    a_call_that_removes_its_own_prefix_alone: own_prefix_alone, ["a call stores under the number of its own removal"];
    memory_tiers: near, ["a read finds a copy in memory", "a push: the key changed"];
    memory_tiers_and_a_cut_connection: near_and_a_cut, ["a read finds a copy in memory", "loses a connection"];
    memory_tiers_and_a_bucket_that_moves: near_and_migration, ["a read finds a copy in memory", "a push: unsubscribed"];
}

/// Explored only where `MODEL_DEPTH=full` asks for it.
macro_rules! with_all_if_asked {
    ($($test:ident: $with:ident;)*) => { $(
        #[test]
        fn $test() {
            if full() {
                holds(stringify!($with), &with::$with(), &[]);
            }
        }
    )* };
}

with_all_if_asked! {
    larger_publications_to_two_buckets: two_removals_in_two_buckets;
    larger_migration_and_an_evicted_ledger: migration_and_eviction;
    larger_own_prefix_and_an_evicted_ledger: own_prefix_and_eviction;
}

/// A call that removes its own prefix keeps its lease, though others hear of the removal before it stores.
#[test]
fn an_own_lease_is_stamped_before_the_bucket_hears() {
    let lost = "a call finds its own lease gone";
    let mut cluster = with::own_prefix_alone();
    assert!(!explore(&cluster).taken.contains(lost));
    cluster.off = vec![Safeguard::Stamp];
    assert!(explore(&cluster).taken.contains(lost));
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
    without_acknowledging_last: [AckAfterPublish], plain;
    without_publishing_at_the_new_owner: [FollowMoved], migration;
    without_proof_that_the_node_is_the_owner: [ProveOwner], failover;
    without_one_connection: [OneConnection], plain;
    without_subscribing_first: [SubscribeFirst], cut;
    without_reading_the_ledger_first: [LedgerFirst], cut;
    without_closing_on_unsubscribe: [CloseOnUnsubscribe], migration;
    without_closing_on_moved: [CloseOnMoved], failover;
    without_closing_at_all_when_a_bucket_moves: [CloseOnMoved, CloseOnUnsubscribe], migration;
    without_the_node_in_the_origin: [NodeInOrigin], failover_by_name;
    without_the_birth_in_the_era: [BirthInEra], eviction;
    without_the_ledgers_reign_in_the_era: [LedgerReignInEra], ledger_crash_and_two_removals;
    without_eras_from_reads: [EraFromReads], eviction_and_a_late_push;
    without_a_read_after_the_push: [ReadAfterPush], eviction_for_two;
    without_the_order_of_reigns: [ReignOrder], ledger_failover;
    without_merging: [Merge], cut;
    without_reading_the_whole_ledger: [WholeRead], two_removals_and_a_cut;
    without_reading_at_a_new_master_of_the_ledger: [ReadOnNewLedger], ledger_failover_and_a_cut;
    without_the_number_as_of_the_lease: [NumberAtLease], loads;
    without_the_origin_as_of_the_lease: [OriginAtLease], eviction;
    without_the_local_pass: [LocalPass], near;
    without_flush: [Flush], near_and_a_cut;
    without_shutting: [Shut], timeout;
    without_repeating_for_a_deposed_bucket: [RepeatRecent], failover;
    without_repeating_for_a_deposed_ledger: [RepeatRecent], ledger_failover;
    without_lifting_alone: [LiftOnlyAlone], own_prefix;
}
