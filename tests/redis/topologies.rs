//! The ways to a server: TLS, users, sockets, namespaces, sentinels; and what is said when the way is barred.

use std::time::Duration;

use cache_runtime::CacheConfig;
use cache_tests::{ChildProcess, Fault, FaultProxy, RedisServer, SentinelSet, eventually};

use crate::app::{App, Db, SOON, change_item, exact, item};
use crate::said::Said;

/// A miss, a hit, a hit in another process, a removal that reaches it.
async fn works(config: impl Fn() -> CacheConfig) {
    let db = Db::new(1);
    let config = || config().budget(SOON);
    let (one, other) = (
        App::connected(config(), &db).await,
        App::connected(config(), &db).await,
    );
    assert_eq!(item(&one, 1).await, 1);
    one.has_stored(1).await;
    assert_eq!(
        (item(&other, 1).await, item(&other, 1).await, db.reads()),
        (1, 1, 1)
    );
    change_item(&one, 1, 2).await;
    let follows = async || (item(&other, 1).await == 2).then_some(());
    eventually(SOON, "the removal to reach the other process", follows).await;
    assert_eq!((one.cache.journal_len(), item(&one, 1).await), (0, 2));
}

#[tokio::test]
async fn a_unix_socket_is_a_way() {
    let server = RedisServer::builder().unix_socket().start();
    works(|| CacheConfig::default().redis_url(server.url())).await;
}

#[tokio::test]
async fn a_password_is_a_way() {
    let server = RedisServer::builder().password("s3cr/et @:%").start();
    works(|| CacheConfig::default().redis_url(server.url())).await;
}

#[tokio::test]
async fn a_user_with_the_named_commands_is_enough() {
    let rules = "~app:* resetchannels &app:* +get +set +mget +getrange +setrange +exists +unlink +pttl +pexpire +evalsha +eval \
                 +script|load +zadd +zrem +zcard +zscore +zrange +zrangebyscore +zrevrangebyscore +zremrangebyscore \
                 +zrangebylex +zlexcount +info +time +ping +hello +select +client +publish +subscribe";
    let server = RedisServer::builder().acl("app", "secret", rules).start();
    works(|| {
        CacheConfig::default()
            .redis_url(server.url_as("app", "secret"))
            .namespace("app")
    })
    .await;
}

/// The program that the next test starts; by itself it does nothing.
#[tokio::test]
#[ignore = "runs as a child process, with a certificate authority of its own in the environment"]
async fn as_a_child_that_trusts_one_authority() {
    let Ok(url) = std::env::var("TLS_URL") else {
        return;
    };
    works(|| CacheConfig::default().redis_url(url.as_str())).await;
    println!("it works");
}

#[test]
fn tls_is_a_way_if_the_authority_is_trusted() {
    let server = RedisServer::builder().tls().start();
    let child = ChildProcess::builder(std::env::current_exe().unwrap())
        .arg("topologies::as_a_child_that_trusts_one_authority")
        .arg("--exact")
        .arg("--ignored")
        .arg("--nocapture")
        .env("SSL_CERT_FILE", server.ca())
        .env("TLS_URL", server.url())
        .spawn();
    let _ = child.line_where(3 * SOON, "that it works", |line| line.contains("it works"));
}

#[tokio::test]
async fn tls_with_an_unknown_authority_is_refused_and_the_body_serves() {
    let server = RedisServer::builder().tls().start();
    let (said, _guard) = Said::listen();
    let app = App::with(CacheConfig::default().redis_url(server.url()), &Db::new(7));
    assert_eq!(item(&app, 1).await, 7);
    said.eventually_mentions("certificate").await;
}

#[tokio::test]
async fn namespaces_do_not_touch_each_other() {
    let server = RedisServer::start();
    let config = |namespace: &str| {
        CacheConfig::default()
            .redis_url(server.url())
            .namespace(namespace)
            .budget(SOON)
    };
    let (one_db, other_db) = (Db::new(1), Db::new(2));
    let one = App::connected(config("one"), &one_db).await;
    let other = App::connected(config("one-more"), &other_db).await;
    for id in 0..10 {
        assert_eq!((item(&one, id).await, item(&other, id).await), (1, 2));
    }
    one.has_stored(10).await;
    other.has_stored(10).await;
    let removed = [
        one.cache.clear().await.removed,
        one.cache.invalidate_pattern("*").await.unwrap().removed,
        one.cache.invalidate_pattern("*:1").await.unwrap().removed,
        one.cache.invalidate_tag("items").await.removed,
    ];
    assert_eq!(removed, [10, 0, 0, 0]);
    // Also when the ledger and the catalogue are lost.
    server.cli(&["DEL", "one:%ledger", "one:%catalogue"]);
    assert_eq!(one.cache.clear().await.removed, 0);
    for id in 0..10 {
        assert_eq!(item(&other, id).await, 2);
    }
    assert_eq!(other_db.reads(), 10, "all still there");
}

#[tokio::test]
async fn a_namespace_in_another_keeps_its_entries_when_the_other_looks_for_its_own() {
    let server = RedisServer::start();
    let config = |namespace: &str| {
        CacheConfig::default()
            .redis_url(server.url())
            .namespace(namespace)
            .budget(SOON)
    };
    let inner_db = Db::new(2);
    let inner = App::connected(config("shop:eu"), &inner_db).await;
    for outer in ["shop", ""] {
        let outer = App::connected(config(outer), &Db::new(1)).await;
        for id in 0..10 {
            assert_eq!((item(&outer, id).await, item(&inner, id).await), (1, 2));
        }
        // Of its own, and below the other's name.
        let load = async || Ok::<_, ()>(3);
        let own = outer.cache.get_or_load("shop:eu:own", SOON, load).await;
        let own = own.and(outer.cache.get_or_load("eu:own", SOON, load).await);
        assert_eq!(own, Ok(3));
        outer.has_stored(12).await;
        inner.has_stored(10).await;
        assert_eq!(outer.cache.clear().await.removed, 12);
        for id in 0..10 {
            assert_eq!(exact(&inner, id).await, 2);
            assert_eq!(item(&inner, id).await, 2);
        }
    }
    assert_eq!(inner_db.reads(), 10 + 10, "all still there");
}

#[tokio::test]
async fn a_wrong_password_is_said_aloud_and_the_body_serves() {
    let server = RedisServer::builder().password("right").start();
    let (said, _guard) = Said::listen();
    let url = server.url().replace("right", "hunter2");
    let app = App::with(CacheConfig::default().redis_url(url), &Db::new(7));
    for id in 0..5 {
        assert_eq!(item(&app, id).await, 7);
    }
    assert_eq!(app.cache.health().await.status.as_str(), "degraded");
    let line = said.eventually_mentions("WRONGPASS").await;
    assert!(
        line.starts_with("ERROR") && line.contains("check user and password"),
        "{line}"
    );
    assert_eq!(said.mentions("WRONGPASS"), 1, "once, not at every probe");
    assert_eq!(
        said.mentions("hunter2") + said.mentions("right"),
        0,
        "{said:?}"
    );
    assert!(!format!("{:?}", app.cache).contains("hunter2"));
}

#[tokio::test]
async fn a_user_without_scripts_is_said_aloud_and_the_body_serves() {
    let rules = "~* &* +@all -evalsha -eval";
    let server = RedisServer::builder().acl("app", "hunter2", rules).start();
    let (said, _guard) = Said::listen();
    let app = App::with(
        CacheConfig::default().redis_url(server.url_as("app", "hunter2")),
        &Db::new(7),
    );
    for id in 0..50 {
        assert_eq!(item(&app, id).await, 7);
        assert_eq!(exact(&app, id).await, 7);
    }
    let line = said.eventually_mentions("NOPERM").await;
    assert!(line.starts_with("ERROR"), "{line}");
    assert!(said.mentions("NOPERM") <= 2, "{said:?}");
    change_item(&app, 1, 8).await;
    assert_eq!(
        item(&app, 1).await,
        8,
        "a write binds this process all the same"
    );
    assert_eq!(said.mentions("hunter2"), 0);
}

#[tokio::test]
async fn permissions_that_are_taken_away_and_given_back_are_noticed_and_every_call_is_answered() {
    let server = RedisServer::builder()
        .acl("app", "hunter2", "~* &* +@all")
        .start();
    let (said, _guard) = Said::listen();
    let db = Db::new(1);
    let url = server.url_as("app", "hunter2");
    let app = App::connected(CacheConfig::default().redis_url(url).budget(SOON), &db).await;
    for id in 0..10 {
        item(&app, id).await;
    }
    app.has_stored(10).await;

    server.cli(&["ACL", "SETUSER", "app", "-@all"]);
    db.commit(2);
    // Nobody has told this process anything: what memory held is still good.
    for id in 10..60 {
        assert_eq!((item(&app, id).await, exact(&app, id).await), (2, 2));
    }
    change_item(&app, 1, 3).await;
    assert_eq!(item(&app, 1).await, 3, "a write binds this process");
    // The heartbeat finds it out if no call has.
    app.has_lost_redis().await;
    let line = said.eventually_mentions("NOPERM").await;
    assert!(line.starts_with("ERROR"), "{line}");
    let errors = said.mentions("ERROR");
    for id in 60..160 {
        assert_eq!((item(&app, id).await, exact(&app, id).await), (3, 3));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        errors <= 2 && said.mentions("ERROR") <= 2,
        "once for the command and once for the connection, not at every probe: {said:?}"
    );

    server.cli(&["ACL", "SETUSER", "app", "+@all"]);
    app.reaches_redis().await;
    let replayed = async || (app.cache.journal_len() == 0).then_some(());
    eventually(SOON, "what waited to be replayed", replayed).await;
    let gone = async || (server.cli(&["EXISTS", "item:1"]).int() == 0).then_some(());
    eventually(SOON, "what was removed to be taken away", gone).await;
    let before = app.cache.stats().redis_hits;
    let used = async || {
        exact(&app, 1_000).await;
        (app.cache.stats().redis_hits > before).then_some(())
    };
    eventually(SOON, "Redis to be used again", used).await;
    assert_eq!(said.mentions("hunter2"), 0);
}

#[tokio::test]
async fn what_a_promoted_replica_never_heard_of_is_removed_there_too() {
    // A replica need not wait for others to come along.
    let master = RedisServer::builder()
        .config("repl-diskless-sync-delay", "0")
        .start();
    let (db, name) = (Db::new(1), FaultProxy::in_front_of(&master));
    // With restarts trusted, nothing but the repeat stands between the replica's entries and their readers.
    let config = || {
        CacheConfig::default()
            .redis_url(name.url())
            .trust_restart(true)
            .budget(SOON)
    };
    let (app, other) = (
        App::connected(config(), &db).await,
        App::connected(config(), &db).await,
    );
    let link = FaultProxy::in_front_of(&master);
    let replica = RedisServer::builder()
        .config("replicaof", &format!("127.0.0.1 {}", link.listen_port()))
        .start();
    for id in 0..10 {
        exact(&app, id).await;
    }
    app.has_stored(10).await;
    let copied = || (0..10).all(|id| replica.cli(&["STRLEN", &format!("exact:{id}")]).int() > 32);
    let follows = async || copied().then_some(());
    eventually(SOON, "the replica to have them", follows).await;

    link.set(Fault::BlackHole);
    db.commit(2);
    for removed in [
        app.cache.delete("exact:1").await,
        app.cache.invalidate_prefix("exact:2").await,
        app.cache.invalidate_pattern("*:3").await.unwrap(),
    ] {
        assert!(removed.is_durable() && removed.removed == 1, "{removed:?}");
    }
    master.kill9();
    assert!(copied(), "the replica has heard of none of it");
    replica.cli(&["REPLICAOF", "NO", "ONE"]);
    name.point_at(&replica);
    name.cut_all();
    // Whoever removed it repeats it before it reads there.
    for id in [1, 2, 3] {
        assert_eq!(exact(&app, id).await, 2);
    }
    app.reaches_redis().await;
    other.reaches_redis().await;
    for id in [1, 2, 3] {
        assert_eq!((exact(&app, id).await, exact(&other, id).await), (2, 2));
    }
    assert_eq!(exact(&app, 4).await, 1, "the replica is warm");
}

#[tokio::test]
async fn after_a_failover_the_new_master_serves_and_nothing_removed_comes_back() {
    let set = SentinelSet::start(1);
    let sentinel = set.sentinels()[0].port();
    let url = format!(
        "redis-sentinel://127.0.0.1:{sentinel}/{}",
        SentinelSet::MASTER_NAME
    );
    let config = || CacheConfig::default().redis_url(url.as_str());
    let db = Db::new(1);
    let (one, other) = (
        App::connected(config(), &db).await,
        App::connected(config(), &db).await,
    );
    for id in 0..20 {
        item(&one, id).await;
        exact(&other, id).await;
    }
    // The last removal may not have reached the replica when the master dies.
    db.commit(2);
    let removed = one.cache.clear().await;
    let before = [one.cache.stats().redis_hits, other.cache.stats().redis_hits];
    set.kill_master();
    for id in 0..20 {
        assert_eq!(item(&one, id).await, 2);
        if removed.is_durable() {
            assert_eq!(exact(&other, id).await, 2);
        }
    }
    one.reaches_redis().await;
    other.reaches_redis().await;
    let served = async || {
        exact(&one, 5).await;
        exact(&other, 5).await;
        let now = [one.cache.stats().redis_hits, other.cache.stats().redis_hits];
        (now[0] > before[0] && now[1] > before[1]).then_some(())
    };
    eventually(SOON, "answers from the new master", served).await;
    for id in 0..20 {
        assert_eq!((item(&one, id).await, exact(&other, id).await), (2, 2));
    }
}

#[tokio::test]
async fn a_node_whose_cluster_has_no_masters_is_recognised_and_memory_serves() {
    let (said, _guard) = Said::listen();
    let server = RedisServer::builder()
        .config("cluster-enabled", "yes")
        .config("cluster-config-file", "nodes.conf")
        .start();
    let app = App::with(CacheConfig::default().redis_url(server.url()), &Db::new(1));
    said.eventually_mentions("knows no masters yet").await;
    // Each bucket finds out for itself; then all have the same problem.
    eventually(SOON, "one note for all buckets", async || {
        let notes = app.cache.health().await.notes;
        let [note] = &notes[..] else { return None };
        note.contains("knows no masters yet").then_some(())
    })
    .await;
    for _ in 0..9 {
        item(&app, 1).await;
    }
    assert_eq!(app.db.reads(), 1);
    let error = app.cache.test_connection().await.unwrap_err().to_string();
    assert!(error.contains("knows no masters yet"), "{error}");
}
