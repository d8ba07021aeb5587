//! moka by hand, feature `future`: `get_with`, which lets one caller load, and `invalidate_entries_if` for the prefix.
//! Once with values, which are serialized for every answer, and once with the bytes of the answer, as a team would write
//! it that counts its microseconds.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use moka::future::Cache;

use super::{CAPACITY, bare};
use crate::page::Page;
use crate::source;

pub fn values() -> Router {
    let router = Router::new()
        .route("/jobs/{group}/{page}", get(read_value))
        .route("/jobs/{group}", post(write::<Arc<Page>>));
    router.with_state(cache())
}

pub fn bytes() -> Router {
    let router = Router::new()
        .route("/jobs/{group}/{page}", get(read_bytes))
        .route("/jobs/{group}", post(write::<Bytes>));
    router.with_state(cache())
}

fn cache<V: Clone + Send + Sync + 'static>() -> Cache<String, V> {
    Cache::builder()
        .max_capacity(CAPACITY as u64)
        .time_to_live(Duration::from_secs(3600))
        .support_invalidation_closures()
        .build()
}

async fn read_value(
    State(cache): State<Cache<String, Arc<Page>>>,
    Path((group, page)): Path<(u32, u32)>,
) -> Json<Arc<Page>> {
    let load = async { Arc::new(source::load(group, page).await) };
    Json(cache.get_with(format!("jobs:{group}:{page}"), load).await)
}

async fn read_bytes(
    State(cache): State<Cache<String, Bytes>>,
    Path((group, page)): Path<(u32, u32)>,
) -> Response {
    let load = async { source::load(group, page).await.json().into() };
    bare::response(cache.get_with(format!("jobs:{group}:{page}"), load).await)
}

async fn write<V: Clone + Send + Sync + 'static>(
    State(cache): State<Cache<String, V>>,
    Path(group): Path<u32>,
) -> Json<u32> {
    let version = source::write(group);
    let prefix = format!("jobs:{group}:");
    cache
        .invalidate_entries_if(move |key, _| key.starts_with(&prefix))
        .expect("closures are supported");
    Json(version)
}
