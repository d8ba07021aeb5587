//! Whole responses that are made of another cached function's response: each is judged as it stands when it is returned.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::get as on_get;
use cache_runtime::cached;
use cache_runtime::http::CacheLayer;

use crate::client::get;
use crate::service::Service;

/// What all of the others are made of.
#[cached(ttl = "60s", key = "inner", cache = service.cache, public)]
async fn inner(State(service): State<Service>) -> Response {
    let mut response = Response::new(Body::from("inner"));
    let run = HeaderValue::from(service.run());
    response.headers_mut().insert("x-run", run);
    response
}

/// The same, made anew each time.
#[cached(ttl = "60s", key = "inner-anew", when = |_| false, cache = service.cache)]
async fn inner_anew(State(service): State<Service>) -> Response {
    inner::uncached(State(service)).await
}

/// Greets each visitor with a cookie of their own.
#[cached(ttl = "60s", key = "greets", cache = service.cache)]
async fn greets(State(service): State<Service>) -> Response {
    let response = inner(State(service)).await;
    greeted(response).await
}

#[cached(ttl = "60s", key = "greets-anew", cache = service.cache)]
async fn greets_anew(State(service): State<Service>) -> Response {
    let response = inner_anew(State(service)).await;
    greeted(response).await
}

async fn greeted(mut response: Response) -> Response {
    let cookie = format!("visitor={}", VISITORS.fetch_add(1, SeqCst));
    let cookie = HeaderValue::try_from(cookie).unwrap();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    // Long enough for others to ask meanwhile.
    tokio::task::yield_now().await;
    response
}

static VISITORS: AtomicU32 = AtomicU32::new(0);

#[cached(ttl = "60s", key = "forbids", cache = service.cache)]
async fn forbids(State(service): State<Service>) -> Response {
    let mut response = inner(State(service)).await;
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

#[cached(ttl = "60s", key = "rewrites", cache = service.cache)]
async fn rewrites(State(service): State<Service>) -> Response {
    inner(State(service)).await.map(|_| Body::from("outer"))
}

/// Longer than what is kept.
#[cached(ttl = "60s", key = "lengthens", cache = service.cache)]
async fn lengthens(State(service): State<Service>) -> Response {
    inner(State(service))
        .await
        .map(|_| Body::from("x".repeat((1 << 20) + 1)))
}

#[cached(ttl = "60s", key = "passes-on", cache = service.cache)]
async fn passes_on(State(service): State<Service>) -> Response {
    inner(State(service)).await
}

/// Takes its response from a router behind a layer, which has read the body for its `ETag`.
#[cached(ttl = "60s", key = "asks-a-router", cache = service.cache)]
async fn asks_a_router(State(service): State<Service>) -> Response {
    use tower::ServiceExt as _;
    let layer = CacheLayer::new().cache_control();
    let app = Router::new()
        .route("/", on_get(inner))
        .layer(layer)
        .with_state(service);
    let request = axum::http::Request::new(Body::empty());
    let mut response = app.oneshot(request).await.unwrap();
    // Told by the inner layer, of its own call.
    response.headers_mut().remove("x-cache");
    response.map(|_| Body::from("y".repeat((1 << 20) + 1)))
}

fn app(service: &Service) -> Router {
    Router::new()
        .route("/greets", on_get(greets))
        .route("/greets-anew", on_get(greets_anew))
        .route("/forbids", on_get(forbids))
        .route("/rewrites", on_get(rewrites))
        .route("/lengthens", on_get(lengthens))
        .route("/passes-on", on_get(passes_on))
        .route("/asks-a-router", on_get(asks_a_router))
        .layer(CacheLayer::new())
        .with_state(service.clone())
}

#[tokio::test]
async fn a_response_that_gained_a_cookie_is_given_to_one_visitor_only() {
    let app = app(&Service::new());
    let mut cookies = Vec::new();
    for _ in 0..3 {
        let answer = get(&app, "/greets").await;
        assert_eq!(answer.header("x-cache"), "MISS");
        assert_eq!(answer.body, "inner");
        cookies.push(answer.header("set-cookie"));
    }
    cookies.dedup();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
}

#[tokio::test]
async fn visitors_at_the_same_time_get_no_cookie_of_another() {
    let app = app(&Service::new());
    // Of the second kind each has just been read by the inner call when the outer one gets it. A crowd, because some of it
    // waits for the turns of others.
    for path in ["/greets", "/greets-anew"] {
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..CROWD {
            let app = app.clone();
            crowd.spawn(async move { get(&app, path).await.header("set-cookie") });
        }
        let cookies = crowd.join_all().await;
        let different: BTreeSet<&String> = cookies.iter().collect();
        assert_eq!(different.len(), CROWD, "{path}: {cookies:?}");
    }
}

const CROWD: usize = 50;

#[tokio::test]
async fn a_response_that_gained_no_store_is_not_stored() {
    let app = app(&Service::new());
    for _ in 0..2 {
        let answer = get(&app, "/forbids").await;
        assert_eq!(
            (answer.header("x-cache"), answer.body),
            ("MISS".into(), "inner".into())
        );
    }
}

#[tokio::test]
async fn a_body_that_was_replaced_is_stored_as_it_was_returned() {
    let app = app(&Service::new());
    for expected in ["MISS", "HIT"] {
        let answer = get(&app, "/rewrites").await;
        assert_eq!(
            (answer.header("x-cache").as_str(), answer.body.as_str()),
            (expected, "outer")
        );
    }
}

#[tokio::test]
async fn a_body_that_became_too_long_is_not_stored_as_what_it_was() {
    let app = app(&Service::new());
    for path in ["/lengthens", "/asks-a-router"] {
        for _ in 0..2 {
            let answer = get(&app, path).await;
            assert_eq!(answer.header("x-cache"), "MISS", "{path}");
            assert_eq!(answer.body.len(), (1 << 20) + 1, "{path}");
        }
    }
}

#[tokio::test]
async fn a_response_that_is_passed_on_is_stored_under_both_keys() {
    let service = Service::new();
    let app = app(&service);
    for expected in ["MISS", "HIT"] {
        let answer = get(&app, "/passes-on").await;
        assert_eq!(
            (answer.header("x-cache").as_str(), answer.body.as_str()),
            (expected, "inner")
        );
    }
    assert_eq!(service.runs.load(SeqCst), 1);
}
