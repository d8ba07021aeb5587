//! Servers that lack something, or do not allow it to a user: what is lost is said once in the log, in health and by the
//! doctor of `cachectl`, and no value is served that was removed.

use std::process::Stdio;
use std::sync::Arc;

use cache_runtime::{CacheConfig, cached};
use cache_tests::{RedisCluster, RedisServer, eventually};

use crate::app::{App, Db, SOON, exact, item};
use crate::p2_race::ALL;
use crate::said::Said;

const BRIDGES: &str = "the memory tier only bridges outages";

fn config(url: &str) -> CacheConfig {
    CacheConfig::default().redis_url(url).budget(SOON)
}

fn with(rules: &str) -> (RedisServer, String) {
    let server = RedisServer::builder().acl("app", "secret", rules).start();
    let url = server.url_as("app", "secret");
    (server, url)
}

/// What `cachectl doctor` prints.
async fn doctor(url: &str) -> String {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cachectl_tested"));
    let command = command.env_clear().env("REDIS_URL", url).arg("doctor");
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(6 * SOON, output)
        .await
        .unwrap()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("secret"), "{text}");
    text
}

/// Ends all connections of all programs, and waits until the cache has made new ones.
async fn reconnects(nodes: &[&RedisServer], app: &App, said: &Said) {
    let again = said.mentions("connected again");
    for node in nodes {
        for kind in ["normal", "pubsub"] {
            node.cli(&["CLIENT", "KILL", "TYPE", kind]);
        }
    }
    let new = async || (said.mentions("connected again") > again).then_some(());
    eventually(SOON, "another connection", new).await;
    app.reaches_redis().await;
}

/// Each removal of one process is followed by the other at its next read. `pushes`: of a function that accepts no delay of
/// them; without pushes, of one that reads memory first.
async fn removals_are_followed(url: &str, pushes: bool) {
    let db = Db::new(0);
    let reader = App::connected(config(url), &db).await;
    let writer = App::connected(config(url), &db).await;
    let kind = if pushes { "exact" } else { "item" };
    let read = async |app: &App| match pushes {
        true => exact(app, 1).await,
        false => item(app, 1).await,
    };
    let mut value = 0;
    for removal in ALL {
        for app in [&reader, &writer] {
            assert_eq!(read(app).await, value, "{removal:?}");
        }
        let before = reader.cache.stats().redis_hits;
        eventually(SOON, "a hit in Redis", async || {
            assert_eq!(read(&reader).await, value);
            (reader.cache.stats().redis_hits > before).then_some(())
        })
        .await;
        value += 1;
        db.commit(value);
        let removed = removal.run(&writer.cache, kind).await;
        assert!(removed.is_durable(), "{removal:?}");
        assert_eq!(read(&reader).await, value, "{removal:?}");
    }
    assert_eq!(reader.cache.stats().memory_hits, 0);
}

/// One line in the log, however often the cache connects; the same line in health, which is healthy; the same loss in the
/// words of the doctor.
async fn is_told(server: &RedisServer, url: &str, begins: &str, lost: &str, finding: &str) {
    let (said, guard) = Said::listen();
    let app = App::connected(config(url), &Db::new(1)).await;
    let line = said.eventually_mentions(begins).await;
    assert!(line.starts_with("WARN") && line.contains(lost), "{line}");
    reconnects(&[server], &app, &said).await;
    assert_eq!(said.mentions(begins), 1, "{said:?}");
    drop(guard);
    let health = app.cache.health().await;
    assert_eq!(health.status.as_str(), "healthy");
    let note = health.notes.iter().find(|note| note.starts_with(begins));
    let note = note.unwrap_or_else(|| panic!("no `{begins}` in {:?}", health.notes));
    assert!(
        line.contains(note),
        "the log says `{line}`, health `{note}`"
    );
    let found = doctor(url).await;
    let finding = format!("{finding}: {lost}");
    assert!(found.contains(&finding), "no `{finding}` in {found}");
}

#[tokio::test]
async fn without_resp3_every_read_asks_and_it_is_told_once() {
    let server = RedisServer::builder()
        .config("rename-command", "HELLO \"\"")
        .start();
    let url = server.url();
    is_told(
        &server,
        &url,
        "Redis speaks only RESP2",
        BRIDGES,
        "RESP2 only (`HELLO 3` is refused)",
    )
    .await;
    removals_are_followed(&url, false).await;
}

#[tokio::test]
async fn without_tracking_every_read_asks_and_it_is_told_once() {
    let (server, url) = with("~* &* +@all -client|tracking");
    is_told(
        &server,
        &url,
        "CLIENT TRACKING is refused",
        BRIDGES,
        "CLIENT TRACKING is refused",
    )
    .await;
    removals_are_followed(&url, false).await;
}

#[tokio::test]
async fn without_subscriptions_every_read_asks_and_it_is_told_once() {
    let (server, url) = with("~* &* +@all -subscribe");
    is_told(
        &server,
        &url,
        "SUBSCRIBE to the ledger's channel is refused",
        BRIDGES,
        "SUBSCRIBE is refused",
    )
    .await;
    removals_are_followed(&url, false).await;
}

const ALL_PROCESSES: &str =
    "in all processes of the namespace the memory tier only bridges outages";

#[tokio::test]
async fn without_the_right_to_publish_every_read_asks_and_it_is_told_once() {
    for rules in ["~* &* +@all -publish", "resetchannels ~* +@all"] {
        let (server, url) = with(rules);
        is_told(
            &server,
            &url,
            "PUBLISH to the ledger's channel is refused",
            ALL_PROCESSES,
            "PUBLISH is refused",
        )
        .await;
        removals_are_followed(&url, false).await;
    }
}

/// A writer that may not publish, and a reader who relies on what is published.
#[tokio::test]
async fn who_may_not_publish_does_not_use_redis_beside_those_who_rely_on_messages() {
    let (server, url) = with("~* &* +@all -publish");
    let all = server.url_as("test-control", "");
    let db = Db::new(1);
    let reader = App::connected(config(&all), &db).await;
    let (said, guard) = Said::listen();
    let writer = App::with(config(&url), &db);
    let line = said.eventually_mentions("rely on such messages").await;
    assert!(
        line.starts_with("ERROR") && line.contains("Redis is not used until this is allowed"),
        "{line}"
    );
    assert_eq!(exact(&reader, 1).await, 1);
    db.commit(2);
    let removed = writer.cache.invalidate_prefix("exact:").await;
    assert!(!removed.is_durable(), "the reader would not hear of it");
    let notes = writer.cache.health().await.notes.join(" ");
    assert!(notes.contains("rely on such messages"), "{notes}");
    assert_eq!(said.mentions("rely on such messages"), 1, "{said:?}");
    drop(guard);

    // When the reader is gone, the writer is used, and what waited is removed; later readers know that they must ask.
    reader.cache.close(SOON).await;
    drop(reader);
    writer.reaches_redis().await;
    let (said, _guard) = Said::listen();
    let reader = App::connected(config(&all), &db).await;
    said.eventually_mentions("another user of this namespace may not PUBLISH")
        .await;
    for value in 3..8 {
        assert_eq!(exact(&reader, 1).await, value - 1);
        db.commit(value);
        assert!(writer.cache.invalidate_prefix("exact:").await.is_durable());
        assert_eq!(exact(&reader, 1).await, value);
    }
    assert_eq!(reader.cache.stats().memory_hits, 0);
}

#[cached(invalidates = "item:", cache = app.cache)]
async fn change_all(app: &App, value: u64) {
    app.db.commit(value);
}

/// A reader came when the ledger with the mark was lost, so it relies on messages. The mark of the next ledger is by another
/// process, which was refused.
#[tokio::test]
async fn who_may_not_publish_does_not_trust_the_mark_of_a_ledger_that_it_has_not_opened() {
    let (server, url) = with("~* &* +@all -publish");
    let all = server.url_as("test-control", "");
    let db = Db::new(1);
    let writer = App::connected(config(&url), &db).await;
    assert_eq!(item(&writer, 1).await, 1);
    // Its heartbeat would tell the writer in a second; it is to remove something before.
    server.cli(&["DEL", "%ledger"]);
    let reader = App::connected(config(&all), &db).await;
    server.cli(&["ZADD", "%ledger", "0", "q"]);
    eventually(SOON, "a copy in memory", async || {
        assert_eq!(item(&reader, 1).await, 1);
        (reader.cache.stats().memory_hits > 0).then_some(())
    })
    .await;
    let queued = writer.cache.stats().queued;
    change_all(&writer, 2).await;
    // At once: the stale entry is deleted soon, and Redis pushes that, too.
    let read = item(&reader, 1).await;
    assert!(
        writer.cache.stats().queued > queued || read == 2,
        "acknowledged, and the reader relies on a message that was not sent"
    );
}

#[tokio::test]
async fn without_info_it_is_told_once_and_pushes_serve_memory_all_the_same() {
    let (server, url) = with("~* &* +@all -info");
    let lost = "a restarted or promoted server is recognized by a script in its memory instead";
    is_told(
        &server,
        &url,
        "INFO is refused, or shows no stable run id",
        lost,
        "INFO is refused",
    )
    .await;
    removals_are_followed(&url, true).await;
}

/// A snapshot brings back the entry and the ledger of before the removal. Nothing in it tells the run.
#[tokio::test]
async fn without_info_a_snapshot_does_not_bring_back_what_was_removed() {
    for lacking in ["-info", "-info -role"] {
        let rules = format!("~* &* +@all {lacking}");
        let server = RedisServer::builder()
            .snapshots()
            .acl("app", "secret", &rules)
            .start();
        let url = server.url_as("app", "secret");
        let db = Db::new(1);
        let one = App::connected(config(&url), &db).await;
        assert_eq!(exact(&one, 1).await, 1);
        one.has_stored(1).await;
        server.cli(&["SAVE"]);
        db.commit(2);
        assert!(one.cache.invalidate_prefix("exact:").await.is_durable());
        one.cache.close(SOON).await;
        drop(one);
        server.kill9();
        server.restart();
        assert_eq!(
            server.cli(&["EXISTS", "exact:1"]).int(),
            1,
            "the snapshot has it"
        );
        // Another process, which has never heard of the removal.
        let other = App::connected(config(&url), &db).await;
        assert_eq!(exact(&other, 1).await, 2, "{lacking}");
        // The same run is recognized: what it stored is used by the next process.
        other.has_stored(1).await;
        let third = App::connected(config(&url), &db).await;
        let reads = db.reads();
        assert_eq!(exact(&third, 1).await, 2);
        assert_eq!(db.reads(), reads, "a hit");
    }
}

/// How many connections the server has accepted.
fn connections(server: &RedisServer) -> u64 {
    let stats = server.cli(&["INFO", "stats"]);
    let line = stats
        .str()
        .lines()
        .find_map(|line| line.strip_prefix("total_connections_received:"));
    line.unwrap().trim().parse().unwrap()
}

/// Redis is not used: calls go on, removals wait, and one line tells why.
async fn is_not_used(server: &RedisServer, url: &str, why: &str, finding: &str) {
    let (said, guard) = Said::listen();
    let db = Db::new(1);
    let app = App::with(CacheConfig::default().redis_url(url), &db);
    let line = said.eventually_mentions(why).await;
    assert_eq!(item(&app, 1).await, 1);
    db.commit(2);
    assert!(!app.cache.invalidate_prefix("item:").await.is_durable());
    assert_eq!(item(&app, 1).await, 2);
    // Many attempts later it is still one line.
    let before = connections(server);
    let tried = async || (connections(server) > before + 5).then_some(());
    eventually(SOON, "further attempts", tried).await;
    assert_eq!(said.mentions(why), 1, "{said:?}");
    drop(guard);
    let health = app.cache.health().await;
    assert_eq!(health.status.as_str(), "degraded");
    let note = health.notes.iter().find(|note| note.contains(why));
    let note = note.unwrap_or_else(|| panic!("no `{why}` in {:?}", health.notes));
    let reason = note
        .split_once("Redis: ")
        .map_or(note.as_str(), |(_, reason)| reason);
    assert!(
        line.contains(reason),
        "the log says `{line}`, health `{note}`"
    );
    let found = doctor(url).await;
    assert!(found.contains(finding), "no `{finding}` in {found}");
}

#[tokio::test]
async fn without_scripts_redis_is_not_used_and_it_is_told_once() {
    let (server, url) = with("~* &* +@all -@scripting");
    is_not_used(
        &server,
        &url,
        "scripts are refused",
        "EVALSHA is refused: the cache does not use this server",
    )
    .await;
    let server = RedisServer::builder()
        .config("rename-command", "EVALSHA \"\"")
        .start();
    is_not_used(
        &server,
        &server.url(),
        "scripts are refused",
        "EVALSHA is refused: the cache does not use this server",
    )
    .await;
}

#[tokio::test]
async fn a_replica_is_not_used_and_its_master_is_asked_for_once() {
    let master = RedisServer::start();
    let replica = RedisServer::builder()
        .config("replicaof", &format!("127.0.0.1 {}", master.port()))
        .start();
    is_not_used(
        &replica,
        &replica.url(),
        "use the address of its master",
        "this server is a replica",
    )
    .await;
}

fn cluster_for(rules: &[&str]) -> (RedisCluster, String) {
    let cluster = RedisCluster::start();
    for node in cluster.nodes() {
        node.cli(
            &[
                &[
                    "ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all",
                ][..],
                rules,
            ]
            .concat(),
        );
    }
    let urls: Vec<String> = cluster
        .nodes()
        .iter()
        .map(|node| format!("127.0.0.1:{}", node.port()))
        .collect();
    let url = format!("redis://app:secret@{}", urls.join(","));
    (cluster, url)
}

#[tokio::test]
async fn a_cluster_that_does_not_say_who_serves_what_is_not_used_and_all_buckets_say_it_once() {
    let (cluster, url) = cluster_for(&["-cluster"]);
    is_not_used(
        &cluster.nodes()[0],
        &url,
        "ACL SETUSER <user> +cluster|slots",
        "+cluster|slots",
    )
    .await;
}

#[tokio::test]
async fn what_all_buckets_of_a_cluster_lack_is_said_once() {
    let (cluster, url) = cluster_for(&["-client|tracking", "-info"]);
    let (said, guard) = Said::listen();
    let app = App::connected(config(&url), &Db::new(1)).await;
    for begins in [
        "CLIENT TRACKING is refused",
        "INFO is refused, or shows no stable run id",
    ] {
        said.eventually_mentions(begins).await;
    }
    let nodes: Vec<&RedisServer> = cluster.nodes().iter().collect();
    reconnects(&nodes, &app, &said).await;
    for begins in [
        "CLIENT TRACKING is refused",
        "INFO is refused, or shows no stable run id",
    ] {
        assert_eq!(said.mentions(begins), 1, "{begins}: {said:?}");
    }
    drop(guard);
    assert_eq!(app.cache.health().await.notes.len(), 2);
    removals_are_followed(&url, false).await;
}

#[tokio::test]
async fn a_lost_master_is_named_in_the_log_and_its_buckets_are_counted_by_health() {
    let cluster = RedisCluster::start();
    let urls: Vec<String> = cluster
        .nodes()
        .iter()
        .map(|node| format!("127.0.0.1:{}", node.port()))
        .collect();
    let (said, _guard) = Said::listen();
    let app: Arc<App> =
        Arc::new(App::connected(config(&format!("redis://{}", urls.join(","))), &Db::new(1)).await);
    assert_eq!(app.cache.health().await.notes, [""; 0]);
    cluster.nodes()[1].kill9();
    let line = said
        .eventually_mentions("a master of the Redis Cluster is lost")
        .await;
    assert!(line.contains(&urls[1]), "{line}");
    for (at, url) in urls.iter().enumerate() {
        let lost = format!("node={url}");
        assert_eq!(said.mentions(&lost) > 0, at == 1, "{said:?}");
    }
    eventually(SOON, "health to name the master", async || {
        let health = app.cache.health().await;
        let expected = format!("6 of 16 buckets of keys, at {}, are without Redis", urls[1]);
        let is_named = health
            .notes
            .iter()
            .filter(|note| note.starts_with(&expected))
            .count()
            == 1;
        (is_named && health.status.as_str() == "degraded").then_some(())
    })
    .await;
}
