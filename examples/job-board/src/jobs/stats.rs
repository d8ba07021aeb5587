//! The overview of all open jobs: the query nobody would run on every request.

use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;

use crate::db::{Db, Tx};

/// Figures about all open jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// How many there are, and what they pay.
    pub totals: Totals,
    /// By field of work, largest first.
    pub by_category: Vec<Share>,
    /// By kind of contract, largest first.
    pub by_type: Vec<Share>,
    /// The ten cities with the most.
    pub by_location: Vec<Share>,
}

/// The figures of all open jobs together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Totals {
    /// Open jobs.
    pub jobs: i64,
    /// Those that can be done from home.
    pub remote: i64,
    /// Companies that have at least one.
    pub companies: i64,
    /// The mean of the middles of the salary ranges; 0 if there is no job.
    pub average_salary: i64,
}

/// The figures of some of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Share {
    /// What they have in common.
    pub name: String,
    /// Open jobs.
    pub jobs: i64,
    /// The mean of the middles of the salary ranges.
    pub average_salary: i64,
}

/// Reads them all from one state of the data, so that the parts add up.
pub async fn overview(db: &Db) -> Result<Overview, sqlx::Error> {
    let mut tx = db.snapshot().await?;
    let totals = sqlx::query_as(
        "SELECT COUNT(*) AS jobs, COALESCE(SUM(remote), 0) AS remote, \
         COUNT(DISTINCT company_id) AS companies, \
         CAST(COALESCE(AVG((salary_min + salary_max) / 2), 0) AS INTEGER) AS average_salary \
         FROM jobs WHERE status = 'open'",
    )
    .fetch_one(tx.counted())
    .await?;
    Ok(Overview {
        totals,
        by_category: shares(&mut tx, "category").await?,
        by_type: shares(&mut tx, "kind").await?,
        by_location: shares(&mut tx, "location").await?,
    })
}

/// The ten largest groups of open jobs that share a column's value.
async fn shares(tx: &mut Tx, column: &'static str) -> Result<Vec<Share>, sqlx::Error> {
    QueryBuilder::new("SELECT ")
        .push(column)
        .push(
            " AS name, COUNT(*) AS jobs, \
             CAST(AVG((salary_min + salary_max) / 2) AS INTEGER) AS average_salary \
             FROM jobs WHERE status = 'open' GROUP BY name ORDER BY jobs DESC, name LIMIT 10",
        )
        .build_query_as()
        .fetch_all(tx.counted())
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_parts_add_up() -> Result<(), sqlx::Error> {
        let db = Db::open("sqlite::memory:").await?;
        let overview = overview(&db).await?;
        let sum = |shares: &[Share]| shares.iter().map(|share| share.jobs).sum::<i64>();
        assert_eq!(sum(&overview.by_category), overview.totals.jobs);
        assert_eq!(sum(&overview.by_type), overview.totals.jobs);
        assert_eq!(overview.by_location.len(), 10);
        assert!(overview.totals.remote > 0 && overview.totals.remote < overview.totals.jobs);
        Ok(())
    }

    #[tokio::test]
    async fn an_empty_board_has_figures_too() -> Result<(), sqlx::Error> {
        let db = Db::open("sqlite::memory:").await?;
        sqlx::query("DELETE FROM jobs")
            .execute(db.counted())
            .await?;
        let overview = overview(&db).await?;
        assert_eq!(
            (overview.totals.jobs, overview.totals.average_salary),
            (0, 0)
        );
        assert!(overview.by_category.is_empty());
        Ok(())
    }
}
