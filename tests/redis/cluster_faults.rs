//! A Redis Cluster under faults that are rare: nodes that are silent, frozen or cut off, runtimes that stand still, messages that
//! come late, users who may not do everything; and what the log says meanwhile.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_runtime::{Cache, CacheConfig, Durability};
use cache_tests::{RedisCluster, RedisServer, eventually};

use crate::app::{App, Db, SOON, exact, item};
use crate::said::Said;

const ITEMS: u32 = 400;

fn nodes(cluster: &RedisCluster) -> Vec<String> {
    let nodes = cluster.nodes().iter();
    nodes
        .map(|node| format!("127.0.0.1:{}", node.port()))
        .collect()
}

fn config(cluster: &RedisCluster) -> CacheConfig {
    CacheConfig::default().redis_url(format!("redis://{}", nodes(cluster).join(",")))
}

/// Nodes that accept connections and never answer.
fn silent(many: usize) -> (Vec<TcpListener>, Vec<String>) {
    let listeners: Vec<_> = (0..many)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let names = listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap().to_string());
    let names = names.collect();
    (listeners, names)
}

async fn found_behind_silent_nodes(many: usize) {
    let cluster = RedisCluster::start();
    let (_listeners, mut names) = silent(many);
    names.extend(nodes(&cluster));
    let config = CacheConfig::default().redis_url(format!("redis://{}", names.join(",")));
    App::connected(config, &Db::new(1)).await;
}

#[tokio::test]
async fn one_silent_node_first() {
    found_behind_silent_nodes(1).await;
}

#[tokio::test]
async fn four_silent_nodes_first() {
    found_behind_silent_nodes(4).await;
}

/// A runtime that runs only during calls stops in the middle of a connect; another runtime goes on.
#[test]
fn a_runtime_that_stands_still_while_it_connects_holds_nobody_up() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let one_thread = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (first, second) = (one_thread(), one_thread());
    // No node answers while the first runtime is driven.
    for node in cluster.nodes() {
        node.freeze();
    }
    let app = first.block_on(async {
        let app = App::with(config(&cluster), &db);
        tokio::time::sleep(Duration::from_millis(200)).await;
        app
    });
    for node in cluster.nodes() {
        node.thaw();
    }
    cluster.await_ok();
    second.block_on(async {
        // Each bucket's supervisor is replaced after three seconds of silence.
        tokio::time::sleep(Duration::from_secs(4)).await;
        app.reaches_redis().await;
    });
    drop(first);
}

async fn starts_beside_a_frozen_node(frozen: usize) {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let other = App::connected(config(&cluster).budget(SOON), &db).await;
    for id in 0..ITEMS {
        exact(&other, id).await;
    }
    other.has_stored(u64::from(ITEMS)).await;
    let keys = cluster.keys();
    let healthy: Vec<u32> = (0..ITEMS)
        .filter(|id| {
            let name = keys
                .iter()
                .find(|name| name.ends_with(&format!("}}exact:{id}")))
                .unwrap();
            cluster.node_of(name).port() != cluster.nodes()[frozen].port()
        })
        .collect();
    cluster.nodes()[frozen].freeze();
    let app = App::with(config(&cluster), &db);
    let began = Instant::now();
    let mut reached = std::collections::BTreeSet::new();
    while reached.len() < healthy.len() && began.elapsed() < Duration::from_secs(30) {
        for id in &healthy {
            if reached.contains(id) {
                continue;
            }
            let before = app.cache.stats().redis_hits;
            exact(&app, *id).await;
            if app.cache.stats().redis_hits > before {
                reached.insert(*id);
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cluster.nodes()[frozen].thaw();
    assert_eq!(reached.len(), healthy.len());
}

#[tokio::test]
async fn a_process_starts_beside_the_first_node_frozen() {
    starts_beside_a_frozen_node(0).await;
}

#[tokio::test]
async fn a_process_starts_beside_the_last_node_frozen() {
    starts_beside_a_frozen_node(2).await;
}

/// The journal of the time before the cluster was recognized is closed with the others.
#[tokio::test]
async fn a_plain_url_leaves_no_journal_behind_after_an_orderly_end() {
    let cluster = RedisCluster::start();
    let directory = tempfile::tempdir().unwrap();
    let config = CacheConfig::default()
        .redis_url(cluster.nodes()[0].url())
        .journal(directory.path());
    let app = App::connected(config, &Db::new(1)).await;
    assert!(app.cache.clear().await.is_durable());
    app.cache.close(SOON).await;
    let left: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .filter_map(|file| Some(file.ok()?.file_name()))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Whoever adopts the journal must find it, however the nodes of the cluster are named.
#[tokio::test]
async fn the_journal_of_a_cluster_is_found_whichever_nodes_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let app = |url: &str| {
        Cache::new(
            CacheConfig::default()
                .redis_url(url)
                .journal(directory.path()),
        )
        .unwrap()
    };
    let one = app("redis://127.0.0.1:1,127.0.0.1:2");
    assert_eq!(one.delete("a").await.durability, Durability::Queued);
    drop(one);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let two = app("redis://127.0.0.1:2,127.0.0.1:1");
    assert_eq!(
        two.journal_len(),
        1,
        "the removal of the process that has ended"
    );
}

/// A load that began before the cache was divided.
#[tokio::test]
async fn a_load_from_before_the_division_puts_nothing_into_memory_that_was_removed_since() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let other = App::connected(config(&cluster).budget(SOON), &db).await;
    for id in 0..ITEMS {
        exact(&other, id).await;
        item(&other, id).await;
    }
    other.has_stored(2 * u64::from(ITEMS)).await;
    let keys = cluster.keys();
    let of = |node: usize| {
        (0..ITEMS)
            .find(|id| {
                let name = keys
                    .iter()
                    .find(|name| name.ends_with(&format!("}}item:{id}")))
                    .unwrap();
                cluster.node_of(name).port() == cluster.nodes()[node].port()
            })
            .unwrap()
    };
    let (lost, living) = (of(2), of(1));
    cluster.nodes()[2].kill9();
    cluster.nodes()[1].freeze();
    let app = App::with(
        CacheConfig::default().redis_url(cluster.nodes()[1].url()),
        &db,
    );
    db.gate.close();
    let early = crate::app::item_in_task(&app, lost);
    db.gate.reached_by(1).await;
    cluster.nodes()[1].thaw();
    // The cache is divided, and the living node serves its keys.
    let hit = async || {
        app.cache
            .exists(format!("item:{living}").as_str())
            .await
            .then_some(())
    };
    eventually(Duration::from_secs(20), "the cluster to be recognized", hit).await;
    db.commit(2);
    let removed = app.cache.delete(format!("item:{lost}").as_str()).await;
    assert_eq!(removed.durability, Durability::Queued);
    db.gate.open();
    assert_eq!(early.await.unwrap(), 1);
    assert_eq!(item(&app, lost).await, 2, "the value of before the removal");
}

/// What the log says when all buckets connect.
#[tokio::test]
async fn the_log_of_a_start_is_short() {
    let cluster = RedisCluster::start();
    for node in cluster.nodes() {
        node.cli(&[
            "ACL",
            "SETUSER",
            "app",
            "on",
            ">pw",
            "~*",
            "+@all",
            "resetchannels",
        ]);
    }
    let (said, _guard) = Said::listen();
    let url = format!("redis://app:pw@{}", nodes(&cluster).join(","));
    let app = App::connected(CacheConfig::default().redis_url(url), &Db::new(1)).await;
    drop(app);
    let (again, _guard) = Said::listen();
    let plain = App::connected(
        CacheConfig::default().redis_url(cluster.nodes()[0].url()),
        &Db::new(1),
    )
    .await;
    // Slots move to another node: as many reasons as buckets.
    let (moved, _guard) = Said::listen();
    for node in cluster.nodes() {
        node.kill9();
    }
    plain.has_lost_redis().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    plain.cache.delete("a").await;
    plain.cache.clear().await;
    plain.cache.close(Duration::from_secs(2)).await;
    assert!(said.mentions("refuses to push") <= 8, "one for each bucket");
    assert_eq!(again.mentions("ERROR"), 0);
    assert!(moved.mentions("was closed") <= 8, "one for each bucket");
}

fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// The runtime that drives the shared connections is no longer driven; another one goes on, and only reads.
#[test]
fn connections_of_a_runtime_that_stands_still_are_replaced() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let (first, second) = (one_thread(), one_thread());
    let other = one_thread();
    other.block_on(async {
        let app = App::connected(config(&cluster).budget(SOON), &db).await;
        for id in 0..ITEMS {
            exact(&app, id).await;
        }
        app.has_stored(u64::from(ITEMS)).await;
    });
    drop(other);
    let app = first.block_on(App::connected(config(&cluster), &db));
    std::thread::sleep(Duration::from_secs(4));
    second.block_on(async {
        let began = Instant::now();
        let mut hits = 0;
        while began.elapsed() < Duration::from_secs(20) {
            let before = app.cache.stats().redis_hits;
            for id in 0..ITEMS {
                exact(&app, id).await;
            }
            hits = app.cache.stats().redis_hits - before;
            if hits == u64::from(ITEMS) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(hits, u64::from(ITEMS));
    });
    drop(first);
}

/// A node that is cut off from its cluster, but not from its clients: it says that it serves slots that others serve now,
/// and refuses every command.
fn cut_off(others: &[u16]) -> u16 {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let row = |first: u16, last: u16, port: u16| {
        format!("*3\r\n:{first}\r\n:{last}\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n")
    };
    let slots = format!(
        "*3\r\n{}{}{}",
        row(0, 5460, port),
        row(5461, 10922, others[1]),
        row(10923, 16383, others[2])
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), slots) = (stream, slots.clone()) else {
                return;
            };
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                loop {
                    line.clear();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    let count: usize = line.trim()[1..].parse().unwrap();
                    let mut words = Vec::new();
                    for _ in 0..count {
                        line.clear();
                        reader.read_line(&mut line).unwrap();
                        let mut word = vec![0; line.trim()[1..].parse::<usize>().unwrap() + 2];
                        reader.read_exact(&mut word).unwrap();
                        words.push(String::from_utf8_lossy(&word).trim().to_ascii_uppercase());
                    }
                    let reply = match words[0].as_str() {
                        "HELLO" => "%1\r\n+proto\r\n:3\r\n".to_owned(),
                        "CLUSTER" => slots.clone(),
                        "CLIENT" => "+OK\r\n".to_owned(),
                        _ => "-CLUSTERDOWN The cluster is down\r\n".to_owned(),
                    };
                    if stream.write_all(reply.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_node_that_is_cut_off_from_its_cluster_is_not_believed_for_ever() {
    let cluster = RedisCluster::start();
    let ports: Vec<u16> = cluster.nodes().iter().map(|node| node.port()).collect();
    let fake = cut_off(&ports);
    let url = format!("redis://127.0.0.1:{fake},{}", nodes(&cluster).join(","));
    let app = App::with(CacheConfig::default().redis_url(url), &Db::new(1));
    app.reaches_redis().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_takes_over_from_a_frozen_master_is_found_soon() {
    let cluster = RedisCluster::start_with_replicas();
    let db = Db::new(1);
    let app = App::connected(config(&cluster), &db).await;
    let node = &cluster.nodes()[0];
    node.freeze();
    let began = Instant::now();
    let (mut taken, mut done) = (false, false);
    while began.elapsed() < Duration::from_secs(60) {
        if !taken {
            let info = cluster.nodes()[3]
                .cli(&["INFO", "replication"])
                .str()
                .to_owned();
            if info.contains("role:master") {
                taken = true;
            }
        }
        if taken && app.cache.clear().await.is_durable() {
            done = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    node.thaw();
    assert!(done, "a removal that all masters acknowledge");
}

/// Messages of another birth, as fast as they come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_messages_of_another_birth_spoil_no_link_for_good() {
    use std::io::{Read, Write};
    let cluster = Arc::new(RedisCluster::start());
    let db = Db::new(1);
    let first = App::connected(config(&cluster).budget(SOON), &db).await;
    for id in 0..ITEMS {
        exact(&first, id).await;
    }
    first.has_stored(u64::from(ITEMS)).await;
    let mut tags: Vec<String> = cluster
        .keys()
        .iter()
        .filter_map(|key| Some(key.split_once('}')?.0.to_owned() + "}"))
        .collect();
    tags.sort();
    tags.dedup();
    let port = cluster.nodes()[0].port();
    let script = "for i, tag in ipairs(ARGV) do redis.call('PUBLISH', tag .. '%ledger@0', 'b 00000000000000ff 1 1') end";
    let late = std::thread::spawn(move || {
        let mut command = format!(
            "*{}\r\n$4\r\nEVAL\r\n${}\r\n{script}\r\n$1\r\n0\r\n",
            3 + tags.len(),
            script.len()
        );
        for tag in &tags {
            command += &format!("${}\r\n{tag}\r\n", tag.len());
        }
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let began = Instant::now();
        let mut reply = [0; 5];
        while began.elapsed() < Duration::from_secs(5) {
            stream.write_all(command.as_bytes()).unwrap();
            stream.read_exact(&mut reply).unwrap();
            std::thread::sleep(Duration::from_micros(300));
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let app = App::with(config(&cluster), &db);
    tokio::task::spawn_blocking(move || late.join().unwrap())
        .await
        .unwrap();
    let all_hit = async || {
        let before = app.cache.stats().redis_hits;
        for id in 0..ITEMS {
            exact(&app, id).await;
        }
        (app.cache.stats().redis_hits - before == u64::from(ITEMS)).then_some(())
    };
    eventually(3 * SOON, "links that judge what they read", all_hit).await;
}

/// What the error about missing permissions advises is enough, and each node may be asked for the others.
#[tokio::test]
async fn a_user_with_the_advised_permissions_is_enough() {
    let cluster = RedisCluster::start();
    let commands = "GET MGET SET GETRANGE SETRANGE EXISTS UNLINK PTTL PEXPIRE EVALSHA EVAL SCRIPT ZADD ZREM ZCARD ZSCORE ZRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZREMRANGEBYSCORE ZRANGEBYLEX ZLEXCOUNT INFO TIME PING CLIENT PUBLISH SUBSCRIBE HELLO";
    for node in cluster.nodes() {
        let mut rule = vec![
            "ACL",
            "SETUSER",
            "app",
            "on",
            ">pw",
            "~{b*}*",
            "&{b*}*",
            "+cluster|slots",
        ];
        let allowed: Vec<String> = commands
            .split(' ')
            .map(|name| format!("+{}", name.to_lowercase()))
            .collect();
        rule.extend(allowed.iter().map(String::as_str));
        node.cli(&rule);
    }
    let url = format!("redis://app:pw@{}", nodes(&cluster).join(","));
    let db = Db::new(1);
    let app = App::connected(CacheConfig::default().redis_url(url).budget(SOON), &db).await;
    assert_eq!(app.cache.health().await.notes, [""; 0]);
    assert!(app.cache.test_connection().await.is_ok());
    exact(&app, 1).await;
    app.has_stored(1).await;
    let hits = app.cache.stats().redis_hits;
    exact(&app, 1).await;
    assert_eq!(app.cache.stats().redis_hits, hits + 1);
    let removed = app.cache.clear().await;
    assert!(removed.is_durable() && removed.removed == 1, "{removed:?}");
}

/// A user without dangerous commands cannot ask `INFO`: the node does not say that it is one of a cluster.
#[tokio::test]
async fn a_plain_url_and_a_user_without_info_are_no_cache_of_their_own() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let other = App::connected(config(&cluster).budget(SOON), &db).await;
    for id in 0..ITEMS {
        exact(&other, id).await;
    }
    other.has_stored(u64::from(ITEMS)).await;
    for node in cluster.nodes() {
        node.cli(&[
            "ACL",
            "SETUSER",
            "app",
            "on",
            ">pw",
            "~*",
            "&*",
            "+@all",
            "-@dangerous",
        ]);
    }
    let node = cluster.node_of("%ledger");
    let app = App::with(
        CacheConfig::default()
            .redis_url(node.url_as("app", "pw"))
            .budget(SOON),
        &db,
    );
    db.commit(2);
    let durable = async || {
        app.cache
            .invalidate_tag("items")
            .await
            .is_durable()
            .then_some(())
    };
    eventually(SOON, "a durable removal", durable).await;
    let mut stale = 0;
    for id in 0..ITEMS {
        stale += u32::from(exact(&other, id).await == 1);
    }
    assert_eq!(stale, 0);
}

/// A replica takes over in order: the old master answers each bucket that its slot has moved.
#[tokio::test]
async fn a_failover_by_hand_is_said_in_few_lines() {
    let cluster = RedisCluster::start_with_replicas();
    let app = App::connected(config(&cluster), &Db::new(1)).await;
    let (said, _guard) = Said::listen();
    cluster.nodes()[3].cli(&["CLUSTER", "FAILOVER"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    for id in 0..ITEMS {
        exact(&app, id).await;
    }
    app.reaches_redis().await;
    assert!(said.mentions("WARN") <= 8, "one for each bucket");
}

/// The runtime that drives the shared connections ends; another one goes on.
#[test]
fn connections_of_a_runtime_that_has_ended_are_replaced_soon() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let (first, second) = (one_thread(), one_thread());
    let app = first.block_on(App::connected(config(&cluster), &db));
    drop(first);
    second.block_on(async {
        let began = Instant::now();
        let mut hits = 0;
        while hits < u64::from(ITEMS) && began.elapsed() < Duration::from_secs(20) {
            let before = app.cache.stats().redis_hits;
            for id in 0..ITEMS {
                exact(&app, id).await;
            }
            hits = app.cache.stats().redis_hits - before;
        }
        assert_eq!(hits, u64::from(ITEMS));
    });
}

/// The URL of a cluster names a single server.
#[tokio::test]
async fn the_url_of_a_cluster_that_names_a_single_server_says_so() {
    let server = RedisServer::start();
    let (said, _guard) = Said::listen();
    let url = format!("redis-cluster://127.0.0.1:{}", server.port());
    let _app = App::with(CacheConfig::default().redis_url(url), &Db::new(1));
    said.eventually_mentions("cluster support disabled").await;
}

/// One node is frozen for a while; then the connections to the others are cut once.
async fn reconnects_beside_a_frozen_node(frozen: usize) {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let other = App::connected(config(&cluster).budget(SOON), &db).await;
    for id in 0..ITEMS {
        exact(&other, id).await;
    }
    other.has_stored(u64::from(ITEMS)).await;
    let keys = cluster.keys();
    let healthy: Vec<u32> = (0..ITEMS)
        .filter(|id| {
            let name = keys
                .iter()
                .find(|name| name.ends_with(&format!("}}exact:{id}")))
                .unwrap();
            cluster.node_of(name).port() != cluster.nodes()[frozen].port()
        })
        .collect();
    drop(other);
    let app = App::connected(config(&cluster), &db).await;
    cluster.nodes()[frozen].freeze();
    tokio::time::sleep(Duration::from_secs(4)).await;
    for (at, node) in cluster.nodes().iter().enumerate() {
        if at != frozen {
            node.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
            node.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        }
    }
    let began = Instant::now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut all = false;
    while began.elapsed() < Duration::from_secs(30) {
        let before = app.cache.stats().redis_hits;
        for id in &healthy {
            exact(&app, *id).await;
        }
        all = app.cache.stats().redis_hits - before == healthy.len() as u64;
        if all {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cluster.nodes()[frozen].thaw();
    assert!(all, "the keys of the healthy nodes are hits again");
}

#[tokio::test]
async fn the_first_node_frozen_the_others_reconnect() {
    reconnects_beside_a_frozen_node(0).await;
}

#[tokio::test]
async fn the_last_node_frozen_the_others_reconnect() {
    reconnects_beside_a_frozen_node(2).await;
}
