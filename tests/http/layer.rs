//! What `CacheLayer` adds to a response, and what it leaves alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get as on_get;
use axum::{Json, Router};
use cache_runtime::http::CacheLayer;
use cache_runtime::{Cache, CacheConfig, cached};
use cache_tests::{RedisServer, eventually};
use tokio::time::{advance, sleep};

use crate::client::{Answer, get, send};

/// A service: a cache of its own, and how often bodies ran.
#[derive(Clone)]
struct Service {
    cache: Cache,
    runs: Arc<AtomicU32>,
}

impl Service {
    fn new() -> Self {
        Self::with(CacheConfig::default())
    }

    fn with(config: CacheConfig) -> Self {
        Self {
            cache: Cache::new(config).unwrap(),
            runs: Arc::default(),
        }
    }

    fn run(&self) -> u32 {
        self.runs.fetch_add(1, SeqCst) + 1
    }

    /// Every handler below, behind the layer.
    fn behind(&self, layer: CacheLayer) -> Router {
        Router::new()
            .route("/value", on_get(value))
            .route("/both", on_get(both))
            .route("/plain", on_get(async || "plain"))
            .route("/fails", on_get(fails))
            .route("/empty", on_get(unkept))
            .route("/nan", on_get(nan))
            .route("/slow", on_get(slow))
            .route("/cookie", on_get(cookie))
            .route("/whole", on_get(whole))
            .route("/conflict", on_get(conflict))
            .route("/own", on_get(own))
            .layer(layer)
            .with_state(self.clone())
    }
}

#[cached(ttl = "60s", stale = "30s", key = "value", cache = service.cache, skip(service))]
async fn load(service: Service) -> String {
    format!("run {}", service.run())
}

#[cached(ttl = "10s", key = "short", cache = service.cache, skip(service))]
async fn load_short(service: Service) -> u32 {
    service.run()
}

async fn value(State(service): State<Service>) -> String {
    load(service).await
}

async fn both(State(service): State<Service>) -> String {
    load_short(service.clone()).await;
    load(service).await
}

#[cached(ttl = "60s", key = "fails", cache = service.cache)]
async fn fails(State(service): State<Service>) -> Result<Json<u32>, StatusCode> {
    service.run();
    Err(StatusCode::BAD_GATEWAY)
}

#[cached(ttl = "60s", key = "unkept", when = |_| false, cache = service.cache)]
async fn unkept(State(service): State<Service>) -> Json<u32> {
    Json(service.run())
}

#[cached(ttl = "60s", key = "nan:<number>", cache = service.cache, skip(service))]
async fn of_number(service: Service, number: f64) -> u32 {
    let _ = number;
    service.run()
}

async fn nan(State(service): State<Service>) -> String {
    of_number(service, f64::NAN).await.to_string()
}

#[cached(ttl = "60s", key = "slow", cache = service.cache)]
async fn slow(State(service): State<Service>) -> Json<u32> {
    sleep(Duration::from_millis(200)).await;
    Json(service.run())
}

#[cached(ttl = "60s", key = "cookie", cache = service.cache)]
async fn cookie(State(service): State<Service>) -> Response {
    ([(header::SET_COOKIE, "a=1")], service.run().to_string()).into_response()
}

#[cached(ttl = "60s", key = "whole", cache = service.cache)]
async fn whole(State(service): State<Service>) -> Response {
    ([("x-own", "yes")], service.run().to_string()).into_response()
}

#[cached(ttl = "60s", key = "conflict", cache = service.cache)]
async fn conflict(State(service): State<Service>) -> (StatusCode, Json<u32>) {
    (StatusCode::CONFLICT, Json(service.run()))
}

/// Says everything itself.
async fn own(State(service): State<Service>) -> Response {
    let own = [
        (header::CACHE_CONTROL, "max-age=7"),
        (header::ETAG, "\"mine\""),
        (header::AGE, "3"),
        (header::VARY, "Accept"),
    ];
    (own, load(service).await).into_response()
}

fn told(answer: &Answer) -> (String, String) {
    (answer.header("x-cache"), answer.header("cache-status"))
}

#[tokio::test(start_paused = true)]
async fn a_miss_a_hit_and_a_stale_answer_say_so() {
    let app = Service::new().behind(CacheLayer::new().cache_control());
    let miss = get(&app, "/value").await;
    assert_eq!(miss.body, "run 1");
    assert_eq!(
        told(&miss),
        ("MISS".into(), "cache; fwd=uri-miss; ttl=60; stored".into())
    );
    assert_eq!(
        miss.header("cache-control"),
        "private, max-age=60, stale-while-revalidate=30"
    );
    assert_eq!(miss.header("age"), "");

    advance(Duration::from_millis(20_500)).await;
    let hit = get(&app, "/value").await;
    assert_eq!(told(&hit), ("HIT".into(), "cache; hit; ttl=39".into()));
    assert_eq!(
        (hit.header("age"), hit.body.as_str()),
        ("20".into(), "run 1")
    );
    assert_eq!(
        hit.header("cache-control"),
        "private, max-age=60, stale-while-revalidate=30"
    );

    advance(Duration::from_secs(50)).await;
    let stale = get(&app, "/value").await;
    assert_eq!(
        told(&stale),
        (
            "STALE".into(),
            "cache; hit; ttl=-11; detail=refreshing".into()
        )
    );
    assert_eq!(stale.header("age"), "70");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_several_values_lives_as_long_as_the_first_to_end() {
    let app = Service::new().behind(CacheLayer::new().cache_control());
    get(&app, "/value").await;
    advance(Duration::from_secs(30)).await;
    let answer = get(&app, "/both").await;
    assert_eq!(
        told(&answer),
        ("MISS".into(), "cache; fwd=uri-miss; ttl=10; stored".into())
    );
    // One value is 30 s old, the other new: ten seconds are left, and none of staleness.
    assert_eq!(answer.header("age"), "30");
    assert_eq!(answer.header("cache-control"), "private, max-age=40");

    let each = Service::new().behind(CacheLayer::new().each_call().keys());
    let told = get(&each, "/both").await.header("cache-status");
    assert_eq!(
        told,
        "http::layer::load_short; fwd=uri-miss; ttl=10; stored; key=\"short\", \
         http::layer::load; fwd=uri-miss; ttl=60; stored; key=\"value\""
    );
    let one = get(&each, "/value").await.header("cache-status");
    assert_eq!(one, "http::layer::load; hit; ttl=60; key=\"value\"");
}

#[tokio::test]
async fn what_is_not_kept_is_not_promised() {
    let app = Service::new().behind(CacheLayer::new().public().name("board"));
    let unkept = get(&app, "/empty").await;
    assert_eq!(told(&unkept), ("MISS".into(), "board; fwd=uri-miss".into()));
    assert_eq!(unkept.header("cache-control"), "public, no-cache");
    let nan = get(&app, "/nan").await;
    assert_eq!(
        told(&nan),
        ("BYPASS".into(), "board; fwd=bypass; detail=no-key".into())
    );
    let plain = get(&app, "/plain").await;
    assert_eq!(told(&plain), (String::new(), String::new()));
    assert_eq!(
        (plain.header("etag"), plain.header("cache-control")),
        (String::new(), String::new())
    );
}

#[tokio::test]
async fn errors_cookies_and_refusals_are_not_stored_and_whole_responses_are() {
    let service = Service::new();
    let app = service.behind(CacheLayer::new().cache_control());
    for (path, status) in [("/fails", 502), ("/cookie", 200), ("/conflict", 409)] {
        for _ in 0..2 {
            let answer = get(&app, path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("x-cache")),
                (status, "MISS".into()),
                "{path}"
            );
            assert!(!answer.header("cache-status").contains("stored"), "{path}");
            if status >= 400 {
                assert_eq!(
                    answer.header("cache-control") + &answer.header("etag"),
                    "",
                    "{path}"
                );
            }
        }
    }
    assert_eq!(service.runs.load(SeqCst), 6);
    get(&app, "/whole").await;
    let whole = get(&app, "/whole").await;
    assert_eq!(
        (whole.header("x-cache"), whole.header("x-own")),
        ("HIT".into(), "yes".into())
    );
}

#[tokio::test]
async fn who_has_it_already_gets_a_304() {
    let app = Service::new().behind(CacheLayer::new().cache_control().vary(["accept-language"]));
    let first = get(&app, "/value").await;
    let etag = first.header("etag");
    assert!(etag.starts_with("W/\"") && etag.len() == 36, "{etag}");

    for known in [
        etag.as_str(),
        "*",
        &format!("\"x\", {etag}"),
        &etag["W/".len()..],
    ] {
        let again = send(&app, Method::GET, "/value", &[("if-none-match", known)]).await;
        assert_eq!(
            (again.status, again.body.as_str()),
            (StatusCode::NOT_MODIFIED, ""),
            "{known}"
        );
        assert_eq!(again.header("etag"), etag);
        assert_eq!(
            again.header("content-length") + &again.header("content-type"),
            ""
        );
        assert_eq!(again.header("vary"), "accept-language");
        assert!(again.header("cache-control").contains("max-age"));
        assert_eq!(again.header("x-cache"), "HIT");
    }
    let other = send(
        &app,
        Method::GET,
        "/value",
        &[("if-none-match", "\"other\"")],
    )
    .await;
    assert_eq!(
        (other.status, other.body.as_str()),
        (StatusCode::OK, "run 1")
    );

    let head = send(&app, Method::HEAD, "/value", &[]).await;
    assert_eq!(
        (head.header("etag"), head.body.as_str()),
        (etag.clone(), "")
    );
    assert_eq!(head.header("content-length"), "5");
    let head = send(&app, Method::HEAD, "/value", &[("if-none-match", &etag)]).await;
    assert_eq!(head.status, StatusCode::NOT_MODIFIED);

    let strong = Service::new().behind(CacheLayer::new().strong_etag());
    assert!(get(&strong, "/value").await.header("etag").starts_with('"'));
    let none = Service::new().behind(CacheLayer::new().without_etag());
    assert_eq!(get(&none, "/value").await.header("etag"), "");
}

#[tokio::test]
async fn a_handlers_own_word_stands() {
    let app = Service::new().behind(CacheLayer::new().public().vary(["cookie", "accept"]));
    get(&app, "/own").await;
    let own = get(&app, "/own").await;
    assert_eq!(own.header("cache-control"), "max-age=7");
    assert_eq!(
        (own.header("etag"), own.header("age")),
        ("\"mine\"".into(), "3".into())
    );
    assert_eq!(own.header("vary"), "Accept, cookie");
    assert_eq!(own.header("x-cache"), "HIT");
    let again = send(
        &app,
        Method::GET,
        "/own",
        &[("if-none-match", "W/\"mine\"")],
    )
    .await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn what_may_be_personal_is_private_whatever_was_asked_for() {
    let app = Service::new().behind(CacheLayer::new().public());
    let bearer = [("authorization", "Bearer x")];
    let control = |answer: &Answer| answer.header("cache-control");
    assert!(control(&get(&app, "/value").await).starts_with("public, "));
    assert!(control(&send(&app, Method::GET, "/value", &bearer).await).starts_with("private, "));
    assert!(control(&get(&app, "/cookie").await).starts_with("private, "));
    let varied = Service::new().behind(CacheLayer::new().public().vary(["authorization"]));
    assert!(control(&send(&varied, Method::GET, "/value", &bearer).await).starts_with("public, "));
}

#[tokio::test]
async fn a_client_may_ask_past_the_cache_only_where_that_is_allowed() {
    let no_cache = [("cache-control", "max-age=0, No-Cache")];
    let closed = Service::new().behind(CacheLayer::new());
    get(&closed, "/value").await;
    let answer = send(&closed, Method::GET, "/value", &no_cache).await;
    assert_eq!(
        (answer.header("x-cache"), answer.body.as_str()),
        ("HIT".into(), "run 1")
    );

    let open = Service::new().behind(CacheLayer::new().honor_no_cache());
    get(&open, "/value").await;
    let anew = send(&open, Method::GET, "/value", &no_cache).await;
    assert_eq!(
        told(&anew),
        ("MISS".into(), "cache; fwd=request; ttl=60; stored".into())
    );
    assert_eq!(anew.body, "run 2");
    let after = get(&open, "/value").await;
    assert_eq!(
        (after.header("x-cache"), after.body.as_str()),
        ("HIT".into(), "run 2")
    );
}

#[tokio::test]
async fn who_shares_a_load_says_so() {
    let app = Service::new().behind(CacheLayer::new().cache_control());
    let (one, two) = tokio::join!(get(&app, "/slow"), get(&app, "/slow"));
    let mut statuses = [one.header("cache-status"), two.header("cache-status")];
    statuses.sort();
    assert_eq!(
        statuses,
        [
            "cache; fwd=miss; ttl=60; collapsed",
            "cache; fwd=uri-miss; ttl=60; stored"
        ]
    );
    assert_eq!(one.header("cache-control"), two.header("cache-control"));
}

#[tokio::test]
async fn a_route_speaks_for_itself_behind_a_layer_around_everything() {
    let service = Service::new();
    let app = Router::new()
        .route("/public", on_get(value).layer(CacheLayer::new().public()))
        .route("/rest", on_get(value))
        .layer(CacheLayer::new())
        .with_state(service);
    let public = get(&app, "/public").await;
    assert!(
        public
            .header("cache-control")
            .starts_with("public, max-age=60")
    );
    assert_eq!(
        public.header("cache-status"),
        "cache; fwd=uri-miss; ttl=60; stored"
    );
    let rest = get(&app, "/rest").await;
    assert_eq!(
        (rest.header("cache-control"), rest.header("x-cache")),
        (String::new(), "HIT".into())
    );
}

#[tokio::test]
async fn an_outage_shows_and_every_request_is_answered() {
    let soon = Duration::from_secs(10);
    let server = RedisServer::start();
    let service = Service::with(CacheConfig::default().redis_url(server.url()).budget(soon));
    let app = service.behind(CacheLayer::new().cache(&service.cache));
    eventually(soon, "a connection", async || {
        service.cache.health().await.latency_ms.map(drop)
    })
    .await;
    assert_eq!(
        get(&app, "/value").await.header("cache-status"),
        "cache; fwd=uri-miss; ttl=60; stored"
    );
    eventually(soon, "a store", async || {
        (service.cache.stats().stores > 0).then_some(())
    })
    .await;
    assert!(
        get(&app, "/value")
            .await
            .header("cache-status")
            .starts_with("cache; hit; ttl=")
    );

    server.kill9();
    eventually(soon, "the breaker", async || {
        let answer = get(&app, "/value").await;
        assert_eq!(answer.status, StatusCode::OK);
        answer
            .header("cache-status")
            .ends_with("detail=breaker-open")
            .then_some(())
    })
    .await;
    let answer = get(&app, "/both").await;
    assert_eq!(
        told(&answer).1,
        "cache; fwd=miss; ttl=10; stored; detail=breaker-open"
    );
}
