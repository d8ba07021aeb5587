//! cached, in memory: `#[cached]` with `sync_writes = "by_key"`, its single flight, as its README shows it. It returns
//! the value, which the handler turns into JSON. Removal by prefix with the store's own `retain`.

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use cached::macros::cached;

use crate::page::Page;
use crate::source;

#[cached(
    max_size = 20_000,
    ttl_secs = 3600,
    sync_writes = "by_key",
    name = "STORE",
    key = "String",
    convert = { format!("jobs:{group}:{page}") }
)]
async fn load(group: u32, page: u32) -> Page {
    source::load(group, page).await
}

pub fn service() -> Router {
    Router::new()
        .route("/jobs/{group}/{page}", get(read))
        .route("/jobs/{group}", post(write))
}

async fn read(Path((group, page)): Path<(u32, u32)>) -> Json<Page> {
    Json(load(group, page).await)
}

async fn write(Path(group): Path<u32>) -> Json<u32> {
    let version = source::write(group);
    let prefix = format!("jobs:{group}:");
    let mut store = STORE.write().await;
    store.retain(|key, _| !key.starts_with(&prefix));
    Json(version)
}
