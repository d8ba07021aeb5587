//! The service over HTTP.

mod articles;
mod error;
mod extract;
mod health;
pub mod metrics;
mod users;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware;
use cache_runtime::http::{AdminConfig, CacheLayer, admin_router};

use crate::service::ArticleService;
use error::ApiError;

/// What every handler may ask for.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// All that can be done.
    pub service: ArticleService,
}

/// All routes. `operators`: who may use those under `/cache`.
pub fn app(state: AppState, operators: AdminConfig) -> Router {
    Router::new()
        .merge(articles::routes())
        .merge(users::routes())
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(admin_router(operators))
        .fallback(async || ApiError::not_found("path"))
        .method_not_allowed_fallback(async || ApiError::no_such_method())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CacheLayer::new())
        // Outside, so that it sees what the layer before it says.
        .layer(middleware::from_fn(metrics::time_requests))
        .with_state(state)
}

/// Several times the longest article.
const LARGEST_BODY: usize = 128 * 1024;
