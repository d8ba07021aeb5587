//! axum-response-cache: its layer on the read. It removes one entry at a time, and only while it answers a request for
//! it (`X-Invalidate-Cache`). So the write of a group raises a number that is part of the keys (its custom keyer): what
//! is stored under the old number is never asked for again. Its store is bounded, as in its documentation. No single
//! flight.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Path;
use axum::http::Request;
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_response_cache::CacheLayer;
use bounded_store::LruTtlCache;

use super::{CAPACITY, bare};
use crate::page::GROUPS;
use crate::source;

static NUMBERS: LazyLock<Arc<[AtomicU32]>> =
    LazyLock::new(|| (0..GROUPS).map(|_| AtomicU32::new(0)).collect());

pub fn service() -> Router {
    let store = LruTtlCache::with_size_and_ttl(CAPACITY, Duration::from_secs(3600));
    let layer = CacheLayer::with_cache_and_keyer(store, key);
    Router::new()
        .route("/jobs/{group}/{page}", get(bare::read).layer(layer))
        .route("/jobs/{group}", post(write))
}

fn key(request: &Request<Body>) -> (String, u32) {
    let path = request.uri().path();
    let group = path.split('/').nth(2).and_then(|group| group.parse().ok());
    let number = group.and_then(|group: usize| NUMBERS.get(group));
    let number = number.map_or(0, |number| number.load(SeqCst));
    (path.to_owned(), number)
}

async fn write(Path(group): Path<u32>) -> Json<u32> {
    let version = source::write(group);
    NUMBERS[group as usize].fetch_add(1, SeqCst);
    Json(version)
}
