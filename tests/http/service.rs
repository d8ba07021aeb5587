//! Handlers of every kind that a layer may stand around.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get as on_get;
use axum::{Json, Router};
use cache_runtime::http::CacheLayer;
use cache_runtime::{Cache, CacheConfig, IdentifiesCaller, cached};
use tokio::time::sleep;

/// A service: a cache of its own, and how often bodies ran.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) cache: Cache,
    pub(crate) runs: Arc<AtomicU32>,
}

impl Service {
    pub(crate) fn new() -> Self {
        Self::with(CacheConfig::default())
    }

    pub(crate) fn with(config: CacheConfig) -> Self {
        Self {
            cache: Cache::new(config).unwrap(),
            runs: Arc::default(),
        }
    }

    /// Counts a body.
    pub(crate) fn run(&self) -> u32 {
        self.runs.fetch_add(1, SeqCst) + 1
    }

    /// Every handler below, behind the layer.
    pub(crate) fn behind(&self, layer: CacheLayer) -> Router {
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
            .route("/feed", on_get(feed))
            .route("/posts", on_get(posts))
            .route("/mine/{page}", on_get(mine))
            .route("/in-key", on_get(in_key))
            .route("/says-so", on_get(says_so))
            .route("/private-by-key", on_get(private_by_key))
            .route("/private-to-all", on_get(private_to_all))
            .route("/absent", on_get(absent))
            .route("/gone", on_get(gone))
            .route("/broken", on_get(broken))
            .route("/aged", on_get(aged))
            .route("/stands-in", on_get(stands_in))
            .route("/expires", on_get(expires))
            .layer(layer)
            .with_state(self.clone())
    }
}

#[cached(ttl = "60s", stale = "30s", key = "value", cache = service.cache, skip(service))]
async fn load(service: Service) -> String {
    format!("run {}", service.run())
}

#[cached(ttl = "60s", key = "feed", cache = service.cache, public)]
pub(crate) async fn feed(State(service): State<Service>) -> Json<u32> {
    Json(service.run())
}

/// Who asks, by a header; nobody without it.
pub(crate) struct Reader(pub(crate) Option<String>);

impl Reader {
    pub(crate) fn name(self) -> String {
        self.0.unwrap_or_default()
    }
}

impl IdentifiesCaller for Reader {}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = ["authorization", "cookie"]
            .into_iter()
            .find_map(|name| parts.headers.get(name)?.to_str().ok());
        Ok(Self(header.map(str::to_owned)))
    }
}

#[cached(ttl = "60s", key = "posts:<reader>", cache = service.cache, public = reader.is_none(), vary = "Cookie")]
pub(crate) async fn posts(
    State(service): State<Service>,
    Reader(reader): Reader,
) -> Json<(u32, Option<String>)> {
    Json((service.run(), reader))
}

/// The answer depends on who asks, and neither does the key nor is it said.
#[cached(ttl = "60s", key = "mine:<page>", cache = service.cache, skip(reader))]
async fn mine(
    State(service): State<Service>,
    Path(page): Path<u32>,
    Reader(reader): Reader,
) -> Result<Json<String>, StatusCode> {
    let _ = page;
    service.run();
    Ok(Json(reader.unwrap_or_default()))
}

#[cached(ttl = "60s", key = "own:<reader>", cache = service.cache)]
pub(crate) async fn in_key(
    State(service): State<Service>,
    Reader(reader): Reader,
) -> Json<(u32, Option<String>)> {
    Json((service.run(), reader))
}

/// Personal, and nothing about it is cached.
pub(crate) async fn uncached(Reader(reader): Reader) -> Json<Option<String>> {
    Json(reader)
}

/// As personal as that, and an error.
pub(crate) async fn refused(Reader(reader): Reader) -> (StatusCode, String) {
    (StatusCode::FORBIDDEN, reader.unwrap_or_default())
}

#[cached(ttl = "60s", key = "page", cache = service.cache, vary = "authorization", skip(reader))]
async fn says_so(State(service): State<Service>, Reader(reader): Reader) -> Json<u32> {
    let _ = reader;
    Json(service.run())
}

#[cached(ttl = "60s", key = "private:<reader>", cache = service.cache, vary = "cookie")]
async fn private_by_key(State(service): State<Service>, Reader(reader): Reader) -> Response {
    let _ = reader;
    private(State(service)).await
}

#[cached(ttl = "60s", key = "private", cache = service.cache)]
async fn private_to_all(State(service): State<Service>) -> Response {
    private(State(service)).await
}

async fn private(State(service): State<Service>) -> Response {
    let control = [(header::CACHE_CONTROL, "private, max-age=5")];
    (control, service.run().to_string()).into_response()
}

#[cached(ttl = "60s", key = "absent", cache = service.cache, statuses = [404])]
async fn absent(State(service): State<Service>) -> Result<Response, StatusCode> {
    Ok((StatusCode::NOT_FOUND, service.run().to_string()).into_response())
}

#[cached(ttl = "60s", key = "gone", cache = service.cache, statuses = [404, 410])]
async fn gone(State(service): State<Service>) -> (StatusCode, Json<u32>) {
    (StatusCode::GONE, Json(service.run()))
}

#[cached(ttl = "60s", key = "broken", cache = service.cache, statuses = 404)]
async fn broken(State(service): State<Service>) -> Response {
    (StatusCode::BAD_GATEWAY, service.run().to_string()).into_response()
}

#[cached(ttl = "10s", key = "short", cache = service.cache, skip(service))]
async fn load_short(service: Service) -> u32 {
    service.run()
}

pub(crate) async fn value(State(service): State<Service>) -> String {
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

/// Long enough to be worth compressing.
#[cached(ttl = "60s", key = "long", cache = service.cache, skip(service))]
async fn load_long(service: Service) -> String {
    service.run();
    "long ".repeat(100)
}

pub(crate) async fn long(State(service): State<Service>) -> String {
    load_long(service).await
}

/// Comes from another cache, where it has been for three seconds.
#[cached(ttl = "60s", key = "aged", cache = service.cache)]
async fn aged(State(service): State<Service>) -> Response {
    ([(header::AGE, "3")], service.run().to_string()).into_response()
}

#[cached(ttl = "60s", key = "stands-in", stale = "30s", stale_on_error = "1h", cache = service.cache, public)]
async fn stands_in(State(service): State<Service>) -> Json<u32> {
    Json(service.run())
}

async fn expires() -> Response {
    let never = (header::EXPIRES, "Thu, 01 Jan 2099 00:00:00 GMT");
    ([never], "for everyone").into_response()
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
