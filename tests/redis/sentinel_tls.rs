//! Sentinels and masters that speak TLS, want passwords and client certificates; and what is said when they do not let
//! this process in.

use cache_runtime::{Cache, CacheConfig, Credentials};
use cache_tests::{Authority, RedisServer, SentinelSet, SentinelSettings, eventually};

use crate::app::{App, Db, SOON, change_item, exact, item};
use crate::said::Said;

const PASSWORD: &str = "p@:/#%é";
const SENTINEL_PASSWORD: &str = "of-the-sentinels";

/// [`PASSWORD`] in a URL.
const ENCODED: &str = "p%40%3A%2F%23%25%C3%A9";

/// A group that wants everything: TLS, client certificates, and a password of each kind of server.
fn guarded(authority: &Authority, sentinels: usize) -> SentinelSet {
    let files = authority.issue("server", &["127.0.0.1"]);
    let server = RedisServer::builder()
        .tls_with(&files)
        .client_certificates();
    SentinelSet::start_with(
        sentinels,
        &SentinelSettings {
            server: server.clone(),
            sentinel: server,
            password: Some(PASSWORD.to_owned()),
            sentinel_password: Some(SENTINEL_PASSWORD.to_owned()),
        },
    )
}

fn url(set: &SentinelSet, scheme: &str) -> String {
    let hosts: Vec<String> = set
        .sentinels()
        .iter()
        .map(|sentinel| format!("127.0.0.1:{}", sentinel.port()))
        .collect();
    let (hosts, master) = (hosts.join(","), SentinelSet::MASTER_NAME);
    format!("{scheme}://:{ENCODED}@{hosts}/{master}")
}

/// What leads to such a group.
fn let_in(set: &SentinelSet, authority: &Authority) -> CacheConfig {
    let own = authority.issue("client", &["client"]);
    CacheConfig::default()
        .redis_url(url(set, "rediss-sentinel"))
        .tls_ca_file(own.ca())
        .tls_client_files(own.certificate(), own.key())
        .sentinel_credentials(Credentials::new("", SENTINEL_PASSWORD))
}

/// The cache serves, and says why Redis does not.
async fn is_kept_out(config: CacheConfig, says: &[&str]) {
    let (said, _guard) = Said::listen();
    let app = App::with(config, &Db::new(7));
    let told = async || {
        assert_eq!(item(&app, 1).await, 7);
        let notes = app.cache.health().await.notes;
        let fits = |note: &String| says.iter().all(|word| note.contains(word));
        notes.iter().any(fits).then_some(())
    };
    eventually(SOON, &format!("a note with {says:?}"), told).await;
    // Memory answers although Redis never has.
    for _ in 0..9 {
        assert_eq!(item(&app, 1).await, 7);
    }
    assert_eq!(app.db.reads(), 1);
    let error = app.cache.test_connection().await.unwrap_err().to_string();
    for text in [error, format!("{:?} {:?}", app.cache, said)] {
        for secret in [PASSWORD, SENTINEL_PASSWORD, "PRIVATE KEY"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn a_failover_behind_tls_client_certificates_and_passwords_loses_nothing() {
    let authority = Authority::found();
    let set = guarded(&authority, 3);
    let db = Db::new(1);
    let config = || let_in(&set, &authority);
    let (one, other) = (
        App::connected(config(), &db).await,
        App::connected(config(), &db).await,
    );
    assert!(one.cache.test_connection().await.unwrap().tls);
    for id in 0..20 {
        item(&one, id).await;
        exact(&other, id).await;
    }
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
async fn whoever_lacks_one_of_the_keys_is_kept_out_and_told_which() {
    let authority = Authority::found();
    let set = guarded(&authority, 1);
    let config = || let_in(&set, &authority);
    App::connected(config(), &Db::new(1)).await;

    let wrong = config().sentinel_credentials(Credentials::new("", "hunter2"));
    is_kept_out(
        wrong,
        &["sentinel 127.0.0.1", "WRONGPASS", "REDIS_SENTINEL_PASSWORD"],
    )
    .await;

    let plain = url(&set, "rediss-sentinel");
    let none = CacheConfig::default()
        .redis_url(plain)
        .tls_ca_file(authority.issue("client", &["client"]).ca())
        .sentinel_credentials(Credentials::new("", SENTINEL_PASSWORD));
    is_kept_out(none, &["sentinel 127.0.0.1", "REDIS_TLS_CERT_FILE"]).await;

    let wrong = config().redis_url(url(&set, "rediss-sentinel").replace("p%40", "q"));
    is_kept_out(wrong, &["WRONGPASS", "user and password in the URL"]).await;

    let elsewhere = Authority::found();
    let stranger = elsewhere.issue("client", &["client"]);
    let unknown = config().sentinel_tls_ca_file(stranger.ca());
    is_kept_out(
        unknown,
        &[
            "sentinel 127.0.0.1",
            "invalid peer certificate",
            "REDIS_SENTINEL_TLS_CA_FILE",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_first_sentinel_that_hangs_does_not_keep_the_others_from_answering() {
    let set = SentinelSet::start(2);
    set.sentinels()[0].freeze();
    let hosts: Vec<String> = set
        .sentinels()
        .iter()
        .map(|one| format!("127.0.0.1:{}", one.port()))
        .collect();
    let url = format!(
        "redis-sentinel://{}/{}",
        hosts.join(","),
        SentinelSet::MASTER_NAME
    );
    App::connected(CacheConfig::default().redis_url(url), &Db::new(1)).await;
    set.sentinels()[0].thaw();
}

#[tokio::test]
async fn sentinels_and_master_may_differ_in_tls() {
    let authority = Authority::found();
    let files = authority.issue("server", &["127.0.0.1"]);
    let settings = SentinelSettings {
        server: RedisServer::builder().tls_with(&files),
        // It speaks TLS with the master, and answers without it on its own port.
        sentinel: RedisServer::builder()
            .config("tls-replication", "yes")
            .config("tls-cert-file", &files.certificate().to_string_lossy())
            .config("tls-key-file", &files.key().to_string_lossy())
            .config("tls-ca-cert-file", &files.ca().to_string_lossy()),
        ..SentinelSettings::default()
    };
    let set = SentinelSet::start_with(1, &settings);
    let config = CacheConfig::default()
        .redis_url(url(&set, "rediss-sentinel").replace(&format!(":{ENCODED}@"), ""))
        .tls_ca_file(files.ca())
        .sentinel_tls(false);
    App::connected(config, &Db::new(1)).await;
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_setting_and_files_are_read_anew_for_each_connection() {
    let authority = Authority::found();
    let files = authority.issue("server", &["127.0.0.1"]);
    let server = RedisServer::builder()
        .tls_with(&files)
        .client_certificates()
        .start();
    let own = authority.issue("client", &["client"]);
    let config = || {
        CacheConfig::default()
            .redis_url(server.url())
            .tls_ca_file(own.ca())
            .tls_client_files(own.certificate(), own.key())
    };
    let db = Db::new(1);
    let (one, other) = (
        App::connected(config().budget(SOON), &db).await,
        App::connected(config().budget(SOON), &db).await,
    );
    assert_eq!((item(&one, 1).await, item(&other, 1).await), (1, 1));
    change_item(&one, 1, 2).await;
    let follows = async || (item(&other, 1).await == 2).then_some(());
    eventually(SOON, "the removal to reach the other process", follows).await;

    // A key that was replaced without its certificate: the next connection says so, and the one after the repair works.
    let (said, _guard) = Said::listen();
    let key = std::fs::read(own.key()).unwrap();
    let stranger = authority.issue("stranger", &["client"]);
    std::fs::copy(stranger.key(), own.key()).unwrap();
    server.restart();
    said.eventually_mentions("the key does not belong to the certificate")
        .await;
    assert_eq!(item(&one, 1).await, 2);
    std::fs::write(own.key(), key).unwrap();
    one.reaches_redis().await;
}

#[test]
fn files_that_cannot_be_used_are_named_at_once_without_their_content() {
    let authority = Authority::found();
    let (own, other) = (
        authority.issue("own", &["a"]),
        authority.issue("other", &["b"]),
    );
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (junk, broken) = (
        file("junk.pem", "hunter2"),
        file("broken.pem", "-----BEGIN hunter2\nhunter2\n"),
    );
    let locked = file(
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let tls = || CacheConfig::default().redis_url("rediss://127.0.0.1:1");
    let missing = directory.path().join("missing.pem");
    for (config, says) in [
        (
            tls().tls_ca_file(&missing),
            ["tls_ca_file=", "missing.pem", "No such file"],
        ),
        (
            tls().tls_ca_file(&junk),
            ["tls_ca_file=", "junk.pem", "no certificate in PEM"],
        ),
        (
            tls().tls_ca_file(&broken),
            ["tls_ca_file=", "broken.pem", "not PEM"],
        ),
        (
            tls().tls_client_files(own.certificate(), other.key()),
            [
                "tls_client_files=",
                "other.key",
                "does not belong to the certificate",
            ],
        ),
        (
            tls().tls_client_files(own.certificate(), own.certificate()),
            ["tls_client_files=", "own.pem", "no private key"],
        ),
        (
            tls().tls_client_files(own.certificate(), &locked),
            ["tls_client_files=", "locked.key", "encrypted"],
        ),
        (
            tls().tls_client_files(own.key(), own.key()),
            ["tls_client_files=", "own.key", "no certificate"],
        ),
        (
            CacheConfig::default()
                .redis_url("redis://127.0.0.1:1")
                .tls_ca_file(own.ca()),
            ["tls_ca_file is set", "not encrypted", "rediss://"],
        ),
        (
            CacheConfig::default()
                .redis_url("redis-sentinel://127.0.0.1:1/m")
                .sentinel_tls_ca_file(own.ca()),
            [
                "sentinel_tls_ca_file is set",
                "not encrypted",
                "rediss-sentinel://",
            ],
        ),
    ] {
        let error = Cache::new(config).unwrap_err();
        let text = error.to_string();
        assert!(
            error.is_config() && says.iter().all(|word| text.contains(word)),
            "{text}"
        );
        assert!(!text.contains("hunter2") && !text.contains('\n'), "{text}");
    }
}
