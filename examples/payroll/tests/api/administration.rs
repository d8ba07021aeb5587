//! The routes under `/api/cache`: their exact answers.

use axum::http::{Method, StatusCode};
use cache_runtime::http::AdminConfig;
use serde_json::{Value, json};

use crate::office::{ADMIN, Answer, Client, SUPER_ADMIN, test};
use crate::world::{fill, gone};

const STATS: (Method, &str) = (Method::GET, "/api/cache/stats");
const INVALIDATE: (Method, &str) = (Method::POST, "/api/cache/invalidate?pattern=user:*");
const HEALTH: (Method, &str) = (Method::GET, "/api/cache/health");
const CLEAR: (Method, &str) = (Method::DELETE, "/api/cache/clear");

async fn send(client: &Client, (method, path): (Method, &str)) -> Answer {
    client.send(method, path, None).await
}

/// The names in an object, in their order.
fn names(object: &Value) -> Vec<&str> {
    let object = object.as_object().expect("an object");
    let mut names: Vec<_> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// `2025-11-22T10:30:00Z`
fn is_rfc3339(value: &Value) -> bool {
    let shape = |byte: u8| if byte.is_ascii_digit() { b'0' } else { byte };
    let text = value.as_str().unwrap_or_default();
    text.bytes()
        .map(shape)
        .eq(b"0000-00-00T00:00:00Z".iter().copied())
}

#[test]
fn stats_are_in_their_envelope() {
    test(async |client| {
        let user = client.signed_in(1).await;
        let admin = client.with_token(ADMIN);
        let before = send(&admin, STATS).await.body;
        user.get("/api/employees").await;
        user.get("/api/employees").await;
        let stats = send(&admin, STATS).await;
        assert_eq!(stats.status, StatusCode::OK);
        assert_eq!(names(&stats.body), ["data", "metadata", "success"]);
        assert_eq!(stats.body["success"], true);
        let data = &stats.body["data"];
        let grown = |name: &str| {
            let of = |body: &Value| body["data"][name].as_u64().expect("a whole number");
            of(&stats.body) - of(&before)
        };
        // Permissions and page, twice: missed, then hit.
        assert_eq!(grown("cache_hits"), 2);
        assert_eq!(grown("cache_misses"), 2);
        assert_eq!(grown("total_entries"), 2);
        let (hits, misses) = (data["cache_hits"].as_f64(), data["cache_misses"].as_f64());
        let (hits, misses) = (hits.expect("a number"), misses.expect("a number"));
        let rate = data["hit_rate_percent"].as_f64().expect("a number");
        assert!(
            (rate - 100.0 * hits / (hits + misses)).abs() < 0.01,
            "{data}"
        );
        assert_eq!(
            names(data),
            [
                "cache_hits",
                "cache_misses",
                "hit_rate_percent",
                "redis_keys_total",
                "redis_memory",
                "status",
                "total_entries"
            ]
        );
        assert_eq!(data["status"], "available");
        assert_eq!(
            (&data["redis_memory"], &data["redis_keys_total"]),
            (&Value::Null, &Value::Null)
        );
        let metadata = &stats.body["metadata"];
        assert!(
            is_rfc3339(&metadata["timestamp"]) && is_rfc3339(&metadata["started_at"]),
            "{metadata}"
        );
        assert_eq!(metadata["backend"], "memory");
        assert_eq!(metadata["instance"], cache_runtime::cache().instance().id);
        assert_eq!(metadata["pending_invalidations"], 0);
    });
}

#[test]
fn an_invalidation_tells_its_count_and_the_pattern_as_it_was_sent() {
    test(async |client| {
        fill(&client).await;
        let admin = client.with_token(ADMIN);
        let told = |count: u64, pattern: &str| {
            json!({ "success": true, "data": {
                "success": true, "message": "Cache invalidation completed", "deleted_count": count, "pattern": pattern
            } })
        };
        // However it is written: `user:*` and `user:` are one pattern to the cache.
        for (sent, pattern, count) in [
            ("user:*", "user:*", 9),
            ("user:", "user:", 0),
            ("employee%3Alist%3A*", "employee:list:*", 2),
            ("=salary:R100:12", "=salary:R100:12", 1),
            ("%23nobody", "#nobody", 0),
            ("caf%C3%A9:**", "café:**", 0),
        ] {
            let path = format!("/api/cache/invalidate?pattern={sent}");
            let answer = admin.post(&path, Value::Null).await;
            assert_eq!(answer.status, StatusCode::OK, "{sent}");
            assert_eq!(answer.body, told(count, pattern), "{sent}");
        }
        assert_eq!(gone().await.len(), 12);
    });
}

#[test]
fn health_is_for_everybody_and_in_its_envelope() {
    test(async |client| {
        let mut health = send(&client, HEALTH).await;
        assert_eq!(health.status, StatusCode::OK);
        let took = health.body["data"]["response_time_ms"].take();
        assert!(took.as_f64().is_some_and(|took| took >= 0.0), "{took}");
        assert_eq!(
            health.body,
            json!({ "success": true, "data": {
                "status": "healthy", "message": "Cache system operational", "response_time_ms": null, "backend": "memory"
            } })
        );
    });
}

#[test]
fn a_clear_tells_when_it_was() {
    test(async |client| {
        fill(&client).await;
        let mut cleared = send(&client.with_token(SUPER_ADMIN), CLEAR).await;
        assert_eq!(cleared.status, StatusCode::OK);
        let at = cleared.body["data"]["timestamp"].take();
        assert!(is_rfc3339(&at), "{at}");
        assert_eq!(
            cleared.body,
            json!({ "success": true, "data": {
                "success": true, "message": "Cache cleared successfully", "timestamp": null
            } })
        );
        let left = cache_runtime::cache()
            .health()
            .await
            .stats
            .memory_cache_size;
        assert_eq!(left, 0);
    });
}

#[test]
fn each_route_has_its_token_and_says_so() {
    test(async |client| {
        let (admin, super_admin) = (client.with_token(ADMIN), client.with_token(SUPER_ADMIN));
        let impostor = client.with_token("none that is known");
        let user = client.signed_in(1).await;
        for (route, by_admin) in [(STATS, 200), (INVALIDATE, 200), (CLEAR, 403)] {
            for (who, status) in [
                (&client, 401),
                (&impostor, 401),
                (&user, 401),
                (&admin, by_admin),
                (&super_admin, 200),
            ] {
                let answer = send(who, route.clone()).await;
                assert_eq!(answer.status, status, "{route:?}");
                assert_eq!(answer.header("cache-control"), "no-store", "{route:?}");
                assert_eq!(answer.body["success"], status == 200, "{route:?}");
                if status != 200 {
                    assert_eq!(names(&answer.body), ["error", "success"]);
                    assert_eq!(names(&answer.body["error"]), ["code", "message"]);
                    assert_eq!(answer.header("content-type"), "application/json");
                }
                if status == 401 {
                    assert!(answer.header("www-authenticate").starts_with("Bearer"));
                }
            }
        }
        let closed = client.where_operators_are(AdminConfig::new());
        for route in [STATS, INVALIDATE, CLEAR] {
            let guess = send(&closed.with_token(SUPER_ADMIN), route).await;
            assert_eq!((guess.status.as_u16(), guess.error_code()), (403, "closed"));
        }
        assert_eq!(send(&closed, HEALTH).await.status, 200);
    });
}

#[test]
fn what_makes_no_sense_or_is_a_clear_removes_nothing() {
    test(async |client| {
        fill(&client).await;
        let admin = client.with_token(ADMIN);
        for (query, status, said) in [
            ("", 400, "pattern"),
            ("pattern=", 400, "empty"),
            ("pattern=a[b]", 400, "`[`"),
            ("pattern=user:*&pattern=a", 400, "pattern"),
            // It would not be a preview here.
            ("pattern=user:*&preview=true", 400, "preview"),
            ("pattern=*", 403, "super-admin"),
            ("pattern=*:*", 403, "super-admin"),
            ("pattern=%23*", 403, "super-admin"),
        ] {
            let path = format!("/api/cache/invalidate?{query}");
            let answer = admin.post(&path, Value::Null).await;
            let message = answer.body["error"]["message"].as_str().unwrap_or_default();
            assert!(
                answer.status == status && message.contains(said),
                "{query}: {answer:?}"
            );
            assert_eq!(answer.body["success"], false);
        }
        assert_eq!(gone().await.len(), 0);
        let everything = client.with_token(SUPER_ADMIN);
        let answer = everything
            .post("/api/cache/invalidate?pattern=*:*", Value::Null)
            .await;
        assert_eq!(answer.body["data"]["pattern"], "*:*");
    });
}

/// Ten guesses here are ten guesses there.
#[test]
fn wrong_tokens_are_counted_together_with_those_of_the_frameworks_routes() {
    test(async |client| {
        for guess in 0..10 {
            let client = client.with_token(&format!("guess {guess}"));
            let path = if guess % 2 == 0 {
                STATS.1
            } else {
                "/admin/cache/stats"
            };
            assert_eq!(client.get(path).await.status, 401);
        }
        for path in [STATS.1, "/admin/cache/stats"] {
            let late = client.with_token("another guess").get(path).await;
            assert_eq!(
                (late.status.as_u16(), late.error_code()),
                (429, "too_many_failures")
            );
            assert_ne!(late.header("retry-after"), "");
            assert_eq!(client.with_token(ADMIN).get(path).await.status, 200);
        }
    });
}
