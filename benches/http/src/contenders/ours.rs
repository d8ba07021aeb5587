//! cache-runtime of this repository: `#[cached]` on the handlers as the README shows it, default settings but for the
//! room, which is the same for all contenders here.

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use cache_runtime::http::{CacheLayer, CachedJson};
use cache_runtime::{CacheConfig, cached};

use super::CAPACITY;
use crate::page::Page;
use crate::source;

#[cached(ttl = "1h", key = "jobs:<group>:<page>")]
async fn read_text(Path((group, page)): Path<(u32, u32)>) -> CachedJson<Page> {
    CachedJson::new(source::load(group, page).await)
}

#[cached(ttl = "1h", key = "jobs:<group>:<page>")]
async fn read_json(Path((group, page)): Path<(u32, u32)>) -> Json<Page> {
    Json(source::load(group, page).await)
}

#[cached(invalidates = "jobs:<group>:")]
async fn write(Path(group): Path<u32>) -> Json<u32> {
    Json(source::write(group))
}

pub fn text() -> Router {
    Router::new()
        .route("/jobs/{group}/{page}", get(read_text))
        .route("/jobs/{group}", post(write))
}

pub fn json() -> Router {
    Router::new()
        .route("/jobs/{group}/{page}", get(read_json))
        .route("/jobs/{group}", post(write))
}

pub fn layered(service: Router) -> Router {
    service.layer(CacheLayer::new())
}

pub fn memory(service: Router) -> Router {
    with(config().without_redis(), service)
}

pub fn redis(url: String, service: Router) -> Router {
    with(config().redis_url(url), service)
}

fn config() -> CacheConfig {
    CacheConfig::default()
        .max_entries(CAPACITY)
        .max_bytes(1 << 30) // so that the number of entries is the limit, as it is for the others
}

fn with(config: CacheConfig, service: Router) -> Router {
    cache_runtime::init(config).expect("a cache");
    service
}
