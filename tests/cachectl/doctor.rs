//! `doctor`: a healthy server, and one that is not.

use cache_tests::RedisServer;
use serde_json::Value;

use crate::program::{SECRET, cachectl, cachectl_with};

/// Everything that the cache needs, within the namespace `app`.
const RULES: &str = "~app:* resetchannels &app:* +get +set +mget +getrange +setrange +exists +unlink +pttl +pexpire +evalsha \
                     +eval +script|load +zadd +zrem +zcard +zscore +zmscore +zrange +zrangebyscore +zrevrangebyscore \
                     +zremrangebyscore +zrangebylex +zlexcount +info +time +ping +role +hello +select +client +publish \
                     +subscribe +acl|whoami +dbsize +del +strlen +script|exists +pubsub|numsub +unsubscribe";

fn check<'a>(report: &'a Value, id: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["id"] == id);
    found.unwrap_or_else(|| panic!("no check `{id}` in {report:#}"))
}

fn refused(report: &Value) -> Vec<&str> {
    let commands = report["commands"].as_array().expect("commands");
    commands
        .iter()
        .filter(|command| command["allowed"] == false)
        .map(|command| command["command"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn a_healthy_server_is_found_healthy_and_nothing_stays_on_it() {
    let server = RedisServer::start();
    let ran = cachectl(&server.url(), &["doctor"]).await;
    ran.ends_with(0).says(&[
        "All is well.",
        "RESP3",
        "a master",
        "removal by prefix",
        "are allowed",
    ]);
    let report = cachectl(&server.url(), &["doctor", "--json"]).await;
    let report = report.ends_with(0).json();
    assert_eq!(report["verdict"], "ok");
    assert_eq!(refused(&report), [""; 0]);
    for id in [
        "connect",
        "auth",
        "permissions",
        "tracking",
        "pubsub",
        "clock",
        "latency",
        "test",
    ] {
        assert_eq!(check(&report, id)["status"], "ok", "{report:#}");
    }
    let operations = report["latency"].as_array().unwrap();
    assert_eq!(operations.len(), 6);
    for latency in operations {
        assert!(
            latency["samples"].as_u64() > Some(0)
                && latency["p50_ms"].as_f64() <= latency["max_ms"].as_f64()
        );
    }
    assert!(report["connection_test"]["get_ms"].as_f64() > Some(0.0));
    assert_eq!(server.keys(), [""; 0]);
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() {
    let server = RedisServer::builder().password("another").start();
    let url = server.url().replace("another", "hunter2-%25-s3cret");
    for arguments in [&["doctor"][..], &["keys"], &["clear", "--yes"], &["bench"]] {
        let ran = cachectl(&url, arguments).await;
        ran.ends_with(2)
            .says(&["WRONGPASS", "password in the URL is wrong", "%40"]);
    }
    let report = cachectl(&url, &["doctor", "--json"]).await;
    assert_eq!(report.ends_with(2).json()["verdict"], "no_connection");
    // Some write a password in the place of the user.
    let alone = server.url().replace(":another@", "hunter2-%25-s3cret@");
    cachectl(&alone, &["doctor"]).await.ends_with(2);
    let none = cachectl(&server.url().replace(":another@", ""), &["doctor"]).await;
    none.ends_with(2).says(&["NOAUTH", "the URL has none"]);
}

/// Servers before Redis 7 quote what follows a command that they do not know, and a proxy may know less than a server.
#[tokio::test]
async fn a_password_that_the_server_repeats_is_not_shown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let quoted = format!("`3`, `AUTH`, `default`, `{SECRET}`");
            let answer =
                format!("-ERR unknown command `HELLO`, with args beginning with: {quoted}\r\n");
            let mut asked = [0; 1024];
            while tokio::io::AsyncReadExt::read(&mut stream, &mut asked)
                .await
                .is_ok_and(|read| read > 0)
            {
                let _ =
                    tokio::io::AsyncWriteExt::write_all(&mut stream, answer.repeat(9).as_bytes())
                        .await;
            }
        }
    });
    let url = format!("redis://:hunter2-%25-s3cret@{address}");
    for arguments in [
        &["doctor"][..],
        &["doctor", "--json"],
        &["keys"],
        &["invalidate", "a:"],
    ] {
        cachectl(&url, arguments)
            .await
            .ends_with(2)
            .says(&["does not accept the user and the password"]);
    }
    echo.abort();
}

#[tokio::test]
async fn a_right_password_is_not_shown_either() {
    let server = RedisServer::builder().password(SECRET).start();
    for arguments in [
        &["doctor"][..],
        &["doctor", "--json"],
        &["stats"],
        &["stats", "--json"],
        &["keys"],
        &["clear", "--yes"],
        &["bench", "--seconds", "1", "--keys", "10"],
    ] {
        cachectl(&server.url(), arguments).await.ends_with(0);
    }
}

#[tokio::test]
async fn a_password_in_a_wrong_place_is_not_shown() {
    let url = format!("redis://u:{SECRET}@localhost");
    let port = format!("redis://u:{SECRET}@localhost:port");
    for arguments in [
        &[url.as_str()][..],
        &["--url", &port, "keys"],
        &["--url", SECRET, "keys"],
        &["keys", "--limit", &url],
        &["stats", &url],
        &["invalidate", "a", "b", &url],
    ] {
        cachectl("", arguments).await.ends_with(2);
    }
    cachectl("", &["--help"]).await.ends_with(0);
    cachectl(&url, &["--help"]).await.ends_with(0);
}

#[tokio::test]
async fn a_user_with_all_commands_that_are_named_is_enough() {
    let server = RedisServer::builder().acl("app", SECRET, RULES).start();
    let url = server.url_as("app", SECRET);
    let variables = [("REDIS_URL", url.as_str()), ("CACHE_NAMESPACE", "app")];
    let ran = cachectl_with(&variables, &["doctor"]).await;
    ran.ends_with(0).says(&["All is well."]);
}

#[tokio::test]
async fn commands_that_a_user_lacks_are_named_with_what_is_lost() {
    let rules = format!("{RULES} -zrangebylex -publish -client|tracking");
    let server = RedisServer::builder().acl("app", SECRET, &rules).start();
    let url = server.url_as("app", SECRET);
    let variables = [("REDIS_URL", url.as_str()), ("CACHE_NAMESPACE", "app")];
    let ran = cachectl_with(&variables, &["doctor"]).await;
    ran.ends_with(1).says(&[
        "ZRANGEBYLEX is refused: they stay in Redis until they expire",
        "PUBLISH is refused: in all processes of the namespace the memory tier only bridges outages",
        "CLIENT TRACKING is refused: the memory tier only bridges outages",
        "ACL SETUSER app +client|tracking",
        "ACL SETUSER app +zrangebylex",
    ]);
    let report = cachectl_with(&variables, &["doctor", "--json"]).await;
    let report = report.ends_with(1).json();
    assert_eq!(
        refused(&report),
        ["ZRANGEBYLEX", "CLIENT TRACKING", "PUBLISH"]
    );
    assert_eq!(report["verdict"], "problems");
    assert_eq!(check(&report, "tracking")["status"], "problem");
    // All three are features: the cache uses the server, so its latency is measured.
    assert_eq!(check(&report, "latency")["status"], "ok");
}

#[tokio::test]
async fn a_user_who_may_not_unsubscribe_is_told_whom_that_harms() {
    let rules = format!("{RULES} -unsubscribe");
    let server = RedisServer::builder().acl("app", SECRET, &rules).start();
    let url = server.url_as("app", SECRET);
    let variables = [("REDIS_URL", url.as_str()), ("CACHE_NAMESPACE", "app")];
    let report = cachectl_with(&variables, &["doctor", "--json"]).await;
    let report = report.ends_with(0).json();
    assert_eq!(refused(&report), ["UNSUBSCRIBE"]);
    assert_eq!(check(&report, "tracking")["status"], "ok");
}

#[tokio::test]
async fn a_user_who_may_not_run_scripts_is_told_that_the_cache_cannot_use_the_server() {
    let rules = format!("{RULES} -evalsha");
    let server = RedisServer::builder().acl("app", SECRET, &rules).start();
    let url = server.url_as("app", SECRET);
    let variables = [("REDIS_URL", url.as_str()), ("CACHE_NAMESPACE", "app")];
    let ran = cachectl_with(&variables, &["doctor"]).await;
    ran.ends_with(1).says(&[
        "EVALSHA is refused: the cache does not use this server",
        "not measured",
    ]);
    let ran = cachectl_with(&variables, &["invalidate", "jobs:"]).await;
    ran.ends_with(2).says(&["NOPERM", "cachectl doctor"]);
}

#[tokio::test]
async fn keys_and_channels_that_a_user_may_not_touch_are_told_from_commands() {
    let server = RedisServer::builder().acl("app", SECRET, RULES).start();
    let url = server.url_as("app", SECRET);
    let ran = cachectl_with(
        &[("REDIS_URL", &url), ("CACHE_NAMESPACE", "shop")],
        &["doctor"],
    )
    .await;
    ran.ends_with(1).says(&[
        "ACL SETUSER app '~shop:*'",
        "ACL SETUSER app '&shop:%ledger@0'",
    ]);
    ran.says_not(&["+get\n"]);
}

#[tokio::test]
async fn a_server_that_is_down_and_a_host_that_does_not_exist_are_told_apart() {
    let server = RedisServer::builder().stopped();
    let down = cachectl(&server.url(), &["doctor"]).await;
    down.ends_with(2).says(&["nothing listens there", "remedy"]);
    let unknown = cachectl("redis://cache.invalid:6379", &["doctor"]).await;
    unknown
        .ends_with(2)
        .says(&["the name of the host is not known"]);
    let socket = cachectl("unix:///nowhere/redis.sock", &["doctor"]).await;
    socket.ends_with(2).says(&["no socket with this name"]);
    let json = cachectl(&server.url(), &["stats", "--json"]).await;
    let json = json.ends_with(2).json();
    assert_eq!(json["exit_code"], 2);
    assert!(
        json["cause"].is_string() && json["remedy"].is_string(),
        "{json}"
    );
}

#[tokio::test]
async fn a_frozen_server_is_given_up_in_time() {
    let server = RedisServer::start();
    server.freeze();
    let ran = cachectl_with(
        &[("REDIS_URL", &server.url()), ("REDIS_CONNECT_TIMEOUT", "1")],
        &["doctor"],
    )
    .await;
    ran.ends_with(2).says(&["nobody answered in time"]);
    server.thaw();
}

#[tokio::test]
async fn policies_that_lose_entries_or_refuse_them_are_warned_of() {
    for (policy, word) in [
        ("noeviction", "refuses stores"),
        ("allkeys-random", "may evict the ledger"),
    ] {
        let server = RedisServer::builder()
            .config("maxmemory", "100mb")
            .config("maxmemory-policy", policy)
            .start();
        let ran = cachectl(&server.url(), &["doctor"]).await;
        ran.ends_with(0)
            .says(&[policy, word, "It works; 1 warning."]);
    }
}

#[tokio::test]
async fn a_key_of_another_program_at_the_ledgers_name_is_a_problem_with_a_way_out() {
    let server = RedisServer::start();
    server.cli(&["SET", "shop:%ledger", "mine"]);
    let variables = [("REDIS_URL", &*server.url()), ("CACHE_NAMESPACE", "shop")];
    for arguments in [&["doctor"][..], &["keys"], &["stats"]] {
        let ran = cachectl_with(&variables, arguments).await;
        ran.ends_with(1).says(&[
            "`shop:%ledger` holds something that is not ours",
            "CACHE_NAMESPACE",
        ]);
    }
    assert_eq!(server.cli(&["GET", "shop:%ledger"]).str(), "mine");
}
