//! An operator's routes: who gets in, what they say, what they do.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::get;
use cache_runtime::http::{AdminConfig, AdminGate, Role, admin_router};
use cache_runtime::{Cache, CacheConfig, cached};
use cache_tests::{RedisServer, eventually};
use serde_json::{Value, json};

use crate::client::{Answer, send};

const ADMIN: &str = "an admin's token of some length";
const SUPER: &str = "a super admin's token of some length";

const MINUTE: Duration = Duration::from_secs(60);

fn memory() -> Cache {
    Cache::new(CacheConfig::default()).unwrap()
}

fn with_tokens(cache: &Cache) -> Router {
    admin_router(
        AdminConfig::new()
            .cache(cache)
            .admin_token(ADMIN)
            .super_admin_token(SUPER),
    )
}

async fn ask(app: &Router, method: Method, path: &str, token: Option<&str>) -> (StatusCode, Value) {
    let answer = answer(app, method, path, token).await;
    (
        answer.status,
        serde_json::from_str(&answer.body).expect("JSON"),
    )
}

async fn answer(app: &Router, method: Method, path: &str, token: Option<&str>) -> Answer {
    let header = token.map(|token| format!("Bearer {token}"));
    let header = header.as_deref().map(|value| ("authorization", value));
    let answer = send(app, method, path, header.as_slice()).await;
    assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    answer
}

async fn fill(cache: &Cache, keys: &[&str]) {
    for key in keys {
        cache.set(*key, &1, MINUTE).await.unwrap();
    }
}

#[tokio::test]
async fn closed_until_a_token_is_set_and_says_how_to_open_it() {
    let app: Router = admin_router(AdminConfig::new().cache(&memory()).admin_token(" "));
    for (method, path) in [
        (Method::GET, "/cache/stats"),
        (Method::GET, "/cache/functions"),
        (Method::GET, "/cache/hottest"),
        (Method::GET, "/cache/recent"),
        (Method::POST, "/cache/invalidate?pattern=a"),
        (Method::DELETE, "/cache/clear"),
    ] {
        for token in [None, Some(""), Some("guess")] {
            let (status, body) = ask(&app, method.clone(), path, token).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
            assert_eq!(body["error"]["code"], "closed");
            assert!(
                body["error"]["message"]
                    .as_str()
                    .unwrap()
                    .contains("CACHE_ADMIN_TOKEN")
            );
        }
    }
    let (status, _) = ask(&app, Method::GET, "/cache/health", None).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn health_is_open_and_in_the_form_that_monitors_know() {
    let cache = memory();
    let app = with_tokens(&cache);
    let (_, mut health) = ask(&app, Method::GET, "/cache/health", None).await;
    assert_eq!(health["instance"].take(), json!(cache.instance()));
    assert_eq!(
        health,
        json!({
            "status": "healthy", "backend": "memory", "latency_ms": null, "instance": null,
            "stats": {
                "hits": 0, "misses": 0, "hit_rate_percent": 0.0, "redis_available": false, "memory_cache_size": 0
            }
        })
    );
}

#[tokio::test]
async fn a_token_is_needed_the_right_one_and_of_the_right_role() {
    let app = with_tokens(&memory());
    let status = async |method: Method, path, token| answer(&app, method, path, token).await.status;
    let none = answer(&app, Method::GET, "/cache/stats", None).await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    assert!(none.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(
        status(Method::GET, "/cache/stats", Some("wrong")).await,
        401
    );
    assert_eq!(
        status(Method::GET, "/cache/stats", Some(&ADMIN[..10])).await,
        401
    );
    let basic = send(
        &app,
        Method::GET,
        "/cache/stats",
        &[("authorization", "Basic YTpi")],
    )
    .await;
    assert_eq!(basic.status, 401);

    assert_eq!(status(Method::GET, "/cache/stats", Some(ADMIN)).await, 200);
    assert_eq!(status(Method::GET, "/cache/stats", Some(SUPER)).await, 200);
    assert_eq!(
        status(Method::DELETE, "/cache/clear", Some(ADMIN)).await,
        403
    );
    assert_eq!(
        status(Method::POST, "/cache/invalidate?pattern=*", Some(ADMIN)).await,
        403
    );
    assert_eq!(
        status(
            Method::POST,
            "/cache/invalidate?pattern=*&preview=true",
            Some(ADMIN)
        )
        .await,
        200
    );
    assert_eq!(
        status(Method::DELETE, "/cache/clear", Some(SUPER)).await,
        200
    );
    let no_such = send(&app, Method::GET, "/cache/clear", &[]).await;
    assert_eq!(no_such.status, 405);

    let elsewhere = [
        ("sec-fetch-site", "cross-site"),
        ("authorization", &format!("Bearer {SUPER}")),
    ];
    let forged = send(&app, Method::DELETE, "/cache/clear", &elsewhere).await;
    assert_eq!(forged.status, 403);
}

async fn guess(app: &Router, times: u32) -> StatusCode {
    let mut last = StatusCode::OK;
    for guess in 0..times {
        let wrong = format!("guess {guess}");
        last = answer(app, Method::GET, "/cache/stats", Some(&wrong))
            .await
            .status;
    }
    last
}

#[tokio::test(start_paused = true)]
async fn the_eleventh_wrong_token_in_a_minute_is_told_to_wait() {
    let app = with_tokens(&memory());
    assert_eq!(guess(&app, 10).await, StatusCode::UNAUTHORIZED);
    let (status, body) = ask(&app, Method::GET, "/cache/stats", Some("another guess")).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("too_many_failures"))
    );
    let refused = answer(&app, Method::GET, "/cache/stats", Some("another guess")).await;
    let retry = refused.header("retry-after");
    assert!((1..=61).contains(&retry.parse::<u64>().unwrap()), "{retry}");
    // A request without a token is no guess.
    assert_eq!(
        ask(&app, Method::GET, "/cache/stats", None).await.0,
        StatusCode::UNAUTHORIZED
    );
    tokio::time::advance(MINUTE).await;
    assert_eq!(guess(&app, 1).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_right_token_is_let_in_although_wrong_ones_came_before_it() {
    let app = with_tokens(&memory());
    assert_eq!(guess(&app, 25).await, StatusCode::TOO_MANY_REQUESTS);
    for (method, path, token) in [
        (Method::GET, "/cache/stats", ADMIN),
        (Method::POST, "/cache/invalidate?pattern=a", ADMIN),
        (Method::DELETE, "/cache/clear", SUPER),
    ] {
        assert_eq!(ask(&app, method, path, Some(token)).await.0, 200, "{path}");
    }
    // Nor does it make up for the wrong ones.
    assert_eq!(guess(&app, 1).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn wrong_tokens_are_counted_by_address() {
    let config = AdminConfig::new()
        .cache(&memory())
        .admin_token(ADMIN)
        .peer(|request| {
            let ConnectInfo(address) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
            Some(address.ip())
        });
    let app: Router = admin_router(config);
    // What a server puts into each request.
    let from = |last: u8| {
        let address = SocketAddr::from((IpAddr::from([10, 0, 0, last]), 1));
        app.clone().layer(axum::Extension(ConnectInfo(address)))
    };
    assert_eq!(guess(&from(1), 11).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(guess(&from(2), 1).await, StatusCode::UNAUTHORIZED);
}

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
async fn an_application_may_use_its_own_check() {
    let config = AdminConfig::new().cache(&memory()).check(|request| {
        match request.headers.get("x-user")?.to_str().ok()? {
            "root" => Some(Role::SuperAdmin),
            "ops" => Some(Role::Admin),
            _ => None,
        }
    });
    let app: Router = admin_router(config);
    for (user, clear, stats) in [("root", 200, 200), ("ops", 403, 200), ("eve", 401, 401)] {
        let user = [("x-user", user)];
        assert_eq!(
            send(&app, Method::DELETE, "/cache/clear", &user)
                .await
                .status,
            clear
        );
        assert_eq!(
            send(&app, Method::GET, "/cache/stats", &user).await.status,
            stats
        );
    }
}

/// An application that knows its administrators by a cookie.
fn with_cookies() -> Router {
    admin_router(AdminConfig::new().cache(&memory()).check(|request| {
        let cookie = request.headers.get("cookie")?.to_str().ok()?;
        (cookie == "session=root").then_some(Role::SuperAdmin)
    }))
}

const REMOVALS: [(Method, &str); 3] = [
    (Method::POST, "/cache/invalidate?pattern=a"),
    (Method::POST, "/cache/invalidate?pattern=a&preview=true"),
    (Method::DELETE, "/cache/clear"),
];

/// As a browser sends it that is signed in, with these headers more.
async fn in_a_browser(app: &Router, method: Method, path: &str, more: &[(&str, &str)]) -> Answer {
    let mut headers = vec![("host", "admin.shop.example"), ("cookie", "session=root")];
    headers.extend_from_slice(more);
    send(app, method, path, &headers).await
}

#[tokio::test]
async fn a_page_of_another_origin_removes_nothing_with_an_administrators_cookie() {
    let app = with_cookies();
    let own = "https://admin.shop.example";
    let forged: [&[(&str, &str)]; 14] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "same-site"), ("origin", own)],
        &[("sec-fetch-site", "something new")],
        &[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "cross-site"),
        ],
        &[("origin", "https://evil.example")],
        &[("origin", "https://blog.shop.example")],
        &[("origin", "https://shop.example")],
        &[("origin", "https://admin.shop.example.evil.example")],
        &[("origin", "https://admin.shop.example:8443")],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", own), ("origin", "https://evil.example")],
        &[
            ("sec-fetch-site", "none"),
            ("origin", "https://evil.example"),
        ],
    ];
    for headers in forged {
        for (method, path) in REMOVALS {
            let refused = in_a_browser(&app, method, path, headers).await;
            assert_eq!(refused.status, 403, "{path} {headers:?}");
            let body: Value = serde_json::from_str(&refused.body).expect("JSON");
            assert_eq!(body["error"]["code"], "cross_origin");
            let message = body["error"]["message"].as_str().unwrap();
            assert!(
                message.contains("made by a page of another origin"),
                "{message}"
            );
            let named = ["Sec-Fetch-Site: ", "Origin: "]
                .iter()
                .any(|name| message.contains(name));
            assert!(named, "it says which header told: {message}");
        }
    }
}

#[tokio::test]
async fn a_page_of_the_same_origin_and_a_program_may_remove() {
    let app = with_cookies();
    let own: [&[(&str, &str)]; 6] = [
        &[("sec-fetch-site", "same-origin")],
        // A proxy may have changed `Host`; the browser has not.
        &[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://public.example"),
        ],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://admin.shop.example")],
        &[("origin", "http://ADMIN.shop.example:80")],
        // No page can send it.
        &[],
    ];
    for headers in own {
        for (method, path) in REMOVALS {
            let done = in_a_browser(&app, method, path, headers).await;
            assert_eq!(done.status, 200, "{path} {headers:?}");
        }
    }
    let without_host = [
        ("cookie", "session=root"),
        ("origin", "https://admin.shop.example"),
    ];
    let clear = "https://admin.shop.example/cache/clear";
    let done = send(&app, Method::DELETE, clear, &without_host).await;
    assert_eq!(
        done.status, 200,
        "as in HTTP/2, where the address names the host"
    );
    let unsaid = send(&app, Method::DELETE, "/cache/clear", &without_host).await;
    assert_eq!(unsaid.status, 403, "nothing to compare with");
}

#[tokio::test]
async fn looking_is_refused_to_other_sites_alone() {
    let app = with_cookies();
    for (site, status) in [
        ("cross-site", 403),
        ("same-site", 200),
        ("same-origin", 200),
        ("none", 200),
    ] {
        let looked = in_a_browser(
            &app,
            Method::GET,
            "/cache/stats",
            &[("sec-fetch-site", site)],
        )
        .await;
        assert_eq!(looked.status, status, "{site}");
    }
}

/// A token is not added by a browser: who has it may send it from wherever it likes.
#[tokio::test]
async fn a_token_may_come_from_a_page_of_the_same_site() {
    let app = with_tokens(&memory());
    let token = format!("Bearer {SUPER}");
    let headers = [
        ("authorization", token.as_str()),
        ("host", "admin.shop.example"),
        ("origin", "https://console.shop.example"),
        ("sec-fetch-site", "same-site"),
    ];
    assert_eq!(
        send(&app, Method::DELETE, "/cache/clear", &headers)
            .await
            .status,
        200
    );
}

/// Routes of an application's own, behind the same gate.
#[tokio::test]
async fn a_gate_guards_other_routes_and_counts_together_with_the_administrations() {
    let gate = AdminGate::new(AdminConfig::new().cache(&memory()).admin_token(ADMIN));
    let own = gate.clone();
    let look = async move |request: Request| match own.admit(&request.into_parts().0, Role::Admin) {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.into_response(),
    };
    let app = Router::new()
        .route("/own", get(look))
        .merge(admin_router(gate));
    let own = async |token: &str| {
        let token = format!("Bearer {token}");
        send(&app, Method::GET, "/own", &[("authorization", &token)])
            .await
            .status
    };
    assert_eq!(own(ADMIN).await, 204);
    assert_eq!(own("guess").await, 401);
    assert_eq!(guess(&app, 9).await, StatusCode::UNAUTHORIZED);
    assert_eq!(own("guess").await, 429);
    assert_eq!(own(ADMIN).await, 204);
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
        (&json!("watched:1"), &json!("http::admin::watched"))
    );
    assert!(first["calls"].as_u64() > Some(1000) && hottest["keys"].as_array().unwrap().len() <= 3);

    let (_, functions) = ask(&app, Method::GET, "/cache/functions", Some(ADMIN)).await;
    let row = functions["functions"].as_array().unwrap().iter();
    let row = row
        .clone()
        .find(|row| row["name"] == "http::admin::watched")
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
        .find(|row| row["name"] == "http::admin::timed")
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

#[tokio::test]
async fn nested_below_a_path_it_works_the_same() {
    let app = Router::new().nest("/api", with_tokens(&memory()));
    assert_eq!(
        ask(&app, Method::GET, "/api/cache/stats", Some(ADMIN))
            .await
            .0,
        StatusCode::OK
    );
    let page = answer(&app, Method::GET, "/api/cache/dashboard", None).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
}
