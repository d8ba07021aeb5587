//! `keys`, `get` and `stats`.

use cache_tests::RedisServer;
use serde_json::Value;

use crate::program::{cachectl, cachectl_with};
use crate::store::Store;

/// A stale entry that is still stored: removed by the ledger alone, as it is until the removing process has unlinked it.
async fn make_stale(server: &RedisServer, store: &Store, pattern: &str, key: &str) {
    let full = format!("shop:{key}");
    let dump = server.cli(&["GET", &full]).bytes().to_vec();
    let ttl = server.cli(&["PTTL", &full]).int().to_string();
    store.cache.invalidate_pattern(pattern).await.unwrap();
    server.cli(&[b"SET", full.as_bytes(), &dump, b"PX", ttl.as_bytes()]);
    server.cli(&["ZADD", "shop:%catalogue", "0", &format!("k{key}")]);
}

fn entry<'a>(answer: &'a Value, key: &str) -> &'a Value {
    let entries = answer["entries"].as_array().expect("entries");
    let found = entries.iter().find(|entry| entry["key"] == key);
    found.unwrap_or_else(|| panic!("no `{key}` in {answer:#}"))
}

/// Six entries, two of them stale.
async fn shop() -> RedisServer {
    let server = RedisServer::start();
    let store = Store::on(&server, "shop").await;
    store.article(1, 7).await;
    store.article(2, 8).await;
    store.page(1).await;
    store.absence(1).await;
    store.set("jobs:list", "x").await;
    store.set("jobs:stats", "y").await;
    store.is_catalogued(6).await;
    make_stale(&server, &store, "jobs:l*", "jobs:list").await;
    make_stale(&server, &store, "#author:8", "article:2").await;
    server
}

#[tokio::test]
async fn entries_are_listed_with_what_made_them_stale() {
    let server = shop().await;
    let variables = [("REDIS_URL", &*server.url()), ("CACHE_NAMESPACE", "shop")];
    let answer = cachectl_with(&variables, &["keys", "--json"]).await;
    let names = answer.stdout.matches("\"state\":").count();
    let answer = answer.ends_with(0).json();
    assert_eq!(names, 6, "every name once in an object");
    assert_eq!(
        answer["entries"].as_array().map(Vec::len),
        Some(6),
        "{answer:#}"
    );
    let article = entry(&answer, "article:1");
    assert_eq!(
        (&article["state"], &article["codec"]),
        (&"fresh".into(), &"json".into())
    );
    assert_eq!(article["tags"], serde_json::json!(["author:7", "all"]));
    assert!(
        article["ttl_left_seconds"].as_f64() > Some(200.0)
            && article["age_seconds"].as_f64() < Some(60.0)
    );
    assert_eq!(entry(&answer, "page:1")["compression"], "zstd");
    assert_eq!(entry(&answer, "maybe:1")["none"], true);
    assert_eq!(entry(&answer, "jobs:stats")["codec"], "bincode");
    let by_prefix = entry(&answer, "jobs:list");
    assert_eq!(
        (&by_prefix["state"], &by_prefix["removed_by"]["pattern"]),
        (&"stale".into(), &"jobs:l*".into())
    );
    let by_tag = entry(&answer, "article:2");
    assert_eq!(
        (&by_tag["state"], &by_tag["removed_by"]["pattern"]),
        (&"stale".into(), &"#author:8".into())
    );
    assert!(by_tag["removed_by"]["seconds_ago"].as_f64() < Some(60.0));
}

#[tokio::test]
async fn entries_are_chosen_by_prefix_tag_and_state() {
    let server = shop().await;
    let variables = [("REDIS_URL", &*server.url()), ("CACHE_NAMESPACE", "shop")];
    let text = cachectl_with(&variables, &["keys", "jobs:"]).await;
    text.ends_with(0).says(&[
        "jobs:list",
        "jobs:stats",
        "ago by `jobs:l*`",
        "2 entries",
        "TTL LEFT",
    ]);
    text.says_not(&["article"]);
    let stale = cachectl_with(&variables, &["keys", "--stale"]).await;
    stale
        .says(&["jobs:list", "article:2"])
        .says_not(&["jobs:stats", "article:1"]);
    let tagged = cachectl_with(&variables, &["keys", "#author:7"]).await;
    tagged
        .says(&["article:1", "1 entry"])
        .says_not(&["article:2"]);
    let some = cachectl_with(&variables, &["keys", "--limit", "2", "--json"])
        .await
        .json();
    assert_eq!(
        (some["entries"].as_array().map(Vec::len), &some["more"]),
        (Some(2), &true.into())
    );
}

#[tokio::test]
async fn an_entry_is_shown_with_its_header_and_its_payload() {
    let server = RedisServer::start();
    let store = Store::on(&server, "shop").await;
    store.article(1, 7).await;
    store.page(1).await;
    store.absence(1).await;
    store.set("blob", "four").await;
    let variables = [("REDIS_URL", &*server.url()), ("CACHE_NAMESPACE", "shop")];
    let get = async |arguments: &[&str]| {
        let all = [&["get"], arguments].concat();
        cachectl_with(&variables, &all).await
    };

    let article = get(&["article:1"]).await;
    article.ends_with(0).says(&[
        "#author:7 #all",
        "fresh",
        "of 5m 0s left",
        r#"["article 1","von 7, größer"]"#,
    ]);
    let article = get(&["article:1", "--json"]).await.json();
    assert_eq!(
        article["payload"]["json"],
        serde_json::json!(["article 1", "von 7, größer"])
    );
    assert_eq!(article["name"], "shop:article:1");
    // With the namespace, as `redis-cli` shows it.
    get(&["shop:article:1"]).await.ends_with(0).says(&["von 7"]);

    let raw = get(&["page:1", "--raw"]).await;
    assert_eq!(
        raw.ends_with(0).stdout,
        serde_json::to_string(&"page 1 ".repeat(1000)).unwrap()
    );
    get(&["page:1"])
        .await
        .says(&["json+zstd", "--full shows all of it"]);
    get(&["page:1", "--full"]).await.says_not(&["--full"]);
    get(&["blob"])
        .await
        .ends_with(0)
        .says(&["binary", "04 66 6f 75 72", ".four"]);
    assert_eq!(
        get(&["blob", "--json"]).await.json()["payload"]["hex"],
        "04666f7572"
    );
    get(&["maybe:1"])
        .await
        .ends_with(0)
        .says(&["the value is None"]);
    get(&["nothing"])
        .await
        .ends_with(1)
        .says(&["nothing is stored at `nothing`", "remedy"]);
}

#[tokio::test]
async fn what_is_no_entry_is_said_to_be_none() {
    let server = RedisServer::start();
    let store = Store::on(&server, "shop").await;
    store.set("damaged", "something").await;
    store.set("moved", "something").await;
    let mut bytes = server.cli(&["GET", "shop:damaged"]).bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    server.cli(&[b"SET".as_slice(), b"shop:damaged", &bytes]);
    server.cli(&["RENAME", "shop:moved", "shop:elsewhere"]);
    server.cli(&["SET", "shop:foreign", "\x1b[2Jtheirs"]);
    server.cli(&["LPUSH", "shop:list", "a"]);
    let variables = [("REDIS_URL", &*server.url()), ("CACHE_NAMESPACE", "shop")];
    for (key, state, word) in [
        ("damaged", "unreadable", "checksum"),
        ("foreign", "foreign", "did not write it"),
    ] {
        cachectl_with(&variables, &["get", key])
            .await
            .ends_with(1)
            .says(&[word]);
        let json = cachectl_with(&variables, &["get", key, "--json"]).await;
        assert_eq!(json.ends_with(1).json()["state"], state);
    }
    let moved = cachectl_with(&variables, &["get", "elsewhere"]).await;
    moved.says(&["misplaced", "renamed or copied"]);
    cachectl_with(&variables, &["get", "list"])
        .await
        .ends_with(1)
        .says(&["no entry of a cache"]);
}

#[tokio::test]
async fn entries_of_before_a_restart_are_cold() {
    let server = RedisServer::builder().snapshots().start();
    let store = Store::on(&server, "").await;
    store.set("a", "x").await;
    store.is_catalogued(1).await;
    store.cache.close(crate::store::SOON).await;
    server.save();
    server.restart();
    let answer = cachectl(&server.url(), &["keys", "--json"]).await.json();
    assert_eq!(entry(&answer, "a")["state"], "cold");
    cachectl(&server.url(), &["get", "a"])
        .await
        .says(&["cold", "restarted"]);
    let trusting = [("REDIS_URL", &*server.url()), ("CACHE_TRUST_RESTART", "on")];
    // That setting is about entries that were written with it.
    cachectl_with(&trusting, &["get", "a"]).await.ends_with(0);
}

#[tokio::test]
async fn figures_are_those_of_the_server_and_of_the_namespace_and_nothing_is_written() {
    let server = RedisServer::start();
    let empty = cachectl_with(
        &[("REDIS_URL", &*server.url()), ("CACHE_NAMESPACE", "shop")],
        &["stats"],
    )
    .await;
    empty
        .ends_with(0)
        .says(&["no cache has used this namespace"]);
    cachectl(&server.url(), &["keys"])
        .await
        .ends_with(0)
        .says(&["no ledger"]);
    assert_eq!(server.keys(), [""; 0], "looking writes nothing");

    let store = Store::on(&server, "shop").await;
    store.article(1, 7).await;
    store.set("b", "x").await;
    store.is_catalogued(2).await;
    store.cache.invalidate_prefix("jobs:").await;
    let variables = [("REDIS_URL", &*server.url()), ("CACHE_NAMESPACE", "shop")];
    let stats = cachectl_with(&variables, &["stats", "--json"])
        .await
        .ends_with(0)
        .json();
    let (server_figures, cache) = (&stats["server"], &stats["cache"]);
    assert!(
        server_figures["memory_bytes"].as_u64() > Some(0) && server_figures["version"].is_string()
    );
    assert_eq!(
        (&cache["entries"], &cache["tagged"]),
        (&2.into(), &2.into())
    );
    assert_eq!(cache["ledger"]["latest"][0]["pattern"], "jobs:");
    assert!(cache["memory"]["entries_estimate_bytes"].as_u64() > Some(100));
    let watched = cachectl_with(
        &variables,
        &["stats", "--json", "--watch", "1", "--times", "2"],
    )
    .await;
    assert_eq!(watched.ends_with(0).stdout.lines().count(), 2);
}
