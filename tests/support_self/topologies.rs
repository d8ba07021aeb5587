//! Sentinels and clusters.

use cache_tests::{RedisCluster, SentinelSet, wait_until};

use crate::SOON;

#[test]
fn sentinels_promote_the_replica_on_demand_and_on_death() {
    let set = SentinelSet::start(3);
    assert_eq!(set.sentinel_urls().len(), 3);
    let first = set.master().port();
    set.master().cli(&["SET", "k", "v"]);
    wait_until(SOON, "the replica to have the key", || {
        (set.replica().keys() == ["k"]).then_some(())
    });

    let second = set.failover().port();
    assert_ne!(second, first);
    assert_eq!(set.replica().port(), first);
    assert_eq!(set.await_replica().port(), first);

    let third = set.kill_master().port();
    assert_eq!(third, first);
    assert_eq!(set.master().cli(&["GET", "k"]).str(), "v");

    set.servers()
        .iter()
        .find(|server| !server.is_running())
        .unwrap()
        .restart();
    assert_eq!(set.await_replica().port(), second);
    assert_eq!(set.await_replica().keys(), ["k"]);
}

#[test]
fn one_sentinel_is_enough_for_a_failover() {
    let set = SentinelSet::start(1);
    let before = set.master().port();
    assert_ne!(set.failover().port(), before);
}

#[test]
fn a_cluster_serves_all_slots_and_survives_a_restarted_node() {
    let cluster = RedisCluster::start();
    assert_eq!(cluster.urls().len(), 3);
    for key in ["a", "b", "c", "d"] {
        assert_eq!(cluster.node_of(key).cli(&["SET", key, "v"]).str(), "OK");
    }
    assert_eq!(cluster.keys(), ["a", "b", "c", "d"]);
    let elsewhere = cluster
        .nodes()
        .iter()
        .find(|node| node.port() != cluster.node_of("a").port());
    let moved = elsewhere.unwrap().try_cli(&["GET", "a"]).unwrap();
    assert!(moved.error().unwrap().starts_with("MOVED"));

    cluster.node_of("a").kill9();
    cluster.node_of("a").restart();
    cluster.await_ok();
    assert!(cluster.node_of("a").cli(&["GET", "a"]).is_nil());
}
