//! The rates of social insurance, which change once a year and by law.

use axum::extract::State;
use axum::{Json, Router, routing};
use cache_runtime::cached;
use serde::{Deserialize, Serialize};

use crate::AppState;
use crate::db::Db;
use crate::error::ApiError;
use crate::extract::At;
use crate::session::SignedIn;

/// `GET /api/rates/{year}`.
pub fn routes() -> Router<AppState> {
    Router::new().route("/api/rates/{year}", routing::get(of_year))
}

/// What goes from gross pay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Rate {
    /// For what.
    pub name: String,
    /// Thousandths.
    pub permille: i64,
}

/// The least that an attribute can say: how long. The key is the function's path and the year.
// cache-map: allow(unremoved) the rates of a year never change
#[cached(ttl = "very_long")]
async fn of_year(
    State(db): State<Db>,
    _: SignedIn,
    At(year): At<u16>,
) -> Result<Json<Vec<Rate>>, ApiError> {
    let rates: Vec<Rate> =
        sqlx::query_as("SELECT name, permille FROM rates WHERE year = ? ORDER BY name")
            .bind(year)
            .fetch_all(db.counted())
            .await?;
    if rates.is_empty() {
        return Err(ApiError::not_found("year"));
    }
    Ok(Json(rates))
}
