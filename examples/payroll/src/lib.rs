//! A payroll back office over Axum and SQLite: named lifetimes, key conventions, what each change removes, and the routes
//! of whoever looks after the cache.
//!
//! Read it in this order: [`keys`], then the `routes` of [`employees`] and [`users`], [`salaries`] and [`dashboard`]; they
//! hold the caching that attributes do. [`drafts`] does it by hand, [`administration`] for operators. [`session`] says who may
//! ask, before any of it.

pub mod administration;
pub mod codes;
pub mod dashboard;
pub mod db;
pub mod drafts;
pub mod employees;
pub mod error;
pub mod extract;
pub mod factories;
pub mod keys;
pub mod metrics;
pub mod page;
pub mod rates;
pub mod salaries;
pub mod session;
pub mod settings;
pub mod shutdown;
pub mod text;
pub mod users;
pub mod warm;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware;
use axum_extra::extract::cookie::Key;
use cache_runtime::http::{AdminConfig, AdminGate, CacheLayer, admin_router};

use db::Db;
use error::ApiError;

/// What every handler may ask for.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// The database.
    pub db: Db,
    /// What signs the cookies.
    pub session_key: Key,
}

/// The whole service. `operators`: who may use the routes under `/api/cache` and `/admin`; `told`: what answers say of the cache.
pub fn app(state: AppState, operators: AdminConfig, told: CacheLayer) -> Router {
    let gate = AdminGate::new(operators);
    Router::new()
        .merge(administration::routes(gate.clone()))
        .merge(dashboard::routes())
        .merge(drafts::routes())
        .merge(employees::routes::routes())
        .merge(factories::routes())
        .merge(rates::routes())
        .merge(salaries::routes::routes())
        .merge(session::routes())
        .merge(users::routes::routes())
        .merge(metrics::routes())
        .nest("/admin", admin_router(gate))
        .fallback(async || ApiError::not_found("path"))
        .method_not_allowed_fallback(async || ApiError::no_such_method())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(told)
        .layer(middleware::from_fn(db::count_statements))
        .with_state(state)
}

/// Several times the longest text a body may hold.
const LARGEST_BODY: usize = 64 * 1024;
