//! The framework's routes, under `/admin`.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use cache_runtime::http::AdminConfig;
use serde_json::Value;

use crate::office::{ADMIN, Client, SUPER_ADMIN, test};
use crate::world::{fill, gone};

const STATS: (Method, &str) = (Method::GET, "/admin/cache/stats");
const INVALIDATE: (Method, &str) = (Method::POST, "/admin/cache/invalidate?pattern=user:*");
const CLEAR: (Method, &str) = (Method::DELETE, "/admin/cache/clear");

async fn status(client: &Client, (method, path): (Method, &str)) -> u16 {
    client.send(method, path, None).await.status.as_u16()
}

#[test]
fn each_route_has_its_token() {
    test(async |client| {
        let (admin, super_admin) = (client.with_token(ADMIN), client.with_token(SUPER_ADMIN));
        let impostor = client.with_token("none that is known");
        for route in [STATS, INVALIDATE] {
            assert_eq!(status(&client, route.clone()).await, 401, "{route:?}");
            assert_eq!(status(&impostor, route.clone()).await, 401, "{route:?}");
            assert_eq!(status(&admin, route.clone()).await, 200, "{route:?}");
            assert_eq!(status(&super_admin, route.clone()).await, 200, "{route:?}");
        }
        assert_eq!(status(&client, CLEAR).await, 401);
        assert_eq!(status(&impostor, CLEAR).await, 401);
        assert_eq!(status(&admin, CLEAR).await, 403);
        assert_eq!(status(&super_admin, CLEAR).await, 200);
        // Who may use the office may not yet look after its cache.
        assert_eq!(status(&client.signed_in(1).await, STATS).await, 401);
    });
}

#[test]
fn while_no_token_is_set_all_but_health_is_closed() {
    test(async |client| {
        let closed = client.where_operators_are(AdminConfig::new());
        for route in [STATS, INVALIDATE, CLEAR] {
            let guess = closed.with_token(SUPER_ADMIN);
            assert_eq!(status(&guess, route.clone()).await, 403, "{route:?}");
        }
        let health = (Method::GET, "/admin/cache/health");
        assert_eq!(status(&closed, health).await, 200);
    });
}

#[test]
fn stats_say_what_is_there_and_how_it_is_used() {
    test(async |client| {
        let user = client.signed_in(1).await;
        let admin = client.with_token(ADMIN);
        let before = admin.get(STATS.1).await.body;
        user.get("/api/employees").await;
        user.get("/api/employees").await;
        let after = admin.get(STATS.1).await.body;
        let figure = |stats: &Value, name: &str| stats[name].as_f64().expect("a figure");
        let grown = |name| figure(&after, name) - figure(&before, name);
        // Permissions and page, twice: missed, then hit.
        let grown = (grown("entries"), grown("hits"), grown("misses"));
        assert_eq!(grown, (2.0, 2.0, 2.0));
        let rate =
            100.0 * figure(&after, "hits") / (figure(&after, "hits") + figure(&after, "misses"));
        assert!(
            (figure(&after, "hit_rate_percent") - rate).abs() < 0.01,
            "{after}"
        );
        for of_redis in ["redis_memory_bytes", "redis_keys"] {
            assert!(after.get(of_redis).is_some_and(Value::is_null), "{after}");
        }
    });
}

#[test]
fn health_has_every_figure() {
    test(async |client| {
        let health = client.get("/admin/cache/health").await;
        assert_eq!(health.status, StatusCode::OK);
        assert_eq!(health.body["status"], "healthy");
        assert_eq!(health.body["backend"], "memory");
        assert!(health.body.get("latency_ms").is_some_and(Value::is_null));
        let stats = health.body["stats"].as_object().expect("figures");
        let names: BTreeSet<_> = stats.keys().map(String::as_str).collect();
        let expected = [
            "hits",
            "misses",
            "hit_rate_percent",
            "redis_available",
            "memory_cache_size",
        ];
        assert_eq!(names, BTreeSet::from(expected));
        assert_eq!(stats["redis_available"], false);
    });
}

#[test]
fn an_operator_counts_before_removing() {
    test(async |client| {
        fill(&client).await;
        let admin = client.with_token(ADMIN);
        let preview = format!("{}&preview=true", INVALIDATE.1);
        let counted = admin.post(&preview, Value::Null).await;
        assert_eq!(counted.body["matching"], 9);
        assert_eq!(gone().await.len(), 0);
        let removed = admin.post(INVALIDATE.1, Value::Null).await;
        assert_eq!(removed.body["removed"], 9);
        assert_eq!(removed.body["durability"], "durable");
        assert_eq!(gone().await.len(), 9);
        let senseless = admin
            .post("/admin/cache/invalidate?pattern=a[b]", Value::Null)
            .await;
        assert_eq!(senseless.status, StatusCode::BAD_REQUEST);
        // It would be a clear.
        let everything = admin
            .post("/admin/cache/invalidate?pattern=*", Value::Null)
            .await;
        assert_eq!(everything.status, StatusCode::FORBIDDEN);
    });
}

#[test]
fn a_clear_leaves_nothing() {
    test(async |client| {
        fill(&client).await;
        let before = cache_runtime::cache()
            .health()
            .await
            .stats
            .memory_cache_size;
        let cleared = client.with_token(SUPER_ADMIN).delete(CLEAR.1).await;
        assert_eq!(cleared.body["removed"], before);
        let after = cache_runtime::cache()
            .health()
            .await
            .stats
            .memory_cache_size;
        assert_eq!(after, 0);
    });
}

/// It asks the routes beside it, by names that hold wherever it is nested.
#[test]
fn the_statistics_page_is_there() {
    test(async |client| {
        let page = client.get("/admin/cache/dashboard").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.header("content-type").starts_with("text/html"));
        let text = page.body.as_str().expect("a page");
        assert!(!text.contains("'/cache/") && !text.contains("\"/cache/"));
    });
}

#[test]
fn figures_for_alerts_are_there() {
    test(async |client| {
        client.signed_in(1).await.get("/api/employees").await;
        let answer = client.get("/metrics").await;
        let text = answer.body.as_str().expect("figures");
        let of_list = "function=\"payroll::employees::routes::page_of\",outcome=\"miss\"";
        assert!(text.contains(of_list), "{text}");
        assert!(text.contains("cache_memory_entries"), "{text}");
    });
}
