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
    readers_race_a_removal: race, ["a removal's first local pass", "the lease expires", "the entry expires"];
    a_crowd_races_a_removal: crowd, ["a read joins a flight", "the reply is a lease; asks again", "the verdict: stored"];
    a_refresh_races_a_removal: refresh, ["a refresh begins", "a push: the key changed"];
    strict_readers_race_a_removal: strict, ["a read's own GET finds an entry", "the verdict: not stored", "a store finds its lease gone"];
    an_outage_in_the_writers_process: own_outage, ["a removal runs, but that is not known", "connects, and replays what waits", "a store runs, but that is not known"];
    a_snapshot_brings_back_what_was_removed: snapshot, ["restarts from its snapshot", "a removal returns, queued"];
    an_outage_for_strict_readers: strict_outage, ["a load without a lease ends", "switches back to Redis"];
    an_outage_for_near_readers: near_outage, ["loses its connection", "a load without a lease ends"];
    two_puts_at_once: puts, ["a put writes", "a lease is planted, but that is not known", "a removal goes to the journal"];
    a_call_that_invalidates_its_own_prefix: own_prefix, ["a call removes its own prefix, and spares its lease"];
    a_leader_vanishes: hand_over, ["a leader vanishes, a waiter takes over", "a planting arrives whose sender is gone"];
    tags_that_only_the_result_tells: tags, ["a rebuild scans", "a rebuild finds the index lost again", "a removal walks the open tags"];
    a_refresh_that_brings_a_tag: refreshed_tags, ["a refresh begins", "a rebuild ends", "a store runs"];
    a_glob_walks_the_index: glob, ["a removal takes what the page named", "a rebuild ends"];
    everything_changes_at_once: flushall, ["a push: everything changed", "a read finds a copy in memory"];
    a_lagging_replica_is_promoted: promotion, ["a store runs on a server that was superseded", "is cut off; its replica is promoted"];
    the_first_server_reigns_again: failback, ["forgets the removals of the last seconds", "connects, and replays what waits"];
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
    larger_race: large_race;
    larger_refresh: large_refresh;
    larger_three_processes: three_processes;
    larger_two_writes: two_writes;
    larger_two_writers: two_writers;
    larger_outage_in_the_writers_process: large_own_outage;
    larger_outage_for_strict_readers: large_strict_outage;
    larger_outage_for_near_readers: large_near_outage;
    larger_outage_for_both: outage_for_both;
    larger_puts_and_reads: puts_and_reads;
    larger_puts_in_an_outage: puts_in_an_outage;
    larger_hand_over_in_an_outage: hand_over_in_an_outage;
    larger_tags: large_tags;
    larger_failback: large_failback;
}
