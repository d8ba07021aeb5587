//! The endpoint of users.

use axum::extract::State;
use axum::{Json, Router, routing};

use super::AppState;
use super::error::ApiError;
use super::extract::Id;
use crate::article::User;
use crate::service::ArticleService;

/// `GET /users/{id}`.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/users/{id}", routing::get(detail))
}

async fn detail(State(service): State<ArticleService>, Id(id): Id) -> Result<Json<User>, ApiError> {
    let user = service.user(id).await?;
    user.map(Json).ok_or(ApiError::not_found("user"))
}
