//! What somebody sees who opens the office in the morning: the query nobody would run on every request.

use axum::extract::State;
use axum::{Json, Router, routing};
use cache_runtime::{CacheKey, cached};
use serde::{Deserialize, Serialize};

use crate::AppState;
use crate::codes::Month;
use crate::db::Db;
use crate::error::ApiError;
use crate::session::SignedIn;
use crate::warm::{Warming, warming};

/// `GET /api/dashboard`.
pub fn routes() -> Router<AppState> {
    Router::new().route("/api/dashboard", routing::get(dashboard))
}

/// A user's dashboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Whose it is.
    pub user: String,
    /// The factory they work at.
    pub own: Total,
    /// Every factory, in the month that was paid last.
    pub factories: Vec<Total>,
    /// All of them together, the last twelve months.
    pub months: Vec<Sum>,
    /// By position, over the last twelve months.
    pub positions: Vec<Sum>,
}

/// A factory in the month that was paid last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Total {
    /// Its name.
    pub factory: String,
    /// Who works there.
    pub employees: i64,
    /// Yen.
    pub net: i64,
    /// Yen of overtime.
    pub overtime: i64,
}

/// What has been paid in a month, or for a kind of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Sum {
    /// The month, or the position.
    pub of: String,
    /// Yen.
    pub net: i64,
    /// Yen a head, the mean.
    pub mean: i64,
}

async fn dashboard(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
) -> Result<Json<Summary>, ApiError> {
    Ok(Json(summary(&db, user_id).await?))
}

/// Nobody waits for it once it is there: for a minute past its time it is served while it is made anew. Whatever changes a
/// figure removes it, stale or not.
#[cached(
    ttl = "dashboard",
    key = CacheKey::dashboard("summary", user_id),
    stale = "60s",
    skip(db)
)]
async fn summary(db: &Db, user_id: i64) -> Result<Summary, ApiError> {
    let mut tx = db.snapshot().await?;
    let who = sqlx::query_as("SELECT name, factory FROM users WHERE id = ?")
        .bind(user_id)
        .fetch_optional(tx.counted())
        .await?;
    let (user, home): (String, String) = who.ok_or_else(|| ApiError::not_found("user"))?;
    let last: Month = sqlx::query_scalar("SELECT MAX(month) FROM salaries")
        .fetch_one(tx.counted())
        .await?;
    let own = sqlx::query_as(const { concat!(total!(), " WHERE f.code = ? GROUP BY f.code") })
        .bind(&last)
        .bind(home)
        .fetch_one(tx.counted())
        .await?;
    let factories = sqlx::query_as(const { concat!(total!(), " GROUP BY f.code ORDER BY f.code") })
        .bind(&last)
        .fetch_all(tx.counted())
        .await?;
    let months = sqlx::query_as(
        "SELECT month AS of, SUM(base + overtime - deductions) AS net, \
         CAST(AVG(base + overtime - deductions) AS INTEGER) AS mean \
         FROM salaries GROUP BY month ORDER BY month DESC LIMIT 12",
    )
    .fetch_all(tx.counted())
    .await?;
    let positions = sqlx::query_as(
        "SELECT e.position AS of, SUM(s.base + s.overtime - s.deductions) AS net, \
         CAST(AVG(s.base + s.overtime - s.deductions) AS INTEGER) AS mean \
         FROM salaries s JOIN employees e ON e.id = s.employee_id \
         WHERE s.month > strftime('%Y-%m', ? || '-01', '-12 months') \
         GROUP BY e.position ORDER BY net DESC",
    )
    .bind(&last)
    .fetch_all(tx.counted())
    .await?;
    Ok(Summary {
        user,
        own,
        factories,
        months,
        positions,
    })
}

macro_rules! total {
    () => {
        "SELECT f.name AS factory, COUNT(DISTINCT e.id) AS employees, \
         COALESCE(SUM(s.base + s.overtime - s.deductions), 0) AS net, COALESCE(SUM(s.overtime), 0) AS overtime \
         FROM factories f JOIN employees e ON e.factory = f.code \
         LEFT JOIN salaries s ON s.employee_id = e.id AND s.month = ?"
    };
}
use total;

/// The dashboards of those who come first, for [`crate::warm`].
pub(crate) fn first(db: &Db) -> impl Iterator<Item = Warming> {
    (1..=3).map(|user_id| {
        let (key, db) = (summary::key(user_id), db.clone());
        warming(key, async move { summary(&db, user_id).await })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_parts_add_up() -> Result<(), ApiError> {
        let db = Db::open("sqlite::memory:").await?;
        let summary = summary::uncached(&db, 1).await?;
        let net = |totals: &[Total]| totals.iter().map(|total| total.net).sum::<i64>();
        assert_eq!(net(&summary.factories), summary.months[0].net);
        assert_eq!((summary.factories.len(), summary.months.len()), (4, 12));
        assert!(summary.factories.contains(&summary.own));
        let year = summary.months.iter().map(|month| month.net).sum::<i64>();
        assert_eq!(
            summary.positions.iter().map(|sum| sum.net).sum::<i64>(),
            year
        );
        Ok(())
    }
}
