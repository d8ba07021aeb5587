//! The factories, whose names stand in lists, payrolls and dashboards.

use axum::extract::State;
use axum::{Json, Router, routing};
use cache_runtime::cached;
use serde::{Deserialize, Serialize};

use crate::AppState;
use crate::codes::FactoryCode;
use crate::db::Db;
use crate::error::ApiError;
use crate::extract::{At, Body, Canonical};
use crate::session::{ManageOffice, May, SignedIn};
use crate::text;

/// `GET /api/factories`, `PUT /api/factories/{factory}`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/factories", routing::get(list))
        .route("/api/factories/{factory}", routing::put(rename))
}

/// A factory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Factory {
    /// `nagoya`.
    pub code: FactoryCode,
    /// As people call it.
    pub name: String,
}

/// A factory's new name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewName {
    /// One line.
    pub name: String,
}

impl Canonical for NewName {
    fn canonical(mut self) -> Result<Self, ApiError> {
        self.name = text::line("name", &self.name, 100)?;
        Ok(self)
    }
}

/// An entry with an automatic key is removed by a tag: nobody has to know what it is called.
#[cached(ttl = "very_long", tags = ["factories"])]
async fn list(State(db): State<Db>, _: SignedIn) -> Result<Json<Vec<Factory>>, ApiError> {
    let all = sqlx::query_as("SELECT code, name FROM factories ORDER BY code");
    Ok(Json(all.fetch_all(db.counted()).await?))
}

/// The name is shown on every page of every list, whatever it is a list of; and by whatever carries the tag.
#[cached(invalidates = [
    "#factories",
    "*:list:*",
    "employee:search:",
    "employee:rirekisho:",
    "payroll:<factory>:*",
    "dashboard:*",
])]
async fn rename(
    State(db): State<Db>,
    _: May<ManageOffice>,
    At(factory): At<FactoryCode>,
    Body(new): Body<NewName>,
) -> Result<Json<Factory>, ApiError> {
    let renamed =
        sqlx::query_as("UPDATE factories SET name = ? WHERE code = ? RETURNING code, name")
            .bind(&new.name)
            .bind(&factory)
            .fetch_optional(db.counted())
            .await?;
    renamed
        .map(Json)
        .ok_or_else(|| ApiError::not_found("factory"))
}
