//! The same lists of jobs, cached in several ways: `writes.rs` compares them under writes.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use cache_runtime::cached;
use cache_runtime::http::CacheLayer;
use job_board::db::Db;
use job_board::error::ApiError;
use job_board::jobs::{Category, Job, JobFilter, JobType, NewJob, Status, store};
use job_board::page::{Listing, Page};
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as NoCategory;

/// As in paths. A list of `all` is of all of them.
pub(crate) const CATEGORIES: [&str; 7] = [
    "engineering",
    "data",
    "design",
    "product",
    "sales",
    "marketing",
    "operations",
];

type List = Result<Json<Listing<Job>>, ApiError>;

/// Every write clears every list.
#[cached(ttl = "5m", key = "plain:<category>:<skip>", skip(db))]
async fn plain(db: Db, category: String, skip: u32) -> List {
    load(&db, &category, skip).await
}

#[cached(ttl = "5m", key = "stale:<category>:<skip>", stale = "5m", skip(db))]
async fn stale(db: Db, category: String, skip: u32) -> List {
    load(&db, &category, skip).await
}

#[cached(
    ttl = "5m",
    key = "soft:<category>:<skip>",
    stale = "5m",
    soft_timeout = "2ms",
    skip(db)
)]
async fn soft(db: Db, category: String, skip: u32) -> List {
    load(&db, &category, skip).await
}

/// A write clears the lists of its category, and those of all categories.
#[cached(ttl = "5m", key = "finer:<category>:<skip>", tags = ["jobs:<category>"], skip(db))]
async fn finer(db: Db, category: String, skip: u32) -> List {
    load(&db, &category, skip).await
}

/// Nothing is removed: a list is up to a second old, or older if nobody asked for it.
#[cached(ttl = "1s", key = "aged:<category>:<skip>", stale = "10s", skip(db))]
async fn aged(db: Db, category: String, skip: u32) -> List {
    load(&db, &category, skip).await
}

/// The same, where a reader waits for the new list, but not for long.
#[cached(
    ttl = "1s",
    key = "aged-soft:<category>:<skip>",
    stale_on_error = "10s",
    soft_timeout = "2ms",
    skip(db)
)]
async fn aged_soft(db: Db, category: String, skip: u32) -> List {
    load(&db, &category, skip).await
}

#[cached(invalidates = ["plain:", "stale:", "soft:"], skip(db))]
async fn clear_all(db: Db, id: u32) -> Result<String, ApiError> {
    change(&db, id).await
}

#[cached(invalidates = ["#jobs:<result>", "#jobs:all"], skip(db))]
async fn clear_category(db: Db, id: u32) -> Result<String, ApiError> {
    change(&db, id).await
}

/// The service of a variant, by its id.
pub(crate) fn router(variant: &str, db: Db) -> Router {
    macro_rules! service {
        ($read:path, $write:path) => {
            Router::new()
                .route(
                    "/lists/{category}/{skip}",
                    get(
                        async |State(db): State<Db>,
                               Path((category, skip)): Path<(String, u32)>| {
                            $read(db, category, skip).await
                        },
                    ),
                )
                .route(
                    "/jobs/{id}",
                    post(async |State(db): State<Db>, Path(id): Path<u32>| $write(db, id).await),
                )
        };
    }
    let service = match variant {
        "plain" => service!(plain, clear_all),
        "stale" => service!(stale, clear_all),
        "soft" => service!(soft, clear_all),
        "finer" => service!(finer, clear_category),
        "aged" => service!(aged, change_alone),
        "aged-soft" => service!(aged_soft, change_alone),
        other => panic!("no service is called {other}"),
    };
    service.layer(CacheLayer::new()).with_state(db)
}

async fn change_alone(db: Db, id: u32) -> Result<String, ApiError> {
    change(&db, id).await
}

async fn load(db: &Db, category: &str, skip: u32) -> List {
    let of = match category {
        "all" => None,
        name => Some(parse(name)?),
    };
    let filter = JobFilter {
        category: of,
        ..JobFilter::default()
    };
    let page = Page { skip, limit: 20 };
    Ok(Json(store::list(db, page, &filter).await?))
}

/// Writes a job anew; its category, which stays.
async fn change(db: &Db, id: u32) -> Result<String, ApiError> {
    let category = CATEGORIES[id as usize % CATEGORIES.len()];
    let job = NewJob {
        company: "Skagen Fyr".to_owned(),
        title: "Lighthouse keeper".to_owned(),
        description: "Keep the lamp burning.".to_owned(),
        location: "Skagen".to_owned(),
        category: parse(category)?,
        kind: JobType::Contract,
        salary_min: 40_000,
        salary_max: 50_000,
        remote: false,
        status: Status::Open,
    };
    store::replace(db, id.into(), 1, &job).await?;
    Ok(category.to_owned())
}

fn parse(category: &str) -> Result<Category, ApiError> {
    let parsed: Result<Category, NoCategory> = Category::deserialize(category.into_deserializer());
    parsed.map_err(|_| ApiError::not_found("category"))
}
