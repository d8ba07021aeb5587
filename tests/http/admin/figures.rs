//! What is counted, and shown.

use std::time::Duration;

use axum::http::Method;
use cache_runtime::{Cache, CacheConfig, cached};
use cache_tests::{RedisServer, eventually};
use serde_json::json;

use super::{ADMIN, ask, memory, with_tokens};

#[cached(ttl = "1m", key = "tagged:<n>", tags = ["all", "number:<n>"], cache = cache.clone(), skip(cache))]
async fn tagged(cache: &Cache, n: u32) -> u32 {
    n
}

#[tokio::test]
async fn tags_are_counted_in_both_tiers() {
    let soon = Duration::from_secs(10);
    let server = RedisServer::start();
    let in_redis = CacheConfig::default().redis_url(server.url()).budget(soon);
    let in_redis = Cache::new(in_redis).unwrap();
    for cache in [memory(), in_redis] {
        for n in 0..3 {
            tagged(&cache, n).await;
        }
        for (pattern, count) in [
            ("#all", 3),
            ("#number:1", 1),
            ("#number:*", 3),
            ("#all+#number:2", 1),
            ("#a", 0),
        ] {
            eventually(soon, pattern, async || {
                (cache.count_matching(pattern).await.unwrap() == count).then_some(())
            })
            .await;
        }
    }
}

#[cached(ttl = "1m", key = "watched:<n>", cache = cache.clone(), skip(cache))]
async fn watched(cache: &Cache, n: u32) -> u32 {
    n
}

#[tokio::test]
async fn hot_keys_and_functions_are_listed() {
    let cache = memory();
    let app = with_tokens(&cache);
    for _ in 0..2000 {
        watched(&cache, 1).await;
    }
    for n in 0..50 {
        watched(&cache, n).await;
    }
    let (_, hottest) = ask(&app, Method::GET, "/cache/hottest?limit=3", Some(ADMIN)).await;
    let first = &hottest["keys"][0];
    assert_eq!(
        (&first["key"], &first["function"]),
        (&json!("watched:1"), &json!("http::admin::figures::watched"))
    );
    assert!(first["calls"].as_u64() > Some(1000) && hottest["keys"].as_array().unwrap().len() <= 3);

    let (_, functions) = ask(&app, Method::GET, "/cache/functions", Some(ADMIN)).await;
    let row = functions["functions"].as_array().unwrap().iter();
    let row = row
        .clone()
        .find(|row| row["name"] == "http::admin::figures::watched")
        .unwrap();
    assert_eq!((&row["hits"], &row["misses"]), (&json!(2000), &json!(50)));
    assert_eq!(row["hit_rate_percent"], json!(97.56));
}

#[cached(ttl = "1m", key = "timed:<n>", cache = cache.clone(), skip(cache))]
async fn timed(cache: &Cache, n: u64) -> Result<u64, u64> {
    tokio::time::sleep(Duration::from_millis(n)).await;
    if n > 50 { Err(n) } else { Ok(n) }
}

#[tokio::test(start_paused = true)]
async fn how_long_a_function_loads_is_told_of_those_that_ran() {
    let cache = memory();
    let app = with_tokens(&cache);
    // Hits take no part in it; a failure, a write and a body that was given up do.
    for n in [10, 20, 10, 20] {
        timed(&cache, n).await.unwrap();
    }
    timed(&cache, 60).await.unwrap_err();
    timed::refresh(&cache, 10).await.unwrap();
    let _ = tokio::time::timeout(Duration::from_millis(25), timed(&cache, 40)).await;

    let path = "/cache/functions?range=1h";
    let (_, functions) = ask(&app, Method::GET, path, Some(ADMIN)).await;
    let row = functions["functions"].as_array().unwrap().iter();
    let row = row
        .clone()
        .find(|row| row["name"] == "http::admin::figures::timed")
        .unwrap();
    assert_eq!(row["mean_load_ms"], json!(25.0));
    let (_, description) = ask(&app, Method::GET, "/cache/openapi.json", None).await;
    let described = &description["components"]["schemas"]["Function"]["properties"];
    assert!(
        row.as_object()
            .unwrap()
            .keys()
            .eq(described.as_object().unwrap().keys())
    );
    assert_eq!(
        (&row["counters"]["loads"], &row["counters"]["load_micros"]),
        (&json!(5), &json!(125_000))
    );
    let (_, stats) = ask(&app, Method::GET, "/cache/stats", Some(ADMIN)).await;
    assert_eq!(
        (
            &stats["counters"]["loads"],
            &stats["counters"]["load_micros"]
        ),
        (&json!(5), &json!(125_000))
    );
}

#[tokio::test]
async fn figures_say_which_instance_they_are_of() {
    let (one, other) = (memory(), memory());
    assert_ne!(one.instance().id, other.instance().id);
    let routers = [&one, &other].map(with_tokens);
    for (cache, app) in [&one, &other].into_iter().zip(&routers) {
        for route in ["health", "stats", "functions", "hottest", "recent"] {
            let path = format!("/cache/{route}");
            let (_, body) = ask(app, Method::GET, &path, Some(ADMIN)).await;
            assert_eq!(
                body["instance"]["id"],
                json!(cache.instance().id),
                "{route}"
            );
            let started = body["instance"]["started_at_ms"].as_u64();
            assert!(started > Some(1_600_000_000_000), "{route}");
        }
    }
}
