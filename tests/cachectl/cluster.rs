//! Every command on a Redis Cluster: when all is well, when a master is dead or frozen, while a slot moves.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cache_tests::{RedisCluster, RedisServer, eventually};
use serde_json::Value;

use crate::program::{Ran, SECRET, cachectl_with};
use crate::store::{SOON, Store};

/// What no command takes while a master is frozen: several limits of two seconds, and what a busy machine adds.
const BOUNDED: Duration = Duration::from_secs(30);

const NAMES: [&str; 12] = [
    "jobs:list:0",
    "jobs:list:1",
    "jobs:list:2",
    "jobs:list:3",
    "jobs:stats",
    "jobs:statsx",
    "user:1",
    "user:10",
    "user:1:roles",
    "user:10:roles",
    "user:2",
    "user:3",
];

fn urls(cluster: &RedisCluster) -> [String; 3] {
    let ports: Vec<String> = cluster.nodes()[..3]
        .iter()
        .map(|node| format!("127.0.0.1:{}", node.port()))
        .collect();
    let list = ports.join(",");
    [
        cluster.nodes()[0].url(),
        format!("redis://{list}"),
        format!("redis-cluster://{list}"),
    ]
}

async fn run(url: &str, arguments: &[&str]) -> Ran {
    cachectl_with(
        &[("REDIS_URL", url), ("CACHE_NAMESPACE", "shop")],
        arguments,
    )
    .await
}

/// Entries on all masters.
async fn shop() -> (RedisCluster, Store) {
    let cluster = RedisCluster::start();
    let store = Store::at(&urls(&cluster)[1], "shop").await;
    for name in NAMES {
        store.set(name, "x").await;
    }
    for id in 1..=6 {
        store.article(id, 6 + id % 2).await;
    }
    store.is_catalogued(NAMES.len() as u64 + 6).await;
    for node in cluster.nodes() {
        assert!(
            node.entries().iter().any(|key| key.contains("shop:")),
            "each master has some"
        );
    }
    (cluster, store)
}

fn keys(answer: &Value) -> Vec<&str> {
    let entries = answer["entries"].as_array().expect("entries");
    entries
        .iter()
        .filter_map(|entry| entry["key"].as_str())
        .collect()
}

/// The master of a key, and the other two.
fn split<'a>(cluster: &'a RedisCluster, key: &str) -> (&'a RedisServer, Vec<&'a RedisServer>) {
    let full = cluster
        .keys()
        .into_iter()
        .find(|name| name.ends_with(&format!("}}shop:{key}")))
        .expect("it is stored");
    let of = cluster.node_of(&full);
    let others = cluster
        .nodes()
        .iter()
        .filter(|node| node.port() != of.port())
        .collect();
    (of, others)
}

fn name(node: &RedisServer) -> String {
    format!("127.0.0.1:{}", node.port())
}

#[tokio::test]
async fn every_form_of_the_url_leads_to_the_same_keys_in_the_order_of_a_single_server() {
    let (cluster, _store) = shop().await;
    let single = RedisServer::start();
    let alone = Store::on(&single, "shop").await;
    for name in NAMES {
        alone.set(name, "x").await;
    }
    for id in 1..=6 {
        alone.article(id, 6 + id % 2).await;
    }
    alone.is_catalogued(NAMES.len() as u64 + 6).await;
    for arguments in [
        &["keys", "--json"][..],
        &["keys", "jobs:", "--json"],
        &["keys", "#author:7", "--json"],
        &["keys", "#all", "--json", "--limit", "4"],
        &["keys", "user:", "--json", "--limit", "3"],
    ] {
        let expected = run(&single.url(), arguments).await.json();
        assert!(!keys(&expected).is_empty());
        for url in urls(&cluster) {
            let answer = run(&url, arguments).await;
            let answer = answer.ends_with(0).json();
            assert_eq!(keys(&answer), keys(&expected), "{arguments:?}");
            assert_eq!(answer["more"], expected["more"]);
        }
    }
    let text = run(&urls(&cluster)[0], &["keys", "jobs:list:"]).await;
    text.ends_with(0).says(&["4 entries", "jobs:list:3"]);
}

#[tokio::test]
async fn an_entry_is_found_on_whichever_master_it_is() {
    let (cluster, _store) = shop().await;
    let url = &urls(&cluster)[0];
    for key in NAMES {
        let got = run(url, &["get", key, "--json"]).await;
        let got = got.ends_with(0).json();
        assert_eq!((&got["key"], &got["state"]), (&key.into(), &"fresh".into()));
        // Also by its name in Redis, hash tag included.
        let full = got["name"].as_str().unwrap().to_owned();
        assert!(
            full.starts_with("{b") && full.ends_with(&format!("}}shop:{key}")),
            "{full}"
        );
        assert_eq!(
            run(url, &["get", &full, "--json"])
                .await
                .ends_with(0)
                .json()["key"],
            key
        );
    }
    let article = run(url, &["get", "article:1"]).await;
    article
        .ends_with(0)
        .says(&["#author:7", "article 1", "größer"]);
    run(url, &["get", "absent"])
        .await
        .ends_with(1)
        .says(&["nothing is stored at `absent`"]);
}

#[tokio::test]
async fn a_dry_run_counts_what_is_removed_then_in_all_buckets() {
    let (cluster, store) = shop().await;
    let forms = urls(&cluster);
    for (at, (pattern, count)) in [
        ("jobs:list:", 4),
        ("jobs:stats", 1),
        ("user:*:roles", 2),
        ("=user:1", 1),
        ("#author:7", 3),
        ("nothing:", 0),
    ]
    .into_iter()
    .enumerate()
    {
        let url = &forms[at % 3];
        let before: usize = cluster
            .nodes()
            .iter()
            .map(|node| node.entries().len())
            .sum();
        let dry = run(url, &["invalidate", pattern, "--dry-run", "--json"]).await;
        let dry = dry.ends_with(0).json();
        assert_eq!(
            (&dry["matching"], &dry["fresh"]),
            (&count.into(), &count.into()),
            "{pattern}"
        );
        let done = run(url, &["invalidate", pattern, "--json"]).await;
        let done = done.ends_with(0).json();
        assert_eq!(
            (&done["removed"], &done["durability"]),
            (&count.into(), &"durable".into()),
            "{pattern}"
        );
        let after: usize = cluster
            .nodes()
            .iter()
            .map(|node| node.entries().len())
            .sum();
        assert_eq!(after, before - count, "{pattern}");
    }
    assert_eq!(
        store.cache.get::<String>("jobs:list:0").await,
        None,
        "another process knows of it"
    );
    let refused = run(&forms[0], &["clear"]).await;
    // The catalogue may still count what was just removed by name.
    refused.ends_with(2).says(&["entries).", "--yes"]);
    let cleared = run(&forms[0], &["clear", "--yes"]).await;
    assert_eq!(cleared.ends_with(0).stdout, "removed 7 entries\n");
    assert_eq!(
        run(&forms[0], &["keys", "--json"]).await.json()["entries"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn figures_are_those_of_all_masters_and_of_each() {
    let (cluster, store) = shop().await;
    assert!(
        store
            .cache
            .invalidate_pattern("jobs:none:")
            .await
            .unwrap()
            .is_durable()
    );
    let url = &urls(&cluster)[0];
    let stats = run(url, &["stats", "--json"]).await;
    let stats = stats.ends_with(0).json();
    assert_eq!(stats["cache"]["entries"], 18);
    assert_eq!(stats["cache"]["tagged"], 12);
    assert_eq!(
        stats["cache"]["ledger"]["removals"], 1,
        "which all buckets have recorded: {stats:#}"
    );
    assert_eq!(
        stats["cache"]["ledger"]["latest"][0]["pattern"],
        "jobs:none:"
    );
    let masters = stats["masters"].as_array().unwrap();
    assert_eq!(masters.len(), 3);
    let sum = |of: &[&str]| -> u64 {
        masters
            .iter()
            .map(|master| {
                of.iter()
                    .fold(master, |value, name| &value[name])
                    .as_u64()
                    .unwrap()
            })
            .sum()
    };
    assert_eq!(sum(&["cache", "entries"]), 18);
    assert_eq!((sum(&["slots"]), sum(&["buckets"])), (16_384, 16));
    assert_eq!(
        Some(sum(&["server", "keys"])),
        stats["server"]["keys"].as_u64()
    );
    let text = run(url, &["stats", "--watch", "1", "--times", "2"]).await;
    text.ends_with(0).says(&[
        "ALL 3 MASTERS",
        "18 in the catalogue",
        &name(&cluster.nodes()[2]),
    ]);
}

#[tokio::test]
async fn a_measurement_uses_all_masters_and_leaves_nothing_behind() {
    let (cluster, _store) = shop().await;
    let before = cluster.keys();
    let arguments = [
        "bench",
        "--seconds",
        "1",
        "--keys",
        "60",
        "--tasks",
        "4",
        "--bytes",
        "100",
    ];
    let json = run(&urls(&cluster)[0], &[&arguments[..], &["--json"]].concat()).await;
    let json = json.ends_with(0).json();
    let operations = json["operations"].as_array().unwrap();
    assert!(operations.len() >= 5, "{json:#}");
    for operation in operations {
        assert!(
            operation["ratio"].as_f64() > Some(0.0) && operation["count"].as_u64() > Some(0),
            "{json:#}"
        );
    }
    assert!(json["read_hit_percent"].as_f64() > Some(20.0), "{json:#}");
    assert_eq!(cluster.keys(), before);
    run(&urls(&cluster)[1], &arguments)
        .await
        .ends_with(0)
        .says(&["RATIO", "removed afterwards"]);
    assert_eq!(cluster.keys(), before);
}

fn checks<'a>(report: &'a Value, id: &str) -> Vec<&'a Value> {
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().filter(|check| check["id"] == id).collect()
}

#[tokio::test]
async fn the_doctor_finds_a_healthy_cluster_healthy_and_leaves_nothing_on_it() {
    let (cluster, _store) = shop().await;
    let before = cluster.keys();
    for url in urls(&cluster) {
        let ran = run(&url, &["doctor", "--json"]).await;
        let report = ran.ends_with(0).json();
        assert_eq!(report["verdict"], "ok", "{report:#}");
        assert_eq!(
            (
                &report["cluster"]["state"],
                &report["cluster"]["slots_served"]
            ),
            (&"ok".into(), &16_384.into())
        );
        let masters = report["cluster"]["masters"].as_array().unwrap();
        assert!(
            masters.iter().all(|master| master["answers"] == true),
            "{report:#}"
        );
        assert_eq!(checks(&report, "node").len(), 3);
        assert_eq!(
            checks(&report, "tracking").len(),
            3,
            "each with its own time"
        );
        assert!(
            report["commands"]
                .as_array()
                .unwrap()
                .iter()
                .all(|command| command["allowed"] == true)
        );
        let latencies = report["latency"].as_array().unwrap();
        assert_eq!(latencies.len(), 3 * 6, "{report:#}");
        assert!(latencies.iter().all(|latency| latency["samples"].as_u64() > Some(0) && latency["node"].is_string()));
        assert_eq!(cluster.keys(), before);
    }
    let text = run(&urls(&cluster)[1], &["doctor"]).await;
    text.ends_with(0).says(&[
        "3 of 3 nodes in the URL answer",
        "3 masters, 0 replicas, 16,384 of 16,384 slots assigned, cluster_state ok",
        "master of 5,462 slots",
        "buckets of keys on each master: 5, 6, 5",
        "are allowed (on all 3 masters)",
        "cluster-allow-reads-when-down no",
        "no master has a replica",
        "removal by prefix",
    ]);
}

#[tokio::test]
async fn what_is_wrong_with_one_node_is_said_of_that_node() {
    let cluster = RedisCluster::start_with_replicas();
    let url = &urls(&cluster)[1];
    let odd = &cluster.nodes()[1];
    odd.cli(&["CONFIG", "SET", "cluster-allow-reads-when-down", "yes"]);
    odd.cli(&["CONFIG", "SET", "maxmemory", "100mb"]);
    odd.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    // A replica that is dead.
    let replica = &cluster.nodes()[3];
    eventually(SOON, "all masters to know all replicas", async || {
        let mut masters = cluster.nodes()[..3].iter();
        let know = masters.all(|node| {
            node.cli(&["CLUSTER", "NODES"])
                .str()
                .matches("slave")
                .count()
                == 3
        });
        know.then_some(())
    })
    .await;
    run(url, &["doctor"]).await.says(&["3 masters, 3 replicas"]);
    replica.kill9();
    let ran = run(url, &["doctor"]).await;
    ran.ends_with(1).says(&[
        &format!("{}: cluster-allow-reads-when-down is `yes`", name(odd)),
        "CONFIG SET cluster-allow-reads-when-down no",
        &format!("{}: ", name(replica)),
    ]);
    let report = run(url, &["doctor", "--json"]).await.json();
    let warned: Vec<_> = checks(&report, "memory")
        .into_iter()
        .filter(|check| check["status"] == "warning")
        .collect();
    assert_eq!(warned.len(), 1, "{report:#}");
    assert_eq!(warned[0]["node"], name(odd));
    let dead = [checks(&report, "replica"), checks(&report, "given up")].concat();
    assert!(
        dead.iter()
            .any(|check| check["node"] == name(replica) && check["status"] == "warning"),
        "{report:#}"
    );
    replica.restart();
}

#[tokio::test]
async fn a_user_who_lacks_a_command_on_one_master_is_told_which_one() {
    let (cluster, _store) = shop().await;
    for (at, node) in cluster.nodes().iter().enumerate() {
        let lacking = if at == 2 { "-publish" } else { "+publish" };
        let password = format!(">{SECRET}");
        let rules = [
            "on",
            password.as_str(),
            "~{b*}shop:*",
            "&{b*}shop:*",
            "+@all",
            lacking,
        ];
        node.cli(&[&["ACL", "SETUSER", "app"][..], &rules].concat());
    }
    let credentials = "redis://app:hunter2-%25-s3cret@";
    let list = urls(&cluster)[1].replace("redis://", credentials);
    let ran = run(&list, &["doctor"]).await;
    let third = name(&cluster.nodes()[2]);
    ran.ends_with(1).says(&[
        &format!("{third}: PUBLISH is refused"),
        "ACL SETUSER app +publish",
    ]);
    for at in [0, 1] {
        ran.says_not(&[&format!("{}: PUBLISH", name(&cluster.nodes()[at]))]);
    }
    for command in [
        &["keys"][..],
        &["stats"],
        &["get", "user:1"],
        &["invalidate", "jobs:", "--dry-run"],
    ] {
        run(&list, command).await.ends_with(0);
    }
    // The nodes may not be asked who serves what.
    for node in cluster.nodes() {
        node.cli(&["ACL", "SETUSER", "app", "-cluster"]);
    }
    for command in [&["doctor"][..], &["keys"], &["clear", "--yes"], &["bench"]] {
        let ran = run(&list, command).await;
        assert_ne!(ran.code, 0);
        ran.says(&["NOPERM", "+cluster|slots"]);
    }
}

#[tokio::test]
async fn a_dead_master_is_named_and_the_others_are_served() {
    let (cluster, _store) = shop().await;
    let (dead, others) = split(&cluster, "user:1");
    let url = &format!("redis://{},{}", name(others[0]), name(others[1]));
    dead.kill9();
    let away = name(dead);
    let doctor = run(url, &["doctor"]).await;
    doctor.ends_with(1).says(&[
        &format!("{away}: master of"),
        "nothing listens there",
        "remedy",
    ]);
    let report = run(url, &["doctor", "--json"]).await.json();
    assert_eq!(
        checks(&report, "latency").len(),
        2,
        "of those that answer: {report:#}"
    );

    let listed = run(url, &["keys", "--json"]).await;
    let listed = listed.ends_with(1).json();
    assert_eq!(listed["unavailable"][0]["node"], away);
    assert!(!keys(&listed).is_empty() && !keys(&listed).contains(&"user:1"));
    let missing = 18 - keys(&listed).len();
    run(url, &["keys"]).await.ends_with(1).says(&[
        "not listed: the keys at",
        &away,
        "of 16 buckets of keys",
        "nothing listens there",
    ]);
    run(url, &["stats"]).await.ends_with(1).says(&[
        "missing: the figures of",
        &away,
        "ALL 2 MASTERS",
    ]);
    run(url, &["get", "user:1"])
        .await
        .ends_with(2)
        .says(&[&away, "nothing listens there"]);
    let other = keys(&listed)[0];
    run(url, &["get", other]).await.ends_with(0);
    run(url, &["invalidate", &format!("={other}"), "--dry-run"])
        .await
        .ends_with(0);
    let dry = run(url, &["invalidate", "user:", "--dry-run", "--json"]).await;
    assert_eq!(dry.ends_with(1).json()["unavailable"][0]["node"], away);

    // A key of a master that answers is removed as usual; a pattern concerns all of them.
    let done = run(url, &["invalidate", &format!("={other}"), "--json"]).await;
    assert_eq!(done.ends_with(0).json()["removed"], 1);
    let part = run(url, &["clear", "--yes", "--json"]).await;
    let part = part.ends_with(1).json();
    assert_eq!(part["unavailable"][0]["node"], away);
    assert_eq!(
        part["removed"].as_u64(),
        Some((18 - missing - 1) as u64),
        "{part:#}"
    );
    assert!(
        part["error"]
            .as_str()
            .unwrap()
            .contains("of 16 buckets of keys"),
        "{part:#}"
    );
    run(url, &["invalidate", "user:"])
        .await
        .ends_with(1)
        .says(&["failed at", &away, "run the command again"]);
    run(url, &["bench", "--seconds", "1"])
        .await
        .ends_with(2)
        .says(&[&away, "nothing listens there"]);
}

#[tokio::test]
async fn a_frozen_master_costs_a_bounded_time_and_is_named() {
    let (cluster, _store) = shop().await;
    let (frozen, others) = split(&cluster, "user:1");
    let url = &format!("redis://{},{}", name(others[0]), name(others[1]));
    frozen.freeze();
    let away = name(frozen);
    for (command, code) in [
        (&["doctor"][..], 1),
        (&["keys"], 1),
        (&["stats"], 1),
        (&["get", "user:1"], 2),
        (&["invalidate", "jobs:", "--dry-run"], 1),
        (&["invalidate", "jobs:"], 1),
        (&["bench", "--seconds", "1"], 2),
    ] {
        let began = Instant::now();
        let ran = run(url, command).await;
        ran.ends_with(code).says(&[&away]);
        assert!(
            began.elapsed() < BOUNDED,
            "{command:?} took {:?}",
            began.elapsed()
        );
    }
    frozen.thaw();
}

/// Ends the moves when it is dropped.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Moves one slot around, again and again.
async fn moves_slots<T>(cluster: &RedisCluster, slot: u16, work: impl Future<Output = T>) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let moving = scope.spawn(|| {
            let mut to = 0;
            while !stop.load(SeqCst) {
                cluster.move_slot(slot, to);
                to = (to + 1) % 3;
            }
        });
        // Also if the work panics, or nobody would end the moves.
        let _stopping = Stopping(&stop);
        let runtime = tokio::runtime::Handle::current();
        let done = tokio::task::block_in_place(|| runtime.block_on(work));
        stop.store(true, SeqCst);
        moving.join().expect("the slot moves");
        done
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_listed_completely_while_a_slot_moves() {
    let (cluster, store) = shop().await;
    for id in 0..600 {
        store.set(&format!("many:{id:03}"), "x").await;
    }
    store.is_catalogued(618).await;
    drop(store);
    let full = cluster
        .keys()
        .into_iter()
        .find(|name| name.ends_with("}shop:many:000"))
        .expect("it is stored");
    let slot = cluster.slot_of(&full);
    let url = &urls(&cluster)[1];
    let walks = async {
        for _ in 0..4 {
            let ran = run(url, &["keys", "many:", "--json"]).await;
            let listed = ran.ends_with(0).json();
            let expected: Vec<String> = (0..600).map(|id| format!("many:{id:03}")).collect();
            assert_eq!(keys(&listed), expected);
        }
    };
    moves_slots(&cluster, slot, walks).await;
}
