//! A Redis Cluster: keys on several masters, removals that concern all of them, slots that move, masters that die.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{BreakerState, Cache, CacheConfig, CacheKey, Durability, cached};
use cache_tests::{RedisCluster, eventually, wait_until};
use tokio::runtime::{Builder, Runtime};

use crate::app::{App, CALL, Db, SOON, change_item, exact, item, post, timed};

/// Enough for every bucket to have some.
const ITEMS: u32 = 400;

fn config(cluster: &RedisCluster) -> CacheConfig {
    let nodes: Vec<String> = cluster
        .nodes()
        .iter()
        .map(|node| format!("127.0.0.1:{}", node.port()))
        .collect();
    CacheConfig::default().redis_url(format!("redis://{}", nodes.join(",")))
}

async fn app(cluster: &RedisCluster, db: &Arc<Db>) -> App {
    App::connected(config(cluster).budget(SOON), db).await
}

/// Waits until memory answers for an item.
async fn remembers(app: &App, id: u32) {
    eventually(SOON, "a hit in memory", async || {
        let before = app.cache.stats().memory_hits;
        item(app, id).await;
        (app.cache.stats().memory_hits > before).then_some(())
    })
    .await;
}

/// The full name of a key that is in Redis.
fn full_name(cluster: &RedisCluster, key: &str) -> String {
    let keys = cluster.keys();
    let found = keys
        .into_iter()
        .find(|name| name.ends_with(&format!("}}{key}")));
    found.unwrap_or_else(|| panic!("{key} is in Redis"))
}

#[tokio::test]
async fn keys_are_on_all_masters_and_what_one_process_loads_another_reads() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let (one, other) = (app(&cluster, &db).await, app(&cluster, &db).await);
    for id in 0..ITEMS {
        assert_eq!(item(&one, id).await, 1);
    }
    one.has_stored(u64::from(ITEMS)).await;
    for node in cluster.nodes() {
        let items = node
            .keys()
            .iter()
            .filter(|key| key.contains("}item:"))
            .count();
        assert!(items > ITEMS as usize / 5, "{items} of {ITEMS}");
    }
    for id in 0..ITEMS {
        assert_eq!(item(&other, id).await, 1);
    }
    assert_eq!(
        (db.reads(), other.cache.stats().redis_hits),
        (ITEMS, u64::from(ITEMS))
    );
}

#[tokio::test]
async fn one_connection_to_each_master_serves_all_buckets() {
    let cluster = RedisCluster::start();
    let app = app(&cluster, &Db::new(1)).await;
    for id in 0..ITEMS {
        item(&app, id).await;
    }
    for node in cluster.nodes() {
        let clients = node.cli(&["CLIENT", "LIST"]).str().to_owned();
        let ours = clients.lines().filter(|line| line.contains("resp=3"));
        assert_eq!(ours.count(), 1, "{clients}");
    }
}

/// Two keys of one bucket.
fn neighbours(cluster: &RedisCluster) -> [u32; 2] {
    let mut seen = std::collections::HashMap::new();
    for id in 0..ITEMS {
        let name = full_name(cluster, &format!("item:{id}"));
        let tag = name.split('}').next().unwrap().to_owned();
        if let Some(other) = seen.insert(tag, id) {
            return [other, id];
        }
    }
    panic!("there are more items than buckets")
}

/// Between the second for which nobody drives a connection and the third, after which it is replaced, calls neither use it nor
/// give it up. What they load must not be in memory when the connection is driven again: Redis was not asked for those keys,
/// and tells of no removal of them.
#[test]
fn a_load_while_the_connection_is_not_heard_fills_no_memory() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let driven = Runtime::new().unwrap();
    let other = driven.block_on(app(&cluster, &db));
    let [probed, loaded] = driven.block_on(async {
        for id in 0..ITEMS {
            item(&other, id).await;
        }
        other.has_stored(u64::from(ITEMS)).await;
        let neighbours = neighbours(&cluster);
        assert!(other.cache.clear().await.is_durable());
        neighbours
    });
    let mut value = 1;
    // On a busy machine that second may pass unused: the connection has been replaced then, and memory was emptied.
    wait_until(6 * SOON, "a connection that is heard again", || {
        let first = Builder::new_current_thread().enable_all().build().unwrap();
        let app = first.block_on(app(&cluster, &db));
        first.block_on(remembers(&app, probed));
        let reads = db.reads();
        wait_until(SOON, "memory not to be trusted", || {
            assert_eq!(driven.block_on(item(&app, probed)), value);
            (db.reads() > reads).then_some(())
        });
        assert_eq!(driven.block_on(item(&app, loaded)), value);
        value += 1;
        db.commit(value);
        for id in [probed, loaded] {
            let removed = driven.block_on(item::invalidate(&other, id));
            assert!(removed.is_durable(), "{removed:?}");
        }
        let stands = app.cache.breaker_state() == Some(BreakerState::Closed);
        first.block_on(app.reaches_redis());
        assert_eq!(first.block_on(item(&app, loaded)), value);
        stands.then_some(())
    });
}

#[tokio::test]
async fn a_removal_of_each_kind_binds_all_processes_when_it_returns_and_is_counted_exactly() {
    let cluster = RedisCluster::start();
    let db = Db::new(0);
    let (one, other) = (app(&cluster, &db).await, app(&cluster, &db).await);
    for (round, pattern) in ["exact:", "exact:*", "#items", "*"].into_iter().enumerate() {
        let value = round as u64 + 1;
        db.commit(value);
        let before = one.cache.invalidate_pattern(pattern).await.unwrap();
        assert_eq!(before.durability, Durability::Durable);
        let stored = one.cache.stats().stores + u64::from(ITEMS);
        for id in 0..ITEMS {
            assert_eq!(exact(&one, id).await, value, "after {pattern}");
            assert_eq!(exact(&other, id).await, value, "after {pattern}");
        }
        one.has_stored(stored).await;
        db.commit(value + 100);
        let removed = other.cache.invalidate_pattern(pattern).await.unwrap();
        assert_eq!(removed.removed, u64::from(ITEMS), "{pattern}");
        for id in (0..ITEMS).step_by(7) {
            assert_eq!(exact(&one, id).await, value + 100, "after {pattern}");
        }
    }
}

#[cached(invalidates = ["exact:", "#nobody"], cache = app.cache)]
async fn change_all(app: &App, value: u64) {
    app.db.commit(value);
}

/// The entries are still there for a moment after the removal of a function: other processes must know that they are
/// stale.
#[tokio::test]
async fn what_a_function_has_removed_is_stale_for_others_before_it_is_unlinked() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let (one, other) = (app(&cluster, &db).await, app(&cluster, &db).await);
    for value in 2..6 {
        for id in 0..ITEMS {
            exact(&other, id).await;
        }
        change_all(&one, value).await;
        let mut reads = tokio::task::JoinSet::new();
        for id in 0..ITEMS {
            let other = other.clone();
            reads.spawn(async move { exact(&other, id).await });
        }
        for read in reads.join_all().await {
            assert_eq!(read, value);
        }
    }
}

#[tokio::test]
async fn a_write_removes_its_key_and_a_tag_of_the_result_is_found_in_every_bucket() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let (one, other) = (app(&cluster, &db).await, app(&cluster, &db).await);
    for id in 0..ITEMS {
        item(&one, id).await;
        post(&one, id).await;
    }
    one.has_stored(2 * u64::from(ITEMS)).await;
    for id in (0..ITEMS).step_by(31) {
        for app in [&one, &other] {
            assert_eq!(item(app, id).await, 1);
            remembers(app, id).await;
        }
        if id % 2 == 0 {
            change_item(&one, id, 2).await;
        } else {
            // Of a key that is named, only the push for that very key tells.
            db.commit(2);
            assert!(
                one.cache
                    .delete(format!("item:{id}").as_str())
                    .await
                    .is_durable()
            );
        }
        let follows = async || (item(&other, id).await == 2).then_some(());
        eventually(SOON, "the other process to follow", follows).await;
        assert_eq!(item(&one, id).await, 2);
        db.commit(1);
    }
    db.commit(2);
    assert!(one.cache.invalidate_tag("author:1").await.is_durable());
    for id in (0..ITEMS).step_by(31) {
        assert_eq!(post(&one, id).await.author, 2);
    }
}

#[tokio::test]
async fn many_keys_are_set_read_and_deleted_wherever_they_are() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let (one, other) = (app(&cluster, &db).await, app(&cluster, &db).await);
    let names = [
        "a",
        "a b",
        "c:d",
        "back\\slash",
        "{braces}",
        "}{",
        "für alle",
        "日本",
    ];
    let pairs: Vec<(CacheKey, u32)> = (0..ITEMS)
        .map(|id| {
            (
                CacheKey::new(names[id as usize % names.len()]).segment(&id),
                id,
            )
        })
        .collect();
    let keys: Vec<CacheKey> = pairs.iter().map(|(key, _)| key.clone()).collect();
    one.cache
        .set_many(&pairs, Duration::from_secs(60))
        .await
        .unwrap();
    let read = other.cache.get_many::<u32>(&keys).await;
    assert!(
        read.iter()
            .zip(&pairs)
            .all(|(read, (_, id))| *read == Some(*id))
    );
    assert_eq!(other.cache.stats().redis_hits, u64::from(ITEMS));
    for key in &keys {
        assert!(one.cache.exists(key.clone()).await, "{key}");
        assert_eq!(other.cache.delete(key.clone()).await.removed, 1, "{key}");
        assert!(!one.cache.exists(key.clone()).await, "{key}");
    }
}

#[tokio::test]
async fn the_outage_of_one_master_is_its_own() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    // A hit on a living master may take long where the machine is busy.
    let one = app(&cluster, &db).await;
    let other = app(&cluster, &db).await;
    for id in 0..ITEMS {
        exact(&one, id).await;
    }
    one.has_stored(u64::from(ITEMS)).await;
    let dead = &cluster.nodes()[1];
    let lost: Vec<u32> = (0..ITEMS)
        .filter(|id| {
            let name = full_name(&cluster, &format!("exact:{id}"));
            cluster.node_of(&name).port() == dead.port()
        })
        .collect();
    dead.kill9();
    let hits = one.cache.stats().redis_hits;
    for id in (0..ITEMS).filter(|id| !lost.contains(id)) {
        exact(&one, id).await;
    }
    let living = u64::from(ITEMS) - lost.len() as u64;
    assert_eq!(one.cache.stats().redis_hits - hits, living);
    db.commit(2);
    for id in &lost {
        let (value, took) = timed(exact(&one, *id)).await;
        assert!(value == 2 && took < CALL, "{value} after {took:?}");
    }
    // It waits for the dead master, and holds at once where there is one.
    let (removed, took) = timed(one.cache.invalidate_prefix("exact:")).await;
    assert_eq!(removed.durability, Durability::Queued);
    assert!(took < CALL, "{took:?}");
    db.commit(3);
    for id in (0..ITEMS).filter(|id| !lost.contains(id)) {
        assert_eq!(exact(&other, id).await, 3);
    }
    dead.restart();
    cluster.await_ok();
    eventually(SOON, "the removal to be replayed", async || {
        (one.cache.journal_len() == 0).then_some(())
    })
    .await;
    one.reaches_redis().await;
    for id in lost {
        assert_eq!(exact(&one, id).await, 3);
    }
}

#[tokio::test]
async fn a_frozen_master_costs_no_call_more_than_its_budget() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let app = App::connected(config(&cluster), &db).await;
    for id in 0..ITEMS {
        exact(&app, id).await;
    }
    cluster.nodes()[2].freeze();
    for id in 0..ITEMS {
        let (value, took) = timed(exact(&app, id)).await;
        assert!(value == 1 && took < CALL, "{value} after {took:?}");
    }
    let (_, took) = timed(app.cache.clear()).await;
    assert!(took < CALL, "{took:?}");
    cluster.nodes()[2].thaw();
}

/// Commits, removes, and only then allows readers to expect the new value.
async fn write(app: &App, acknowledged: &AtomicU64, value: u64) -> Durability {
    app.db.commit(value);
    let removed = app.cache.invalidate_tag("items").await;
    if removed.is_durable() {
        acknowledged.fetch_max(value, SeqCst);
    }
    removed.durability
}

/// Reads until told to stop; returns how many reads there were and how many were older than the last removal that had been
/// acknowledged before they began.
async fn reads(
    app: App,
    id: u32,
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> (u64, u64) {
    let (mut all, mut stale) = (0, 0);
    while !stop.load(SeqCst) {
        let least = acknowledged.load(SeqCst);
        let value = exact(&app, id).await;
        all += 1;
        stale += u64::from(value < least);
        tokio::task::yield_now().await;
    }
    (all, stale)
}

struct Readers {
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<(u64, u64)>>,
}

impl Readers {
    fn of(apps: &[App], ids: &[u32]) -> Self {
        let (acknowledged, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let tasks = apps.iter().flat_map(|app| {
            ids.iter()
                .map(|id| tokio::spawn(reads(app.clone(), *id, acknowledged.clone(), stop.clone())))
        });
        Self {
            tasks: tasks.collect(),
            acknowledged,
            stop,
        }
    }

    async fn found_nothing_stale(self) {
        self.stop.store(true, SeqCst);
        for task in self.tasks {
            let (all, stale) = task.await.unwrap();
            assert!(all > 0 && stale == 0, "{stale} of {all} reads were stale");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load_take_their_removals_along() {
    let cluster = Arc::new(RedisCluster::start());
    let db = Db::new(0);
    let apps = [
        App::connected(config(&cluster), &db).await,
        App::connected(config(&cluster), &db).await,
    ];
    let ids = [1, 2, 3];
    for id in ids {
        exact(&apps[0], id).await;
    }
    apps[0].has_stored(3).await;
    let slot = cluster.slot_of(&full_name(&cluster, "exact:1"));
    let readers = Readers::of(&apps, &ids);
    let moving = {
        let cluster = cluster.clone();
        tokio::task::spawn_blocking(move || {
            for turn in 0..12 {
                cluster.move_slot(slot, turn % 3);
            }
        })
    };
    let mut value = 0;
    while !moving.is_finished() || value < 40 {
        value += 1;
        write(&apps[value as usize % 2], &readers.acknowledged, value).await;
        tokio::task::yield_now().await;
    }
    moving.await.unwrap();
    // The new owner serves the bucket again.
    let hit = async || {
        let before = apps[0].cache.stats().redis_hits;
        exact(&apps[0], 1).await;
        (apps[0].cache.stats().redis_hits > before).then_some(())
    };
    eventually(SOON, "a hit at the new owner", hit).await;
    let durable = async || {
        let removed = apps[1].cache.invalidate_tag("items").await;
        removed.is_durable().then_some(())
    };
    eventually(SOON, "a removal that all masters acknowledge", durable).await;
    readers.found_nothing_stale().await;
}

/// What is removed at the second server may be lost there, in a failover. So what the first server has kept in the slot that
/// comes back to it must not be valid again.
#[tokio::test]
async fn an_entry_is_cold_after_its_slot_has_left_and_come_back() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let one = app(&cluster, &db).await;
    exact(&one, 1).await;
    one.has_stored(1).await;
    let name = full_name(&cluster, "exact:1");
    let slot = cluster.slot_of(&name);
    let nodes = cluster.nodes();
    let first = cluster.node_of(&name).port();
    let home = nodes.iter().position(|node| node.port() == first).unwrap();
    cluster.move_slot(slot, (home + 1) % 3);
    // A process that opens the ledger there.
    let visitor = app(&cluster, &db).await;
    cluster.move_slot(slot, home);
    assert_eq!(cluster.node_of(&name).cli(&["EXISTS", &name]).int(), 1);
    let (reads, other) = (db.reads(), app(&cluster, &db).await);
    assert_eq!(exact(&other, 1).await, 1);
    assert_eq!((db.reads(), other.cache.stats().redis_hits), (reads + 1, 0));
    // The link of before has missed what was removed meanwhile; it ends with the next heartbeat.
    for app in [&one, &visitor] {
        let served = async || {
            let hits = app.cache.stats().redis_hits;
            exact(app, 1).await;
            (app.cache.stats().redis_hits > hits).then_some(())
        };
        eventually(SOON, "a hit again", served).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_takes_over_serves_nothing_that_was_removed() {
    let cluster = RedisCluster::start_with_replicas();
    let db = Db::new(0);
    let apps = [
        App::connected(config(&cluster), &db).await,
        App::connected(config(&cluster), &db).await,
    ];
    exact(&apps[0], 1).await;
    apps[0].has_stored(1).await;
    let slot = cluster.slot_of(&full_name(&cluster, "exact:1"));
    let readers = Readers::of(&apps, &[1]);
    let mut value = 0;
    for _ in 0..20 {
        value += 1;
        write(&apps[0], &readers.acknowledged, value).await;
    }
    let dead = cluster.serving(slot).unwrap();
    dead.kill9();
    let took_over = async || {
        value += 1;
        write(&apps[1], &readers.acknowledged, value).await;
        cluster
            .serving(slot)
            .is_some_and(|node| node.port() != dead.port())
            .then_some(())
    };
    eventually(Duration::from_secs(30), "a replica to take over", took_over).await;
    let hit = async || {
        let before = apps[1].cache.stats().redis_hits;
        exact(&apps[1], 1).await;
        let removed = apps[0].cache.invalidate_tag("items").await;
        (apps[1].cache.stats().redis_hits > before && removed.is_durable()).then_some(())
    };
    eventually(SOON, "a hit at the new master", hit).await;
    readers.found_nothing_stale().await;
}

/// A plain URL says nothing about a cluster: the server does, when it is reached.
#[tokio::test]
async fn the_plain_url_of_one_node_is_used_as_its_cluster_and_no_removal_is_lost_meanwhile() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let other = app(&cluster, &db).await;
    for id in 0..ITEMS {
        exact(&other, id).await;
    }
    other.has_stored(u64::from(ITEMS)).await;
    let node = &cluster.nodes()[1];
    // A node that stands still: this process does not learn yet whom it has to do with.
    node.freeze();
    let one = App::with(CacheConfig::default().redis_url(node.url()), &db);
    assert_eq!(item(&one, 1).await, 1);
    db.commit(2);
    for id in 0..ITEMS / 2 {
        let removed = one.cache.delete(format!("exact:{id}").as_str()).await;
        assert_eq!(removed.durability, Durability::Queued);
    }
    let removed = one.cache.invalidate_tag("items").await;
    assert_eq!(removed.durability, Durability::Queued);
    node.thaw();
    cluster.await_ok();
    one.reaches_redis().await;
    eventually(SOON, "the removals to be replayed", async || {
        (one.cache.journal_len() == 0).then_some(())
    })
    .await;
    other.reaches_redis().await;
    for id in 0..ITEMS {
        assert_eq!((exact(&one, id).await, exact(&other, id).await), (2, 2));
    }
    assert!(one.cache.invalidate_prefix("exact:").await.is_durable());
}

#[tokio::test]
async fn a_cluster_is_named_by_one_of_its_nodes_or_by_several() {
    let cluster = RedisCluster::start();
    let db = Db::new(1);
    let port = cluster.nodes()[1].port();
    for url in [
        format!("redis://127.0.0.1:{port}"),
        format!("redis-cluster://127.0.0.1:{port}"),
        format!("redis-cluster://127.0.0.1:1,127.0.0.1:{port}/"),
        format!("redis://127.0.0.1:{port},127.0.0.1:1/0"),
    ] {
        let app = App::connected(CacheConfig::default().redis_url(&url), &db).await;
        for id in 0..20 {
            item(&app, id).await;
        }
        let test = app.cache.test_connection().await;
        assert!(test.is_ok(), "{url}: {test:?}");
    }
    let error = Cache::new(CacheConfig::default().redis_url("redis://a,b/3")).unwrap_err();
    assert!(error.to_string().contains("database 0"), "{error}");
}
