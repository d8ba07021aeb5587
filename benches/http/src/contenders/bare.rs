//! No cache: the ceiling, which sends bytes that are ready, and the floor, which loads for every request.

use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::page::Page;
use crate::source;

pub fn prepared() -> Router {
    let bytes = axum::body::Bytes::from(Page::new(0, 0, 1).json());
    let answer = move || std::future::ready(response(bytes.clone()));
    Router::new().route("/jobs/{group}/{page}", get(answer))
}

pub fn uncached() -> Router {
    Router::new()
        .route("/jobs/{group}/{page}", get(read))
        .route("/jobs/{group}", post(write))
}

pub async fn read(Path((group, page)): Path<(u32, u32)>) -> Json<Page> {
    Json(source::load(group, page).await)
}

async fn write(Path(group): Path<u32>) -> Json<u32> {
    Json(source::write(group))
}

/// Bytes of JSON as a response.
pub fn response(bytes: axum::body::Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], bytes).into_response()
}
