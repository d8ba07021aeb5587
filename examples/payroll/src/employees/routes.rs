//! The endpoints of employees: pages, searches, résumés, and what each change removes.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use cache_runtime::{CacheKey, cached};

use super::{Employee, NewEmployee, Rirekisho, Search, Terms, store};
use crate::AppState;
use crate::codes::EmployeeCode;
use crate::db::Db;
use crate::error::ApiError;
use crate::extract::{At, Body, Params};
use crate::keys;
use crate::page::{Listing, Page};
use crate::session::{May, ReadEmployees, WriteEmployees};
use crate::warm::{Warming, warming};

/// Everything under `/api/employees`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/employees", routing::get(list).post(hire))
        .route("/api/employees/search", routing::get(search))
        .route("/api/employees/{code}", routing::get(rirekisho).put(change))
}

async fn list(
    State(db): State<Db>,
    _: May<ReadEmployees>,
    Params(page): Params<Page>,
) -> Result<Json<Listing<Employee>>, ApiError> {
    Ok(Json(page_of(&db, page).await?))
}

/// Below the handler, so that [`crate::warm`] can call it: nobody has to be signed in for that.
#[cached(
    ttl = "list",
    key = CacheKey::list_paginated("employee", page.number, page.per_page),
    skip(db)
)]
async fn page_of(db: &Db, page: Page) -> Result<Listing<Employee>, ApiError> {
    Ok(store::list(db, page).await?)
}

/// What is looked for is a person's name: the key holds its hash, and `redis-cli` shows nobody whom it was about.
#[cached(ttl = "search", key = CacheKey::search("employee", &wanted.q, wanted.limit))]
async fn search(
    State(db): State<Db>,
    _: May<ReadEmployees>,
    Params(wanted): Params<Search>,
) -> Result<Json<Vec<Employee>>, ApiError> {
    Ok(Json(store::search(&db, &wanted).await?))
}

#[cached(ttl = "long", key = keys::rirekisho(&code))]
async fn rirekisho(
    State(db): State<Db>,
    _: May<ReadEmployees>,
    At(code): At<EmployeeCode>,
) -> Result<Json<Rirekisho>, ApiError> {
    let found = store::find(&db, &code).await?;
    found
        .map(Json)
        .ok_or_else(|| ApiError::not_found("employee"))
}

/// A new name may belong on any page and in any search, and the dashboards count heads.
#[cached(invalidates = ["employee:list:", "employee:search:", "dashboard:*"])]
async fn hire(
    State(db): State<Db>,
    _: May<WriteEmployees>,
    Body(new): Body<NewEmployee>,
) -> Result<(StatusCode, Json<Rirekisho>), ApiError> {
    let hired = store::hire(&db, &new).await?;
    Ok((StatusCode::CREATED, Json(hired)))
}

/// One employee's entry, and whatever shows a position. What was paid before is not changed by new terms.
#[cached(invalidates = [
    "employee:rirekisho:<code>",
    "employee:list:",
    "employee:search:",
    "payroll:<result.factory>:*",
    "dashboard:*",
])]
async fn change(
    State(db): State<Db>,
    _: May<WriteEmployees>,
    At(code): At<EmployeeCode>,
    Body(terms): Body<Terms>,
) -> Result<Json<Rirekisho>, ApiError> {
    let changed = store::change(&db, &code, &terms).await?;
    changed
        .map(Json)
        .ok_or_else(|| ApiError::not_found("employee"))
}

/// What people open first in the morning, for [`crate::warm`].
pub(crate) fn first_pages(db: &Db) -> impl Iterator<Item = Warming> {
    Page::first(3).map(|page| {
        let (key, db) = (page_of::key(page), db.clone());
        warming(key, async move { page_of(&db, page).await })
    })
}
