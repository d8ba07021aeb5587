use cache_runtime::cached;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

#[derive(serde::Deserialize)]
struct Page {
    skip: u32,
}

#[cached(ttl = "list", key = "jobs:list:<org>:<page.skip>")]
async fn list(
    State(db): State<String>,
    Path((org, _)): Path<(u64, String)>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<String>>, (StatusCode, String)> {
    if page.skip > org as u32 {
        return Err((StatusCode::BAD_REQUEST, db));
    }
    Ok(Json(vec![db]))
}

#[cached(ttl = "list", key = "jobs:page:<id>")]
async fn page(Path(id): Path<u64>) -> Response {
    id.to_string().into_response()
}

#[cached(ttl = "list", key = "jobs:status:<id>")]
async fn status(Path(id): Path<u64>) -> (StatusCode, Json<u64>) {
    (StatusCode::CREATED, Json(id))
}

#[cached(ttl = "list", key = "jobs:opaque:<id>")]
async fn opaque(Path(id): Path<u64>) -> impl IntoResponse {
    Json(id)
}

#[cached(invalidates = ["jobs:", "job:<result.len()>"])]
async fn create(State(db): State<String>) -> Result<Json<String>, StatusCode> {
    Ok(Json(db))
}

#[cached(invalidates = "jobs:")]
async fn remove(State(db): State<String>) -> impl IntoResponse {
    let _ = db;
    StatusCode::NO_CONTENT
}

fn main() {
    use axum::routing::{delete, get, post};
    let _: axum::Router<String> = axum::Router::new()
        .route("/{org}/{x}", get(list))
        .route("/page/{id}", get(page))
        .route("/status/{id}", get(status))
        .route("/opaque/{id}", get(opaque))
        .route("/", post(create))
        .route("/", delete(remove));
}
