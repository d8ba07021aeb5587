//! The endpoints of jobs.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router, routing};

use super::stats::{self, Overview};
use super::{Job, JobFilter, NewJob, store};
use crate::AppState;
use crate::db::Db;
use crate::error::ApiError;
use crate::extract::{Body, Id, Params};
use crate::page::{Listing, Page};
use crate::session::SignedIn;

/// Everything under `/api/jobs`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/jobs", routing::get(list).post(create))
        .route(
            "/api/jobs/{id}",
            routing::get(detail).put(replace).delete(delete),
        )
        .route("/api/jobs/stats/overview", routing::get(overview))
}

async fn list(
    State(db): State<Db>,
    Params(page): Params<Page>,
    Params(filter): Params<JobFilter>,
) -> Result<Json<Listing<Job>>, ApiError> {
    Ok(Json(store::list(&db, page, &filter).await?))
}

async fn detail(State(db): State<Db>, Id(id): Id) -> Result<Json<Job>, ApiError> {
    let job = store::find(&db, id).await?;
    job.map(Json).ok_or_else(|| ApiError::not_found("job"))
}

async fn overview(State(db): State<Db>) -> Result<Json<Overview>, ApiError> {
    Ok(Json(stats::overview(&db).await?))
}

async fn create(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Body(new): Body<NewJob>,
) -> Result<(StatusCode, Json<Job>), ApiError> {
    let job = store::create(&db, user_id, &new).await?;
    Ok((StatusCode::CREATED, Json(job)))
}

async fn replace(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Id(id): Id,
    Body(new): Body<NewJob>,
) -> Result<Json<Job>, ApiError> {
    Ok(Json(store::replace(&db, id, user_id, &new).await?))
}

async fn delete(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    store::delete(&db, id, user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
