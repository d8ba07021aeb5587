//! The endpoints of users.

use axum::extract::State;
use axum::{Json, Router, routing};

use super::{Followed, User, UserFilter, store};
use crate::AppState;
use crate::db::Db;
use crate::error::ApiError;
use crate::extract::{Id, Params};
use crate::page::{Listing, Page};
use crate::session::{Reader, SignedIn};

/// Everything under `/api/users`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/users/list", routing::get(list))
        .route(
            "/api/users/{id}/follow",
            routing::post(follow).delete(unfollow),
        )
}

async fn list(
    State(db): State<Db>,
    Params(page): Params<Page>,
    Params(filter): Params<UserFilter>,
    Reader(user_id): Reader,
) -> Result<Json<Listing<User>>, ApiError> {
    Ok(Json(store::list(&db, page, &filter, user_id).await?))
}

async fn follow(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Id(id): Id,
) -> Result<Json<Followed>, ApiError> {
    Ok(Json(store::follow(&db, user_id, id, true).await?))
}

async fn unfollow(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Id(id): Id,
) -> Result<Json<Followed>, ApiError> {
    Ok(Json(store::follow(&db, user_id, id, false).await?))
}
