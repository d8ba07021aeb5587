//! cached, in Redis: `#[concurrent_cached]` over `AsyncRedisCache`, made by a `create` block as in its example, with the
//! connection manager that reconnects. An error of the store is an error of the function, as its README says; the
//! handler answers it with 500. No single flight, no prefixes: a write removes the group's keys one by one, at the same
//! time.

use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use cached::macros::concurrent_cached;
use cached::{AsyncRedisCache, ConcurrentCachedAsync};
use futures_util::future::join_all;

use crate::page::{PAGES, Page};
use crate::source;

static URL: OnceLock<String> = OnceLock::new();

#[concurrent_cached(
    map_error = |error| format!("{error:?}"),
    ty = "AsyncRedisCache<String, Page>",
    create = {
        AsyncRedisCache::builder("http")
            .ttl(Duration::from_secs(3600))
            .connection_string(URL.get().expect("a URL"))
            .connection_manager(true)
            .build()
            .await
            .expect("error building the redis cache")
    },
    name = "STORE",
    key = "String",
    convert = { format!("jobs:{group}:{page}") }
)]
async fn load(group: u32, page: u32) -> Result<Page, String> {
    Ok(source::load(group, page).await)
}

pub fn service(url: String) -> Router {
    URL.get_or_init(|| url);
    Router::new()
        .route("/jobs/{group}/{page}", get(read))
        .route("/jobs/{group}", post(write))
}

async fn read(Path((group, page)): Path<(u32, u32)>) -> Result<Json<Page>, (StatusCode, String)> {
    let failed = |error| (StatusCode::INTERNAL_SERVER_ERROR, error);
    load(group, page).await.map(Json).map_err(failed)
}

async fn write(Path(group): Path<u32>) -> Result<Json<u32>, StatusCode> {
    let version = source::write(group);
    let Some(store) = STORE.get() else {
        return Ok(Json(version)); // nothing is stored yet
    };
    let removals = (0..PAGES).map(|page| async move {
        let key = format!("jobs:{group}:{page}");
        store.async_cache_remove(&key).await
    });
    match join_all(removals).await.iter().all(Result::is_ok) {
        true => Ok(Json(version)),
        false => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
