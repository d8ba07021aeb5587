//! A job board over Axum and SQLite, whose every read is cached by an attribute.
//!
//! Read it in this order: `ttl`, then the `routes` of [`jobs`], [`posts`] and [`users`], which hold
//! all the caching there is. The rest is a plain service that knows nothing of it: [`db`] and the
//! `store` of each kind of row, [`extract`] with what makes input canonical, [`session`], [`error`]. [`warm`] fills the cache at start-up.

pub mod db;
pub mod error;
pub mod extract;
pub mod health;
pub mod jobs;
pub mod metrics;
pub mod page;
pub mod posts;
pub mod session;
pub mod settings;
pub mod shutdown;
pub mod text;
pub mod ttl;
pub mod users;
pub mod warm;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware;
use axum_extra::extract::cookie::Key;
use cache_runtime::http::{AdminConfig, CacheLayer, admin_router};
use cache_runtime::outbox::Outbox;
use sqlx::Sqlite;

use db::Db;
use error::ApiError;

/// What every handler may ask for.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// The database.
    pub db: Db,
    /// What signs the cookies.
    pub session_key: Key,
    /// Keeps what a transaction removes, until it is removed.
    pub outbox: Outbox<Sqlite>,
}

/// The whole service. `operators`: who may use the routes under `/cache`.
pub fn app(state: AppState, operators: AdminConfig) -> Router {
    Router::new()
        .merge(jobs::routes::routes())
        .merge(posts::routes::routes())
        .merge(users::routes::routes())
        .merge(session::routes())
        .merge(health::routes())
        .merge(admin_router(operators))
        .merge(metrics::routes())
        .fallback(async || ApiError::not_found("path"))
        .method_not_allowed_fallback(async || ApiError::no_such_method())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CacheLayer::new())
        .layer(middleware::from_fn(metrics::time_requests))
        .layer(middleware::from_fn(db::count_statements))
        .with_state(state)
}

/// Several times the longest text a body may hold.
const LARGEST_BODY: usize = 128 * 1024;
