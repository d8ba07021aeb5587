//! Credentials that change while the program runs: no call notices it, no connection ends, and a provider that fails,
//! hangs or panics slows nobody down.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{CacheConfig, Credentials, FileCredentials};
use cache_tests::{FreePort, RedisCluster, RedisServer, SentinelSet, SentinelSettings, eventually};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::app::{App, CALL, Db, SOON, change_item, exact, item, timed};
use crate::said::Said;

const ALL: &str = "~* &* +@all";

/// A password that a test changes, as a provider gives it.
#[derive(Clone, Default)]
struct Vault {
    password: Arc<Mutex<String>>,
    asked: Arc<AtomicU32>,
}

impl Vault {
    fn holding(password: &str) -> Self {
        let vault = Self::default();
        vault.hold(password);
        vault
    }

    fn hold(&self, password: &str) {
        password.clone_into(&mut self.password.lock());
    }

    fn asked(&self) -> u32 {
        self.asked.load(SeqCst)
    }

    /// The given configuration, with this password of the user `app`. It is fetched again after three quarters of a
    /// second.
    fn opens(&self, config: CacheConfig) -> CacheConfig {
        let vault = self.clone();
        config.credentials(move || {
            vault.asked.fetch_add(1, SeqCst);
            let password = vault.password.lock().clone();
            async {
                let life = Duration::from_secs(1);
                Ok::<_, std::io::Error>(Credentials::new("app", password).valid_for(life))
            }
        })
    }
}

/// The ids of the connections of `app`.
fn connections(server: &RedisServer) -> BTreeSet<String> {
    connections_of(server, "app")
}

fn connections_of(server: &RedisServer, user: &str) -> BTreeSet<String> {
    let (list, user) = (server.cli(&["CLIENT", "LIST"]), format!(" user={user} "));
    let ours = list.str().lines().filter(|line| line.contains(&user));
    ours.filter(|line| line.contains("resp=3"))
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// Takes the old password away when the connections have been authenticated with the new one.
async fn rotate(servers: &[&RedisServer], vault: &Vault, old: &str, new: &str) {
    for server in servers {
        server.cli(&["ACL", "SETUSER", "app", &format!(">{new}")]);
    }
    vault.hold(new);
    let asked = vault.asked();
    let fetched = async || (vault.asked() > asked + 2).then_some(());
    eventually(SOON, "the new password to be fetched", fetched).await;
    for server in servers {
        // One connection for all questions: it authenticates once, and whatever else does is the cache.
        let control = Mutex::new(server.control(SOON).unwrap());
        let authenticated = || {
            let info = control.lock().call(&["INFO", "commandstats"]).unwrap();
            let calls = info.str().split_once("cmdstat_auth:calls=").unwrap().1;
            calls.split_once(',').unwrap().0.parse::<u64>().unwrap()
        };
        let before = authenticated();
        // Two processes authenticate once a second each.
        let used = async || (authenticated() >= before + 6).then_some(());
        eventually(SOON, "the new password to be used", used).await;
        server.cli(&["ACL", "SETUSER", "app", &format!("<{old}")]);
    }
}

/// Readers and a writer that run until they are told to stop. No call fails, none is late, none is stale.
struct Traffic {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

impl Traffic {
    fn over(app: &App, other: &App) -> Self {
        let (stop, calls) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let mut tasks = JoinSet::new();
        let acknowledged = Arc::new(AtomicU64::new(app.db_value()));
        for reader in [app, other] {
            let (reader, stop, calls) = (reader.clone(), stop.clone(), calls.clone());
            let acknowledged = acknowledged.clone();
            tasks.spawn(async move {
                while !stop.load(SeqCst) {
                    let at_least = acknowledged.load(SeqCst);
                    let read = exact(&reader, 1).await;
                    assert!(read >= at_least, "{read} after the removal for {at_least}");
                    calls.fetch_add(1, SeqCst);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
        }
        let (writer, stop_too) = (app.clone(), stop.clone());
        tasks.spawn(async move {
            while !stop_too.load(SeqCst) {
                let value = acknowledged.load(SeqCst) + 1;
                writer.db.commit(value);
                let removed = writer.cache.delete("exact:1").await;
                assert!(removed.is_durable(), "{removed:?}");
                acknowledged.store(value, SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self { stop, calls, tasks }
    }

    async fn end(mut self) -> u64 {
        self.stop.store(true, SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no call fails, and none is stale");
        }
        self.calls.load(SeqCst)
    }
}

/// Passwords change three times under traffic. All connections stay, and no outage is logged.
async fn rotates_unnoticed(
    servers: &[&RedisServer],
    vault: &Vault,
    config: impl Fn() -> CacheConfig,
) {
    let (said, _guard) = Said::listen();
    let db = Db::new(1);
    let config = || vault.opens(config()).budget(SOON);
    let (app, other) = (
        App::connected(config(), &db).await,
        App::connected(config(), &db).await,
    );
    let before: Vec<_> = servers.iter().map(|server| connections(server)).collect();
    assert!(before.iter().all(|ids| ids.len() == 2), "{before:?}");
    let traffic = Traffic::over(&app, &other);
    for (old, new) in [
        ("first", "second"),
        ("second", "third @:/#%é"),
        ("third @:/#%é", "fourth"),
    ] {
        rotate(servers, vault, old, new).await;
    }
    let calls = traffic.end().await;
    assert!(calls > 500, "{calls}");
    let after: Vec<_> = servers.iter().map(|server| connections(server)).collect();
    assert_eq!(before, after, "the same connections");
    assert_eq!(
        said.mentions("WARN") + said.mentions("ERROR"),
        0,
        "{said:?}"
    );
    assert_eq!(app.cache.health().await.notes, Vec::<String>::new());
    // Pushes still arrive.
    assert_eq!(item(&other, 7).await, item(&app, 7).await);
    change_item(&app, 7, 1_000_000).await;
    let follows = async || (item(&other, 7).await == 1_000_000).then_some(());
    eventually(SOON, "the removal to reach the other process", follows).await;
    // With the old password nobody comes in any more: a new connection needs the new one.
    for server in servers {
        for id in connections(server) {
            let id = id.trim_start_matches("id=").to_owned();
            server.cli(&["CLIENT", "KILL", "ID", &id]);
        }
    }
    app.reaches_redis().await;
    for secret in ["first", "second", "third", "fourth"] {
        assert_eq!(said.mentions(secret), 0, "{said:?}");
        assert!(!format!("{:?} {:?}", app.cache, config()).contains(secret));
    }
}

impl App {
    fn db_value(&self) -> u64 {
        1
    }
}

#[tokio::test]
async fn a_server_takes_new_passwords_over_the_live_connection() {
    let server = RedisServer::builder().acl("app", "first", ALL).start();
    let vault = Vault::holding("first");
    rotates_unnoticed(&[&server], &vault, || {
        CacheConfig::default().redis_url(server.url())
    })
    .await;
}

#[tokio::test]
async fn all_masters_of_a_cluster_take_new_passwords_over_their_live_connections() {
    let cluster = RedisCluster::start_with(&RedisServer::builder().acl("app", "first", ALL));
    let nodes: Vec<&RedisServer> = cluster.nodes().iter().collect();
    let hosts: Vec<String> = nodes
        .iter()
        .map(|node| format!("127.0.0.1:{}", node.port()))
        .collect();
    let vault = Vault::holding("first");
    rotates_unnoticed(&nodes, &vault, || {
        CacheConfig::default().redis_url(format!("redis-cluster://{}", hosts.join(",")))
    })
    .await;
}

#[tokio::test]
async fn after_a_failover_the_new_master_is_entered_with_the_latest_password() {
    let settings = SentinelSettings {
        server: RedisServer::builder().acl("app", "first", ALL),
        ..SentinelSettings::default()
    };
    let set = SentinelSet::start_with(1, &settings);
    let vault = Vault::holding("first");
    let url = format!(
        "redis-sentinel://127.0.0.1:{}/{}",
        set.sentinels()[0].port(),
        SentinelSet::MASTER_NAME
    );
    rotates_unnoticed(&[set.master()], &vault, || {
        CacheConfig::default().redis_url(url.as_str())
    })
    .await;
    let db = Db::new(1);
    let app = App::connected(
        vault.opens(CacheConfig::default().redis_url(url.as_str())),
        &db,
    )
    .await;
    for server in set.servers() {
        server.cli(&["ACL", "SETUSER", "app", "resetpass", ">fifth"]);
    }
    vault.hold("fifth");
    set.kill_master();
    app.reaches_redis().await;
    assert_eq!(exact(&app, 1).await, 1);
}

#[tokio::test]
async fn after_a_failover_the_sentinels_are_asked_with_their_latest_password() {
    let settings = SentinelSettings {
        sentinel: RedisServer::builder().acl("app", "first", "+@all"),
        ..SentinelSettings::default()
    };
    let set = SentinelSet::start_with(1, &settings);
    let sentinel = &set.sentinels()[0];
    let (port, master) = (sentinel.port(), SentinelSet::MASTER_NAME);
    let vault = Vault::holding("first");
    let watched = vault.clone();
    let config = CacheConfig::default()
        .redis_url(format!("redis-sentinel://127.0.0.1:{port}/{master}"))
        .sentinel_credentials(move || {
            watched.asked.fetch_add(1, SeqCst);
            let password = watched.password.lock().clone();
            async { Ok::<_, std::io::Error>(Credentials::new("app", password)) }
        });
    let app = App::connected(config, &Db::new(1)).await;
    let (said, _guard) = Said::listen();
    sentinel.cli(&["ACL", "SETUSER", "app", "resetpass", ">second"]);
    vault.hold("second");
    set.kill_master();
    app.reaches_redis().await;
    assert_eq!(exact(&app, 1).await, 1);
    assert!(vault.asked() >= 2);
    assert!(!format!("{said:?} {:?}", app.cache).contains("second"));
}

#[tokio::test]
async fn providers_of_both_kinds_that_hang_leave_time_to_ask_a_sentinel() {
    let settings = SentinelSettings {
        server: RedisServer::builder().acl("app", "first", ALL),
        sentinel: RedisServer::builder().acl("app", "first", "+@all"),
        ..SentinelSettings::default()
    };
    let set = SentinelSet::start_with(1, &settings);
    let (port, master) = (set.sentinels()[0].port(), SentinelSet::MASTER_NAME);
    let hangs = Arc::new(AtomicBool::new(false));
    let provider = |hangs: Arc<AtomicBool>| {
        move || {
            let hangs = hangs.load(SeqCst);
            async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                let life = Duration::from_secs(1);
                Ok::<_, std::io::Error>(Credentials::new("app", "first").valid_for(life))
            }
        }
    };
    let config = CacheConfig::default()
        .redis_url(format!("redis-sentinel://127.0.0.1:{port}/{master}"))
        .credentials(provider(hangs.clone()))
        .sentinel_credentials(provider(hangs.clone()));
    let app = App::connected(config, &Db::new(1)).await;
    hangs.store(true, SeqCst);
    // All that there is has expired, so each connection waits for both.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for id in connections(set.master()) {
        let id = id.trim_start_matches("id=");
        set.master().cli(&["CLIENT", "KILL", "ID", id]);
    }
    app.has_lost_redis().await;
    app.reaches_redis().await;
    // Redis is used again before the providers are given up.
    let notes = app.cache.health().await.notes;
    let is_given_up = |note: &String| note.contains("has not answered within");
    assert!(!notes.iter().any(is_given_up), "{notes:?}");
}

#[tokio::test]
async fn a_file_gives_the_password_of_the_sentinels() {
    let file = std::env::temp_dir().join(format!("sentinel-{}", std::process::id()));
    let settings = SentinelSettings {
        sentinel: RedisServer::builder().acl("app", "first", "+@all"),
        ..SentinelSettings::default()
    };
    let set = SentinelSet::start_with(1, &settings);
    let url = format!(
        "redis-sentinel://127.0.0.1:{}/{}",
        set.sentinels()[0].port(),
        SentinelSet::MASTER_NAME
    );
    let config = CacheConfig::default()
        .redis_url(url)
        .sentinel_credentials(FileCredentials::new(&file));
    let app = App::with(config, &Db::new(1));
    let told = async || {
        assert_eq!(item(&app, 1).await, 1);
        let notes = app.cache.health().await.notes;
        let fits = |note: &String| note.contains("sentinels") && note.contains("cannot be read");
        notes.iter().any(fits).then_some(())
    };
    eventually(SOON, "a note that the file is missing", told).await;
    std::fs::write(&file, "app:first\n").unwrap();
    app.reaches_redis().await;
    assert_eq!(app.cache.health().await.notes, Vec::<String>::new());
    // Health tells of the file while no sentinel has to be asked, and until it is there again.
    std::fs::remove_file(&file).unwrap();
    eventually(SOON, "a note that the file is gone", told).await;
    std::fs::write(&file, "app:first\n").unwrap();
    let is_well = async || app.cache.health().await.notes.is_empty().then_some(());
    eventually(SOON, "the end of the note", is_well).await;
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn a_password_that_the_server_refuses_at_a_new_connection_is_fetched_anew_at_once() {
    let server = RedisServer::builder().acl("app", "first", ALL).start();
    let vault = Vault::holding("first");
    let fetched = vault.clone();
    // Without an end: only a refusal makes it ask again.
    let config = CacheConfig::default()
        .redis_url(server.url())
        .credentials(move || {
            fetched.asked.fetch_add(1, SeqCst);
            let password = fetched.password.lock().clone();
            async { Ok::<_, std::io::Error>(Credentials::new("app", password)) }
        });
    let app = App::connected(config, &Db::new(1)).await;
    assert_eq!(vault.asked(), 1);
    let (said, _guard) = Said::listen();
    server.cli(&["ACL", "SETUSER", "app", "resetpass", ">second"]);
    vault.hold("second");
    for id in connections(&server) {
        server.cli(&["CLIENT", "KILL", "ID", id.trim_start_matches("id=")]);
    }
    app.has_lost_redis().await;
    app.reaches_redis().await;
    assert_eq!(vault.asked(), 2);
    assert_eq!(said.mentions("WRONGPASS"), 0, "{said:?}");
}

#[tokio::test]
async fn a_refused_password_leaves_the_connection_as_it_is_and_is_said_once() {
    let server = RedisServer::builder().acl("app", "first", ALL).start();
    let vault = Vault::holding("first");
    let app = App::connected(
        vault
            .opens(CacheConfig::default().redis_url(server.url()))
            .budget(SOON),
        &Db::new(1),
    )
    .await;
    let before = connections(&server);
    let (said, _guard) = Said::listen();
    vault.hold("hunter2");
    let noted = async || {
        let notes = app.cache.health().await.notes;
        notes
            .iter()
            .any(|note| note.contains("WRONGPASS"))
            .then_some(())
    };
    eventually(SOON, "a note of the refusal", noted).await;
    assert_eq!(app.cache.health().await.status.as_str(), "healthy");
    let asked = vault.asked();
    eventually(SOON, "the provider to be asked again", async || {
        exact(&app, 1).await;
        (vault.asked() > asked).then_some(())
    })
    .await;
    vault.hold("first");
    let forgotten = async || app.cache.health().await.notes.is_empty().then_some(());
    eventually(2 * SOON, "the note to go", forgotten).await;
    assert_eq!(before, connections(&server));
    assert_eq!(
        said.mentions("Redis refuses renewed credentials"),
        1,
        "{said:?}"
    );
    assert_eq!(said.mentions("hunter2"), 0, "{said:?}");
}

fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file).unwrap();
}

#[tokio::test]
async fn a_file_that_is_replaced_is_followed_and_one_that_is_missing_changes_nothing() {
    let first = "p @:/#% ü";
    let server = RedisServer::builder().acl("app", first, ALL).start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("redis");
    let (said, _guard) = Said::listen();
    let config = CacheConfig::default()
        .redis_url(server.url())
        .credentials(FileCredentials::new(&file))
        .budget(SOON);
    let app = App::with(config, &Db::new(1));
    // A program may start before its secrets are there.
    said.eventually_mentions("cannot be read").await;
    assert_eq!(item(&app, 1).await, 1);
    replace(&file, &format!("app:{first}\n"));
    app.reaches_redis().await;
    let before = connections(&server);

    // Another user. When the first one is deleted, Redis closes what is still authenticated as that.
    server.cli(&[
        "ACL", "SETUSER", "next", "on", ">second", "~*", "&*", "+@all",
    ]);
    replace(&file, "next:second");
    let same = async || (connections_of(&server, "next") == before).then_some(());
    eventually(SOON, "the same connection as another user", same).await;
    server.cli(&["ACL", "DELUSER", "app"]);

    let failures = said.mentions("the credentials provider fails");
    std::fs::remove_file(&file).unwrap();
    let noted = async || {
        let notes = app.cache.health().await.notes;
        let note = notes.iter().find(|note| note.contains("cannot be read"))?;
        assert!(note.contains("stay in use"), "{note}");
        Some(())
    };
    eventually(SOON, "a note about the file", noted).await;
    assert_eq!(exact(&app, 2).await, 1);
    assert_eq!(
        said.mentions("the credentials provider fails"),
        failures + 1
    );
    replace(&file, "next:second\n");
    let forgotten = async || app.cache.health().await.notes.is_empty().then_some(());
    eventually(SOON, "the note to go", forgotten).await;
    assert_eq!(before, connections_of(&server, "next"));
    assert_eq!(
        said.mentions("second") + said.mentions(first),
        0,
        "{said:?}"
    );
}

#[tokio::test]
async fn a_provider_that_fails_hangs_or_panics_delays_no_call() {
    let server = RedisServer::builder().acl("app", "first", ALL).start();
    for kind in ["fails", "hangs", "panics"] {
        let broken = Arc::new(AtomicBool::new(true));
        let told = broken.clone();
        let config = CacheConfig::default()
            .redis_url(server.url())
            .credentials(move || {
                let broken = told.load(SeqCst);
                async move {
                    match (broken, kind) {
                        (false, _) => {
                            Ok(Credentials::new("app", "first").valid_for(Duration::from_secs(1)))
                        }
                        (true, "fails") => Err(std::io::Error::other("the vault is sealed: first")),
                        (true, "hangs") => std::future::pending().await,
                        // Without the hook, whose backtrace would take the time of the calls on this thread.
                        (true, _) => std::panic::resume_unwind(Box::new("as the test wants it")),
                    }
                }
            });
        let (said, _guard) = Said::listen();
        let app = App::with(config, &Db::new(1));
        for id in 0..20 {
            let (read, took) = timed(exact(&app, id)).await;
            assert!(read == 1 && took < CALL, "{kind}: {took:?}");
        }
        if kind != "hangs" {
            said.eventually_mentions("the credentials provider fails")
                .await;
            assert_eq!(app.cache.health().await.status.as_str(), "degraded");
            broken.store(false, SeqCst);
            app.reaches_redis().await;
        } else {
            // It is given up after ten seconds.
            broken.store(false, SeqCst);
            let given_up = async || app.cache.health().await.stats.redis_available.then_some(());
            eventually(3 * SOON, "the provider to be asked again", given_up).await;
        }
        // Those that it gave stay in use while it is broken again, and expired.
        broken.store(true, SeqCst);
        let expired = async || {
            let notes = app.cache.health().await.notes;
            let is_told = notes.iter().any(|note| note.contains("have expired"));
            let (_, took) = timed(exact(&app, 1)).await;
            assert!(took < CALL, "{kind}: {took:?}");
            is_told.then_some(())
        };
        eventually(3 * SOON, "a note of the end", expired).await;
        // On a busy machine, the last call may have given Redis up for a moment.
        let healthy = async || {
            Some(app.cache.health().await).filter(|health| health.status.as_str() == "healthy")
        };
        let health = eventually(SOON, "a healthy cache", healthy).await;
        let quoted = health.notes.iter().any(|note| note.contains("first"));
        assert!(!quoted, "{:?}", health.notes);
        app.cache.close(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn names_and_passwords_with_special_characters_are_percent_encoded_in_urls() {
    let (user, password) = ("ünï@c:o/d#e%", "p@:/#% é?&=+");
    let server = RedisServer::builder().acl(user, password, ALL).start();
    let cluster = RedisCluster::start_with(&RedisServer::builder().acl(user, password, ALL));
    let set = SentinelSet::start_with(
        1,
        &SentinelSettings {
            server: RedisServer::builder().acl(user, password, ALL),
            ..SentinelSettings::default()
        },
    );
    let plain = server.url_as(user, password);
    let (login, _) = plain.split_once("://").unwrap().1.rsplit_once('@').unwrap();
    let sentinel = format!(
        "redis-sentinel://{login}@127.0.0.1:{}/{}",
        set.sentinels()[0].port(),
        SentinelSet::MASTER_NAME
    );
    let cluster_url = format!(
        "redis-cluster://{login}@127.0.0.1:{}",
        cluster.nodes()[0].port()
    );
    for url in [plain.clone(), sentinel, cluster_url] {
        let app = App::connected(CacheConfig::default().redis_url(url), &Db::new(1)).await;
        assert_eq!(item(&app, 1).await, 1);
        for text in [
            format!("{:?}", app.cache),
            app.cache
                .test_connection()
                .await
                .map_or_else(|error| error.to_string(), |_| String::new()),
        ] {
            assert!(!text.contains("p@") && !text.contains("p%40"), "{text}");
        }
    }
    // What was not encoded is explained.
    let port = FreePort::reserve().number();
    let error = cache_runtime::Cache::new(
        CacheConfig::default().redis_url(format!("redis://u:hunter2#1@127.0.0.1:{port}")),
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("percent-encoded") && !error.contains("hunter2"),
        "{error}"
    );
}
