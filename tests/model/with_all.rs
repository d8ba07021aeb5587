//! With every safeguard on: each configuration to its last state.

use std::time::Instant;

use crate::configurations as with;
use crate::explore::explore;
use crate::larger;
use crate::protocol::Protocol;

/// No state breaks a property, and what the configuration is about did happen: a step that is never taken checks nothing.
fn holds(name: &str, protocol: &Protocol, about: &[&str]) {
    let began = Instant::now();
    let explored = explore(protocol);
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
        assert!(
            explored.taken.contains(step),
            "{name} never took the step `{step}`: {:?}",
            explored.taken
        );
    }
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
    readers_race_a_removal: race, ["the lease expires", "the entry expires", "the verdict: stored", "a lease is given up"];
    a_push_comes_after_the_reply: late_push, ["a push: the ledger", "a removal returns, durable"];
    readers_race_a_removal_by_name: by_name, ["a push: the key changed", "a store finds its lease gone"];
    a_crowd_races_a_removal: crowd, ["a read joins a flight", "a read finds a copy in memory"];
    strict_readers_race_a_removal: strict, ["a read joins a flight after its own GET", "the verdict: not stored"];
    strict_readers_race_a_removal_by_name: strict_by_name, ["a read leads a flight after its own GET", "planting finds another's"];
    memory_races_a_push: near, ["memory takes what was found", "the push reaches memory and flights"];
    a_refresh_races_a_removal: refresh, ["a refresh reads", "the entry ends while a refresh runs", "a refresh runs; asks again", "the lock expires"];
    a_refresh_races_a_removal_by_name: refresh_by_name, ["a refresh takes the lock", "a store finds its lease gone"];
    removals_time_out: own_timeouts, ["a removal runs, but that is not known", "a waiting removal is replayed", "a store arrives late", "a store runs, but that is not known"];
    removals_by_tag_time_out: tag_timeouts, ["a removal goes to the journal", "a removal runs, but that is not known", "a replayed removal leaves the journal"];
    removals_time_out_and_the_ledger_is_evicted: tag_timeouts_and_eviction, ["the ledger is evicted", "a waiting removal is replayed"];
    an_outage_in_the_writers_process: own_outage, ["a removal returns, queued", "a load without a lease ends", "switches back to Redis"];
    a_snapshot_brings_back_what_was_removed: snapshot, ["restarts from its snapshot", "saves a snapshot"];
    an_outage_for_strict_readers: strict_outage, ["the ledger is read", "notices that Redis is gone"];
    a_cut_connection: cuts, ["loses its connection", "connects and subscribes"];
    a_cut_connection_for_near_readers: near_outage, ["loses its connection", "a read finds a copy in memory"];
    a_cut_connection_and_a_removal_by_name: near_outage_by_name, ["a waiting removal is replayed"];
    two_puts_at_once: puts, ["a put writes", "a lease is planted, but that is not known"];
    a_call_that_invalidates_its_own_prefix: own_prefix, ["a call writes", "the verdict: stored"];
    its_prefix_is_folded_meanwhile: own_prefix_folded, ["patterns are folded", "a call writes"];
    a_call_that_invalidates_its_own_tag: own_tag, ["an old pattern is pruned", "a lease is given up"];
    a_call_that_invalidates_its_own_key: own_key, ["a call writes", "the lease expires"];
    a_leader_vanishes: hand_over, ["a leader vanishes, a waiter takes over", "a planting arrives late"];
    a_tag_that_only_the_result_tells: tags, ["the reply is an entry that the removed tag does not name", "DEL by hand"];
    an_entry_without_the_tag_survives: survival, ["the reply is an entry that the removed tag does not name"];
    a_removal_by_tag_in_an_outage: tag_outage, ["a load without a lease ends", "a removal returns, queued"];
    a_refresh_that_brings_a_tag: refreshed_tags, ["a refresh reads", "a store runs"];
    patterns_are_folded: folding, ["patterns are folded", "the ledger is read"];
    patterns_are_pruned: pruning, ["an old pattern is pruned", "the ledger is read"];
    a_ledger_is_evicted: eviction, ["the ledger is evicted"];
    two_processes_give_birth: two_births, ["the ledger is evicted"];
    everything_changes_at_once: flushall, ["FLUSHALL", "a push: everything changed"];
    everything_changes_beside_a_removal_by_name: flushall_by_name, ["a push: everything changed", "memory takes what was found"];
    a_process_without_pushes_reads: pull, ["the news of the ledger", "the ledger is evicted"];
    a_process_without_pushes_and_a_removal_by_name: pull_by_name, ["the news of the ledger"];
    a_process_without_pushes_writes: pull_writes, ["the news of the ledger", "a removal returns, durable"];
    a_process_without_pushes_invalidates_its_own_prefix: pull_own, ["a call writes"];
    the_first_server_reigns_again: failback, ["a lagging replica is promoted", "replicates"];
    a_deposed_master_acknowledges: deposed, ["the master of before is gone", "forgets the removals of the last seconds"];
}

/// Explored only where `MODEL_DEPTH=full` asks for it: minutes, and some GiB.
macro_rules! with_all_if_asked {
    ($($test:ident: $with:ident;)*) => { $(
        #[test]
        fn $test() {
            if larger::full() {
                holds(stringify!($with), &larger::$with(), &[]);
            }
        }
    )* };
}

with_all_if_asked! {
    larger_two_writes: two_writes;
    larger_three_processes: three_processes;
    larger_refresh: large_refresh;
    larger_refresh_and_eviction: refresh_and_eviction;
    larger_own_outage: large_own_outage;
    larger_tag_outage: large_tag_outage;
    larger_strict_outage: large_strict_outage;
    larger_strict_outage_and_timeouts: strict_outage_and_timeouts;
    larger_cuts_and_evictions: cuts_and_evictions;
    larger_near_outage: large_near_outage;
    larger_put_and_removal: put_and_removal;
    larger_puts_in_an_outage: puts_in_an_outage;
    larger_own_prefix: large_own_prefix;
    larger_own_prefix_in_an_outage: own_prefix_in_an_outage;
    larger_survival: large_survival;
    larger_folding_and_pruning: folding_and_pruning;
    larger_hand_over_in_an_outage: hand_over_in_an_outage;
    larger_eviction: large_eviction;
    larger_two_births: large_two_births;
    larger_pull: large_pull;
    larger_pull_in_an_outage: pull_in_an_outage;
    larger_promotion: large_promotion;
    larger_deposed_replay: deposed_replay;
}
