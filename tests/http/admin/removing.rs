//! Removals by pattern: checked, previewed, counted.

use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use cache_runtime::{Cache, CacheConfig};
use cache_tests::{RedisServer, eventually};
use serde_json::{Value, json};

use super::{ADMIN, SUPER, ask, fill, memory, with_tokens};

#[tokio::test]
async fn a_pattern_that_names_nothing_is_a_clear() {
    let cache = memory();
    let app = with_tokens(&cache);
    for pattern in [
        "*", "**", "*:*", "**:**", "*:", ":*", ":", "::", "*:*:*", "*::*", "#*", "#**", "#:",
        "#:*", "#::",
    ] {
        fill(&cache, &["stats", "user:1"]).await;
        let encoded: String = pattern.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/cache/invalidate?pattern={encoded}");
        let (status, body) = ask(&app, Method::POST, &path, Some(ADMIN)).await;
        assert_eq!(
            (status.as_u16(), &body["error"]["code"]),
            (403, &json!("forbidden")),
            "{pattern}"
        );
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains("super-admin token"), "{message}");
        assert_eq!(cache.get::<i32>("user:1").await, Some(1), "{pattern}");
        // Counting is looking.
        let preview = format!("{path}&preview=true");
        assert_eq!(
            ask(&app, Method::POST, &preview, Some(ADMIN)).await.0,
            200,
            "{pattern}"
        );
        assert_eq!(
            ask(&app, Method::POST, &path, Some(SUPER)).await.0,
            200,
            "{pattern}"
        );
    }
    for pattern in ["user:*", "*:roles", "*1*", "%23author:", "=stats"] {
        let path = format!("/cache/invalidate?pattern={pattern}");
        assert_eq!(
            ask(&app, Method::POST, &path, Some(ADMIN)).await.0,
            200,
            "{pattern}"
        );
    }
}

#[tokio::test]
async fn a_pattern_is_checked_before_it_is_used() {
    let app = with_tokens(&memory());
    let long = format!("pattern={}", "x".repeat(1025));
    for (query, said) in [
        ("", "missing"),
        ("pattern=", "empty"),
        ("pattern=user%3F", "`?`"),
        ("pattern=a%0Ab", "control"),
        ("pattern=%23a*b", "`*`"),
        ("pattern=a&pattern=b", "twice"),
        ("pattern=a&preview=maybe", "preview"),
        (long.as_str(), "1024"),
    ] {
        let path = format!("/cache/invalidate?{query}");
        let (status, body) = ask(&app, Method::POST, &path, Some(ADMIN)).await;
        let message = body["error"]["message"].as_str().unwrap();
        assert!(
            status == 400 && message.contains(said),
            "{query}: {status} {message}"
        );
    }
    for limit in ["0", "257", "x", "-1"] {
        let path = format!("/cache/hottest?limit={limit}");
        assert_eq!(ask(&app, Method::GET, &path, Some(ADMIN)).await.0, 400);
    }
}

async fn removes_what_it_previews(cache: &Cache, app: &Router) {
    fill(cache, &["user:1", "user:1:roles", "user:10", "jobs:list:0"]).await;
    let post = async |query: &str| {
        ask(
            app,
            Method::POST,
            &format!("/cache/invalidate?{query}"),
            Some(ADMIN),
        )
        .await
        .1
    };
    for (pattern, count) in [
        ("user:1", 2),
        ("user:*", 3),
        ("*:roles", 1),
        ("nobody:", 0),
        ("*", 4),
    ] {
        assert_eq!(
            post(&format!("preview=true&pattern={pattern}")).await,
            json!({ "pattern": pattern, "preview": true, "matching": count })
        );
    }
    assert_eq!(
        post("pattern=user:1").await,
        json!({ "pattern": "user:1", "preview": false, "removed": 2, "durability": "durable" })
    );
    assert_eq!(cache.get::<i32>("user:10").await, Some(1));
    assert_eq!(cache.get::<i32>("user:1").await, None);
    let (_, recent) = ask(app, Method::GET, "/cache/recent", Some(ADMIN)).await;
    let latest = &recent["invalidations"][0];
    assert_eq!(
        (&latest["patterns"], &latest["removed"]),
        (&json!(["user:1"]), &json!(2))
    );
    assert!(latest["at_ms"].as_u64() > Some(1_600_000_000_000));

    let (_, stats) = ask(app, Method::GET, "/cache/stats", Some(ADMIN)).await;
    assert_eq!(
        (&stats["entries"], &stats["journal"]),
        (&json!(2), &json!(0))
    );
    let (_, cleared) = ask(app, Method::DELETE, "/cache/clear", Some(SUPER)).await;
    assert_eq!(cleared, json!({ "removed": 2, "durability": "durable" }));
    assert_eq!(cache.get::<i32>("user:10").await, None);
}

#[tokio::test]
async fn in_memory_it_removes_what_it_previews() {
    let cache = memory();
    removes_what_it_previews(&cache, &with_tokens(&cache)).await;
}

#[tokio::test]
async fn in_redis_it_removes_what_it_previews_and_in_an_outage_it_says_so() {
    let soon = Duration::from_secs(10);
    let server = RedisServer::start();
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(soon)
        .namespace("shop");
    let cache = Cache::new(config).unwrap();
    let app = with_tokens(&cache);
    eventually(soon, "a connection", async || {
        cache.health().await.latency_ms.map(drop)
    })
    .await;
    removes_what_it_previews(&cache, &app).await;

    let (_, health) = ask(&app, Method::GET, "/cache/health", None).await;
    assert_eq!(
        (&health["status"], &health["backend"]),
        (&json!("healthy"), &json!("redis"))
    );
    let (_, stats) = ask(&app, Method::GET, "/cache/stats", Some(ADMIN)).await;
    assert_eq!(stats["breaker"], "closed");
    assert!(stats["redis_memory_bytes"].as_u64() > Some(100_000) && stats["redis_keys"].is_u64());

    server.kill9();
    eventually(soon, "the breaker", async || {
        let (_, stats) = ask(&app, Method::GET, "/cache/stats", Some(ADMIN)).await;
        (stats["breaker"] != "closed").then_some(())
    })
    .await;
    let (status, health) = ask(&app, Method::GET, "/cache/health", None).await;
    assert_eq!(
        (status, &health["status"], &health["backend"]),
        (StatusCode::OK, &json!("degraded"), &json!("memory"))
    );
    let path = "/cache/invalidate?pattern=user:";
    let (status, done) = ask(&app, Method::POST, path, Some(ADMIN)).await;
    assert_eq!(
        (status, &done["durability"]),
        (StatusCode::OK, &json!("queued"))
    );
    let (_, stats) = ask(&app, Method::GET, "/cache/stats", Some(ADMIN)).await;
    assert_eq!(
        (&stats["journal"], &stats["redis_keys"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(
        ask(&app, Method::GET, "/cache/hottest", Some(ADMIN))
            .await
            .0,
        StatusCode::OK
    );
    assert_eq!(
        ask(
            &app,
            Method::POST,
            &format!("{path}&preview=true"),
            Some(ADMIN)
        )
        .await
        .0,
        StatusCode::OK
    );
    assert_eq!(
        ask(&app, Method::DELETE, "/cache/clear", Some(SUPER))
            .await
            .0,
        StatusCode::OK
    );
}
