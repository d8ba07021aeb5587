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
    readers_of_two_buckets_race_a_removal: plain, ["a removal returns: durable", "a push: a removal"];
    reads_in_the_process_that_removes: own_reads, ["a removal returns: durable"];
    loads_race_a_removal: loads, ["a load reads", "a store runs", "planting finds another's"];
    a_reader_beside_two_removals: two_removals, ["a store runs"];
    a_link_is_cut: cut, ["loses a link", "a removal waits for a link to the bucket", "a removal returns: queued", "a replay is acknowledged"];
    a_script_times_out: timeout, ["a removal times out in a bucket, and waits", "a removal returns: queued", "a replay is acknowledged"];
    a_slot_moves: migration, ["the ledger moves", "an entry moves", "the slot has moved", "GET is redirected", "a store is redirected", "a removal is refused (MOVED, ASK), and waits"];
    a_slot_moves_and_the_process_that_removes_reads: migration_and_own_reads, ["the slot has moved", "a replay is acknowledged"];
    a_slot_moves_beside_a_removal_by_name: migration_by_name, ["the slot has moved", "a key is unlinked"];
    a_slot_moves_and_a_message_is_late: migration_late, ["the slot has moved", "a message arrives late over the bus"];
    a_slot_moves_and_its_ledger_is_evicted: migration_and_eviction, ["the slot has moved", "a ledger is evicted"];
    a_memory_tier_while_a_slot_moves: migration_near, ["the slot has moved", "a read finds a copy in memory"];
    a_lagging_replica_is_promoted: failover, ["a lagging replica is promoted", "a deposed master becomes a replica", "a replay is acknowledged"];
    a_lagging_replica_is_promoted_beside_a_removal_by_name: failover_by_name, ["a lagging replica is promoted", "a key is unlinked"];
    a_master_is_killed: kill, ["a master is killed, and its lagging replica is promoted", "a store runs"];
    a_master_is_killed_beside_a_removal_by_name: kill_by_name, ["a key is unlinked", "a bucket is replicated"];
    a_master_hands_over: demotion, ["a master hands over to its replica", "a heartbeat finds the bucket elsewhere"];
    a_ledger_is_evicted: eviction, ["a ledger is evicted", "a message of another birth ends the link"];
    a_ledger_is_evicted_and_an_old_message_is_late: eviction_and_a_late_message, ["a message arrives late over the bus", "a message of another birth ends the link"];
    a_call_that_removes_its_own_prefix: own_prefix, ["a call stores under the number of its own removal", "a call finds its own lease gone"];
    a_call_that_removes_its_own_prefix_alone: own_prefix_alone, ["a call stores under the number of its own removal"];
    a_call_that_removes_its_own_prefix_while_the_slot_moves: own_prefix_and_migration, ["the slot has moved", "a store is redirected"];
    a_slot_returns_beside_a_kill: return_beside_a_kill_repaired, ["the slot has moved", "a master is killed, and its lagging replica is promoted"];
    memory_tiers: near, ["a read finds a copy in memory", "a push: the key changed"];
    a_memory_tier_that_does_not_hear_for_a_while: silence, ["a load without Redis ends", "a link is heard again", "a key is unlinked"];
    memory_tiers_and_a_link_that_is_cut: near_and_a_cut, ["a read finds a copy in memory", "loses a link"];
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
    larger_a_slot_moves_away_and_back: there_and_back;
    larger_a_master_is_killed_between_two_removals: kill_and_two_removals;
    larger_two_processes_read_while_a_slot_moves: larger_migration;
    larger_removals_out_of_order: larger_removals;
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
    without_the_answers_of_all_buckets: [AckAfterAll], plain;
    without_refusing_ask: [FollowNothing], migration;
    without_leaving_on_moved: [LeaveOnMoved], there_and_back;
    without_leaving_before_the_return: [LeaveBeforeReturn], there_and_back;
    without_pushes_for_what_moved: [DeletionPushes], migration_near;
    without_order: [Order], plain;
    without_subscribing_first: [SubscribeFirst], cut;
    without_flush: [Flush], near_and_a_cut;
    without_refusing_what_was_loaded_unheard: [NoFillUnheard], silence;
    without_the_run_in_the_origin: [RunInOrigin], kill_by_name;
    without_the_birth_in_the_origin: [BirthInOrigin], eviction;
    without_one_birth: [OneBirth], eviction_and_a_late_message;
    without_shutting: [Shut], timeout;
    without_the_local_pass: [LocalPass], near;
    without_repeating: [RepeatRecent], failover;
    without_the_number_as_of_the_lease: [NumberAtLease], loads;
    without_lifting_alone: [LiftOnlyAlone], own_prefix;
}

/// A gap, shown by `without_leaving_before_the_return`: with a key that marks the bucket, nothing is to be supposed.
#[test]
fn a_mark_tells_that_a_slot_has_moved() {
    let mut cluster = with::there_and_back();
    (cluster.marked, cluster.off) = (true, vec![Safeguard::LeaveBeforeReturn]);
    if full() {
        let told = "a push: the bucket has moved";
        holds("there_and_back, with a mark", &cluster, &[told]);
    }
}

/// If a ledger belonged to no run: what is lost on the way there and back is used again.
#[test]
fn without_ledgers_that_belong_to_one_run_an_origin_comes_back() {
    fails(&[], with::return_beside_a_kill());
}

/// If a ledger belonged to no run: the number of a lost removal is taken for one of this ledger. Messages that name the run
/// would help; in the code the ledger of another run has another birth, which a message names.
#[test]
fn a_lost_number_comes_late() {
    let mut cluster = with::lost_number();
    fails(&[], cluster.clone());
    cluster.run_in_messages = true;
    let ignored = "a message of another run is ignored";
    holds("lost_number, with runs in messages", &cluster, &[ignored]);
}
