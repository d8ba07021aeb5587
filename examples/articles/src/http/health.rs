//! How the cache is doing.

use axum::{Json, Router, routing};
use cache_runtime::Health;

use super::AppState;

/// `GET /health/cache`.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/health/cache", routing::get(health))
}

/// Always `200`: a service whose cache is away is slower, not ill, and must not be taken out of
/// rotation for it.
async fn health() -> Json<Health> {
    Json(cache_runtime::cache().health().await)
}
