//! The endpoints of users, and the two entries that every request looks at.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use cache_runtime::{CacheKey, cached};

use super::{Access, Grants, Role, User, store};
use crate::AppState;
use crate::db::Db;
use crate::error::ApiError;
use crate::extract::{At, Body, Params};
use crate::page::{Listing, Page};
use crate::session::{ManageOffice, May, SignedIn};

/// Everything under `/api/users` and `/api/roles`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/users", routing::get(list))
        .route("/api/users/{id}", routing::get(detail))
        .route("/api/users/{id}/roles", routing::get(roles))
        .route("/api/users/{id}/permissions", routing::get(permissions))
        .route("/api/users/{id}/password-reset", routing::post(reset))
        .route("/api/roles/{role}", routing::put(grant))
}

#[cached(ttl = "list", key = CacheKey::list_paginated("user", page.number, page.per_page))]
async fn list(
    State(db): State<Db>,
    _: SignedIn,
    Params(page): Params<Page>,
) -> Result<Json<Listing<User>>, ApiError> {
    Ok(Json(store::list(&db, page).await?))
}

/// The tag, because it shows the name of a factory.
#[cached(ttl = "user_context", key = CacheKey::user(id), tags = ["factories"])]
async fn detail(
    State(db): State<Db>,
    _: SignedIn,
    At(id): At<i64>,
) -> Result<Json<User>, ApiError> {
    let user = store::find(&db, id).await?;
    user.map(Json).ok_or_else(|| ApiError::not_found("user"))
}

#[cached(ttl = "user_context", key = CacheKey::user_roles(id))]
async fn roles(
    State(db): State<Db>,
    _: SignedIn,
    At(id): At<i64>,
) -> Result<Json<Vec<Role>>, ApiError> {
    Ok(Json(store::roles(&db, id).await?))
}

/// What every request is checked against, so wrong is worse than slow: no copy in memory while Redis is there (`near`), and
/// none at all while it is away (`outage`), because another process's removal could not be heard.
#[cached(
    ttl = "user_context",
    key = CacheKey::user_permissions(user_id),
    near = false,
    outage = "bypass",
    skip(db)
)]
pub(crate) async fn access(db: &Db, user_id: i64) -> Result<Option<Access>, ApiError> {
    Ok(store::access(db, user_id).await?)
}

async fn permissions(
    State(db): State<Db>,
    _: SignedIn,
    At(id): At<i64>,
) -> Result<Json<Vec<String>>, ApiError> {
    let access = access(&db, id).await?;
    let access = access.ok_or_else(|| ApiError::not_found("user"))?;
    Ok(Json(access.permissions))
}

/// A reset ends every session, and whatever was kept for the user goes with it: `user:1` is that key and all below it,
/// and never `user:10`.
#[cached(invalidates = ["user:<id>", "dashboard:summary:<id>"])]
async fn reset(
    State(db): State<Db>,
    _: May<ManageOffice>,
    At(id): At<i64>,
) -> Result<StatusCode, ApiError> {
    store::end_sessions(&db, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who has the role is not worth finding out: everybody's roles go.
#[cached(invalidates = ["*:roles", "*:permissions"])]
async fn grant(
    State(db): State<Db>,
    _: May<ManageOffice>,
    At(role): At<String>,
    Body(grants): Body<Grants>,
) -> Result<Json<Role>, ApiError> {
    Ok(Json(store::grant(&db, role, grants).await?))
}
