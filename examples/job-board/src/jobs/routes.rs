//! The endpoints of jobs, cached where they stand.
//!
//! The attribute sits on the handlers themselves. Extractors run first, so that a key is made of
//! valid arguments in their canonical form, and a request that must not be served never gets to it.
//!
//! The comments `cache-map` say which data a function reads or writes; `cachectl map --check` finds a writer that forgets to
//! remove what was read from it. A new job changes lists, but no job that exists.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use cache_runtime::http::CachedJson;
use cache_runtime::outbox::Outbox;
use cache_runtime::{cached, deferred};
use sqlx::Sqlite;

use super::stats::{self, Overview};
use super::{Job, JobFilter, NewJob, store};
use crate::AppState;
use crate::db::{Db, Tx};
use crate::error::ApiError;
use crate::extract::{Body, Id, Params};
use crate::page::{Listing, Page};
use crate::session::SignedIn;
use crate::ttl::{JOBS, JOBS_STATS};
use crate::warm::{Warming, warming};

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

/// `<filter>` takes the filter whole: one that is added tomorrow is in the key tomorrow.
///
/// Every write removes these pages, so they are never wrong and need not be stale: `early` loads the
/// pages in demand anew before they expire. `jitter`, because warming loads many at once. A search
/// that the database cannot answer within `timeout` is a `503`, and not a client that hangs.
///
/// `CachedJson`, because this is what most visitors ask for, and only clients read it: a hit sends the
/// stored text, compressed if the client accepts that, and serializes nothing.
// cache-map: reads jobs
#[cached(
    ttl = JOBS,
    key = "jobs:list:<page.skip>:<page.limit>:<filter>",
    early,
    jitter = "10%",
    timeout = "5s"
)]
async fn list(
    State(db): State<Db>,
    Params(page): Params<Page>,
    Params(filter): Params<JobFilter>,
) -> Result<CachedJson<Listing<Job>>, ApiError> {
    Ok(CachedJson::new(store::list(&db, page, &filter).await?))
}

/// An error is never cached, so the first request after the job appears will find it.
// cache-map: reads jobs.existing
#[cached(ttl = JOBS, key = "jobs:detail:<id>")]
async fn detail(State(db): State<Db>, Id(id): Id) -> Result<Json<Job>, ApiError> {
    let job = store::find(&db, id).await?;
    job.map(Json).ok_or_else(|| ApiError::not_found("job"))
}

/// Figures of an hour ago are better than none, while the database is too busy or broken.
// cache-map: reads jobs
#[cached(ttl = JOBS_STATS, key = "jobs:stats:overview", stale_on_error = "1h", timeout = "5s", public)]
async fn overview(State(db): State<Db>) -> Result<Json<Overview>, ApiError> {
    Ok(Json(stats::overview(&db).await?))
}

/// What visitors ask for first, for [`crate::warm`].
pub(crate) fn first_pages(db: &Db) -> impl Iterator<Item = Warming> {
    let pages = Page::first(5).map(|page| {
        let (page, filter) = (Params(page), Params(JobFilter::default()));
        let key = list::key(page, filter.clone());
        warming(key, list(State(db.clone()), page, filter))
    });
    let overview = warming(overview::key(), overview(State(db.clone())));
    pages.chain([overview])
}

/// What `add` removes is written down in the transaction itself. If this process dies between the commit and the removal,
/// another one finds it there, and nobody sees the lists without this job until they expire.
async fn create(
    State(db): State<Db>,
    State(outbox): State<Outbox<Sqlite>>,
    SignedIn(user_id): SignedIn,
    Body(new): Body<NewJob>,
) -> Result<(StatusCode, Json<Job>), ApiError> {
    let job = deferred(async {
        let mut tx = db.write().await?;
        let job = add(&mut tx, user_id, &new).await?;
        tx.record(&outbox).await?;
        tx.commit().await?;
        Ok::<_, sqlx::Error>(job)
    });
    Ok((StatusCode::CREATED, Json(job.await?)))
}

/// A new job may belong on any page of any filter, so they all go: after the commit, because `deferred` waits for it.
// cache-map: writes jobs
#[cached(invalidates = ["jobs:list:", "jobs:stats:overview"], skip(tx, user_id, new))]
async fn add(tx: &mut Tx, user_id: i64, new: &NewJob) -> Result<Job, sqlx::Error> {
    store::create(tx, user_id, new).await
}

// cache-map: writes jobs, jobs.existing
#[cached(invalidates = ["jobs:list:", "jobs:stats:overview", "jobs:detail:<id>"])]
async fn replace(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Id(id): Id,
    Body(new): Body<NewJob>,
) -> Result<Json<Job>, ApiError> {
    Ok(Json(store::replace(&db, id, user_id, &new).await?))
}

/// Refused deletions fail with an error, and after an error nothing is removed.
// cache-map: writes jobs, jobs.existing
#[cached(invalidates = ["jobs:list:", "jobs:stats:overview", "jobs:detail:<id>"])]
async fn delete(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    store::delete(&db, id, user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
