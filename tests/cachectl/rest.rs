//! `bench`, `completions`, usage, settings.

use cache_tests::RedisServer;

use crate::program::{cachectl, cachectl_with};
use crate::store::Store;

#[tokio::test]
async fn a_measurement_leaves_nothing_behind_and_touches_nothing() {
    let server = RedisServer::start();
    let store = Store::on(&server, "shop").await;
    store.set("a", "x").await;
    store.is_catalogued(1).await;
    let before = server.keys();
    let variables = [("REDIS_URL", &*server.url()), ("CACHE_NAMESPACE", "shop")];
    let arguments = [
        "bench",
        "--seconds",
        "1",
        "--keys",
        "50",
        "--tasks",
        "4",
        "--bytes",
        "100",
    ];
    let ran = cachectl_with(&variables, &arguments).await;
    ran.ends_with(0).says(&[
        "read from Redis",
        "UNLINK",
        "RATIO",
        "BELOW",
        "█",
        "removed afterwards",
        "other programs are connected to this server",
    ]);
    assert_eq!(server.keys(), before);
    let json = cachectl_with(&variables, &[&arguments[..], &["--json"]].concat()).await;
    let json = json.ends_with(0).json();
    assert_eq!(server.keys(), before);
    let operations = json["operations"].as_array().unwrap();
    assert!(operations.len() >= 5, "{json:#}");
    for operation in operations {
        assert!(operation["ratio"].as_f64() > Some(0.0) && operation["count"].as_u64() > Some(0));
    }
    let counted: u64 = json["histogram"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|octave| octave["cache"].as_u64())
        .sum();
    assert_eq!(Some(counted), json["operations_total"].as_u64());
    assert_eq!(store.cache.get::<String>("a").await.as_deref(), Some("x"));
}

#[tokio::test]
async fn an_interrupted_measurement_leaves_nothing_behind() {
    let server = RedisServer::start();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cachectl_tested"));
    let child = command
        .env_clear()
        .env("REDIS_URL", server.url())
        .args(["bench", "--seconds", "60", "--json"])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    cache_tests::eventually(crate::store::SOON, "keys of the measurement", async || {
        (server.keys().len() > 100).then_some(())
    })
    .await;
    let pid = rustix::process::Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = tokio::time::timeout(3 * crate::store::SOON, child.wait_with_output());
    let output = ended.await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["interrupted"], true);
    assert_eq!(server.keys(), [""; 0]);
}

#[tokio::test]
async fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = cachectl("", &["completions", shell]).await;
        ran.ends_with(0)
            .says(&["cachectl", "invalidate", "dry-run", "max-unremoved-ttl"]);
    }
    cachectl("", &["completions", "tcl"])
        .await
        .ends_with(2)
        .says(&["bash"]);
}

#[tokio::test]
async fn wrong_usage_ends_with_2_and_says_what_is_right() {
    for arguments in [
        &[][..],
        &["nothing"],
        &["keys", "--nothing"],
        &["get"],
        &["invalidate"],
        &["bench", "--mix", "1:2", "--url", "redis://localhost"],
        &["bench", "--seconds", "0"],
        &["keys", "--namespace", "a b", "--url", "redis://localhost"],
    ] {
        let ran = cachectl("", arguments).await;
        ran.ends_with(2);
        assert!(!ran.stderr.is_empty(), "{arguments:?}");
    }
    cachectl("", &["keys"])
        .await
        .ends_with(2)
        .says(&["no Redis is named", "REDIS_URL"]);
    cachectl("http://localhost", &["keys"])
        .await
        .ends_with(2)
        .says(&["REDIS_URL: scheme `http://`"]);
    cachectl("", &["keys", "--url", "x"])
        .await
        .ends_with(2)
        .says(&["--url: not a URL"]);
}

#[tokio::test]
async fn options_come_before_the_environment() {
    let server = RedisServer::start();
    let store = Store::on(&server, "shop").await;
    store.set("a", "x").await;
    let wrong = [("REDIS_URL", "not a url"), ("CACHE_NAMESPACE", "other")];
    let ran = cachectl_with(
        &wrong,
        &["get", "a", "--url", &server.url(), "--namespace", "shop"],
    )
    .await;
    ran.ends_with(0).says(&["shop:a"]);
    let none = cachectl_with(
        &[("CACHE_NAMESPACE", "other")],
        &["--url", &server.url(), "--namespace", "", "get", "shop:a"],
    )
    .await;
    none.ends_with(1).says(&["namespace"]);
}
