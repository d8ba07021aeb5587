//! tower-http-cache: its layer on the read, with a tag for the group. In memory a write removes by this tag. Over Redis
//! it keeps no tags (its README says so), so a write removes the group's keys one by one. In two tiers, memory over
//! Redis, `invalidate_by_tag` removes from memory only, and Redis fills it again; so a write asks for the keys of the tag
//! and removes each, which works in the process that stored them.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::error_handling::HandleErrorLayer;
use axum::extract::{Path, State};
use axum::http::{Method, Response, StatusCode, Uri};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use redis::aio::ConnectionManagerConfig;
use tower::{ServiceBuilder, util::AndThenLayer};
use tower_http_cache::policy::CachePolicy;
use tower_http_cache::prelude::{
    CacheBackend, CacheLayer, InMemoryBackend, MultiTierBackend, RedisBackend, TagPolicy,
};

use super::{CAPACITY, bare};
use crate::page::PAGES;
use crate::source;

type Tiers = MultiTierBackend<InMemoryBackend, RedisBackend>;

const TTL: Duration = Duration::from_secs(3600);

pub fn memory() -> Router {
    service(InMemoryBackend::new(CAPACITY as u64), post(write_by_tag))
}

pub async fn redis(url: String) -> Router {
    service(backend(&url).await, post(write_by_key))
}

pub async fn tiers(url: String) -> Router {
    let tiers = Tiers::builder()
        .l1(InMemoryBackend::new(CAPACITY as u64))
        .l2(backend(&url).await)
        .write_through(true)
        .build();
    service(tiers, post(write_by_keys_of_tag))
}

/// With the time-outs of its README.
async fn backend(url: &str) -> RedisBackend {
    let client = redis::Client::open(url).expect("a URL");
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(Duration::from_secs(10)))
        .set_connection_timeout(Some(Duration::from_secs(5)));
    let manager = client.get_connection_manager_with_config(config).await;
    RedisBackend::new(manager.expect("a connection"))
}

fn service<B: CacheBackend>(backend: B, write: MethodRouter<B>) -> Router {
    let policy = CachePolicy::default()
        .with_ttl(TTL)
        .with_tag_policy(TagPolicy::new().with_enabled(true))
        .with_tag_extractor(|_: &Method, uri: &Uri| {
            let group = uri.path().split('/').nth(2).unwrap_or_default();
            vec![format!("jobs:{group}")]
        });
    let layer = CacheLayer::builder(backend.clone()).policy(policy).build();
    let failed = |error: tower::BoxError| async move {
        (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    };
    let layers = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(failed))
        .layer(layer)
        .layer(AndThenLayer::new(whole)); // runs on misses only
    Router::new()
        .route("/jobs/{group}/{page}", get(bare::read).layer(layers))
        .route("/jobs/{group}", write)
        .with_state(backend)
}

/// The layer wants bodies that are `Sync`, and axum's are not.
async fn whole(response: Response<Body>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body in memory").to_bytes();
    Ok(Response::from_parts(parts, Full::new(body)))
}

async fn write_by_tag(
    State(backend): State<InMemoryBackend>,
    Path(group): Path<u32>,
) -> Result<Json<u32>, StatusCode> {
    let version = source::write(group);
    let removed = backend.invalidate_by_tag(&format!("jobs:{group}")).await;
    acknowledged(removed.is_ok(), version)
}

async fn write_by_key(
    State(backend): State<RedisBackend>,
    Path(group): Path<u32>,
) -> Result<Json<u32>, StatusCode> {
    let version = source::write(group);
    let keys = (0..PAGES).map(|page| format!("/jobs/{group}/{page}"));
    acknowledged(remove(&backend, keys).await, version)
}

async fn write_by_keys_of_tag(
    State(backend): State<Tiers>,
    Path(group): Path<u32>,
) -> Result<Json<u32>, StatusCode> {
    let version = source::write(group);
    match backend.get_keys_by_tag(&format!("jobs:{group}")).await {
        Ok(keys) => acknowledged(remove(&backend, keys.into_iter()).await, version),
        Err(_) => acknowledged(false, version),
    }
}

async fn remove<B: CacheBackend>(backend: &B, keys: impl Iterator<Item = String>) -> bool {
    let removals = keys.map(|key| async move { backend.invalidate(&key).await });
    join_all(removals).await.iter().all(Result::is_ok)
}

fn acknowledged(removed: bool, version: u32) -> Result<Json<u32>, StatusCode> {
    match removed {
        true => Ok(Json(version)),
        false => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
