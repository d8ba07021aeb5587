//! The promises against a real Redis server.
//!
//! Which test shows what, for the behaviours that caches are usually found wanting in. What needs no server is shown by
//! unit tests; what only several processes under random faults show, by the fleet.
//!
//! | behaviour | test |
//! |---|---|
//! | a refreshed entry is still removable by its tags; a load finished in one process is what another reads | `p2_writes::a_refreshed_entry_is_new_for_all_and_still_has_its_tags` |
//! | what is loaded after a tag's removal is not affected by it; an unrelated removal first breaks nothing; 150 tagged keys, one removal | `p2_coherence::one_removal_takes_150_tagged_keys_and_leaves_none_behind` |
//! | a removal while Redis refuses: local copies go, and it is journalled | `p4_journal::a_removal_while_nobody_listens_is_replayed_before_redis_is_read` |
//! | writers everywhere in a total outage | `p4_journal::after_a_total_outage_with_writers_everywhere_nothing_older_than_the_last_removal_is_served` |
//! | a removal that waits, and its process crashes | `p4_crash::a_removal_that_waits_survives_the_crash_of_its_process` |
//! | ten clients, a thousand reads each, one load a key | `p3_one_load::ten_clients_with_1000_reads_each_load_every_key_once` |
//! | a cancelled holder releases its lease at once | `p3_one_load::the_lease_of_a_cancelled_holder_is_released_at_once`, `p8_cancel::a_leader_dropped_while_its_lease_is_being_planted_leaves_no_lease` |
//! | two processes in the refresh window, one refresh | `serving::two_processes_in_the_stale_window_refresh_once_and_both_read_the_new_value` |
//! | most callers of a load go away | `p3_one_load::a_load_completes_for_the_rest_when_most_callers_go_away` |
//! | a removal during a load, by key, prefix, glob, tag, everything | `p2_race::an_invalidation_during_a_load_of_the_same_process_wins`, `…_of_another_process_wins` |
//! | … during a refresh: the key is absent | `p2_writes::a_refresh_that_an_invalidation_overtakes_stores_nothing`, `serving::an_invalidation_during_a_refresh_wins_whoever_makes_it` |
//! | … while a copy is on its way to memory | `p2_race::a_copy_on_its_way_to_memory_does_not_arrive_when_its_key_is_removed_meanwhile`, `p2_race::a_copy_that_came_in_while_the_removal_ran_is_gone_when_it_returns` |
//! | `DEL` and `FLUSHALL` by an operator, stores and removals by others reach memory | `p2_coherence::a_del_typed_by_an_operator_reaches_memory`, `p2_coherence::whatever_another_process_does_to_a_key_reaches_memory` |
//! | eviction, of entries and of the index | `p2_coherence::a_server_that_evicts_everything_gives_misses_and_no_stale_value`, `p2_coherence::an_index_evicted_during_a_load_still_stops_the_store` |
//! | keys that expire leave index and memory | `p7_bounded::keys_that_expire_leave_the_index_however_many_tags_they_had`; memory: a unit test of it, `expired_copies_are_not_served_and_are_swept_by_later_fills` |
//! | a snapshot does not bring back what was removed | `p2_coherence::a_snapshot_does_not_bring_back_what_was_removed` |
//! | nor does a replica that was promoted | `topologies::what_a_promoted_replica_never_heard_of_is_removed_there_too` |
//! | the index alone is lost, then a removal | `p2_coherence::removals_find_what_a_lost_index_does_not` |
//! | overlapping puts | `p2_writes::of_overlapping_puts_the_earlier_commit_never_stays` |
//! | a read that removes its own key | `p2_coherence::a_read_that_removes_its_own_key_stores_it_all_the_same` |
//! | a tag of the result, removed during the load | `p2_race::a_tag_of_the_result_that_is_removed_during_the_load_stops_the_store` |
//! | thousands of ids that do not exist | `p7_bounded::thousands_of_lookups_that_find_nothing_leave_nothing_behind` |
//! | the bounds of flights and of background work | `p7_bounded::more_keys_than_may_load_at_once_are_loaded_without_the_cache`, `p7_bounded::more_stores_than_may_be_under_way_at_once_are_dropped_and_counted` |
//! | past its lifetime: served while one refresh runs, stands in for a body that fails or is slow, gone after its window; a time-out in time; the late result is the next read's | `serving` in `tests/behavior`, with time turned by hand |
//! | … the same over Redis, from another process | `serving::a_value_stands_in_for_a_body_that_fails_unless_it_was_removed` |
//! | Redis slow, or dead between the read and the store | `p1_outage::a_slow_server_costs_no_call_more_than_its_budget`, `p1_outage::a_server_that_dies_between_read_and_store_costs_nothing_but_the_store` |
//! | a prefix of 50,000 keys among as many others: one call, everybody bound, memory of the others stays, an exact count | `large_prefix` |
//! | removals of tags that nobody has, and tags that only the result tells | `open_tags` |
//! | a master that was demoted and keeps its connections | `demoted` |
//! | names with spaces, colons, backslashes, `%`, letters beyond ASCII | `names` |
//! | namespaces that are nested, and one name for both | `nested_namespaces` |
//! | Redis pushes nothing: no subscription, no channel, no tracking | `without_pushes` |
//! | what a server lacks or does not allow is told once, and nothing removed is served | `lacking` |
//! | a removal that waits shuts only what it covers; a caller who vanishes | `journal_in_use` |
//! | a pause of the server under removals at a fixed rate, at some milliseconds of distance | `open_loop` |
//! | a refresh that takes longer than the entry lives; `DEL` meanwhile | `long_refresh` |
//! | somebody else's key at the ledger's or the catalogue's name | `foreign_names` |
//! | a tag that an entry has had, and one that it has now; `RENAME`; the format before this one | `what_entries_carry` |
//! | the ledger is lost: everything of before is cold | `ledger_lost` |
//! | a read that removes its own prefix, and others who remove meanwhile | `own_prefix` |
//! | more removals than the ledger may hold; removals that are old | `ledger_bound` |
//! | ledger and catalogue end when nobody uses them | `lifetimes` |
//! | several attributes on one function, and no Redis | `serving::attributes_on_attributes_give_the_functions_value_without_redis` |
//! | keys on several masters; a master that dies, freezes or is replaced; slots that move | `cluster` |
//! | sentinels and masters with TLS, client certificates and passwords, and a failover; what is said when one is missing | `sentinel_tls` |
//! | clusters with TLS, passwords, users, announced host names | `cluster_access` |
//! | credentials that change while calls run; providers that fail, hang and panic | `credentials` |
//! | what cache-aside by hand gets wrong, beside the same with the attribute | `usual_pattern` |
//! | a cache that is switched off: bodies run, nothing is stored, removals reach the others | `switched_off` |
//! | functions that are not `async`: no call waits for Redis, and every removal reaches what they keep | `sync_functions` |
//! | permissions change at run time | `topologies::permissions_that_are_taken_away_and_given_back_are_noticed_and_every_call_is_answered` |

// Fires inside what the attribute makes of a write that returns nothing.
#![allow(clippy::semicolon_if_nothing_returned)]

mod app;
mod basics;
mod by_hand;
mod cache_wide;
mod cluster;
mod cluster_access;
mod cluster_faults;
mod connection_test;
mod credentials;
mod demoted;
mod events;
mod failover;
mod far_server;
mod foreign_names;
mod journal_in_use;
mod lacking;
mod large_prefix;
mod leaders;
mod ledger_bound;
mod ledger_lost;
mod lifetimes;
mod long_refresh;
mod metrics;
mod names;
mod nested_namespaces;
mod open_loop;
mod open_tags;
mod outside;
mod own_prefix;
mod p1_outage;
mod p2_coherence;
mod p2_race;
mod p2_writes;
mod p3_one_load;
mod p4_crash;
mod p4_journal;
mod p4_outbox;
mod p6_typed;
mod p7_bounded;
mod p8_cancel;
mod refresh;
mod said;
mod sentinel_tls;
mod serving;
mod switched_off;
mod sync_functions;
mod topologies;
mod unheard;
mod usual_pattern;
mod what_entries_carry;
mod without_pushes;
