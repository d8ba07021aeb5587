//! The endpoints of users. The list is personal, and its key says whose it is.

use axum::extract::State;
use axum::{Json, Router, routing};
use cache_runtime::cached;

use super::{Followed, User, UserFilter, store};
use crate::AppState;
use crate::db::Db;
use crate::error::ApiError;
use crate::extract::{Id, Params};
use crate::page::{Listing, Page};
use crate::session::{Reader, SignedIn};
use crate::ttl::USERS_LIST;

/// Everything under `/api/users`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/users/list", routing::get(list))
        .route(
            "/api/users/{id}/follow",
            routing::post(follow).delete(unfollow),
        )
}

/// Leave `<user_id>` out and this does not compile: a key without it would show one reader whom
/// another follows.
// cache-map: reads follows
#[cached(ttl = USERS_LIST, key = "users:list:<page.skip>:<page.limit>:<filter.search>:<user_id>")]
async fn list(
    State(db): State<Db>,
    Params(page): Params<Page>,
    Params(filter): Params<UserFilter>,
    Reader(user_id): Reader,
) -> Result<Json<Listing<User>>, ApiError> {
    Ok(Json(store::list(&db, page, &filter, user_id).await?))
}

/// Everybody's lists go, not the follower's alone: all of them show the number of followers.
// cache-map: writes follows
#[cached(invalidates = "users:list:")]
async fn follow(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Id(id): Id,
) -> Result<Json<Followed>, ApiError> {
    Ok(Json(store::follow(&db, user_id, id, true).await?))
}

// cache-map: writes follows
#[cached(invalidates = "users:list:")]
async fn unfollow(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Id(id): Id,
) -> Result<Json<Followed>, ApiError> {
    Ok(Json(store::follow(&db, user_id, id, false).await?))
}
