//! The endpoints of salaries and payrolls.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router, routing};
use cache_runtime::cached;

use super::{Corrected, Correction, Payroll, Run, Salary, Since, store};
use crate::AppState;
use crate::codes::{EmployeeCode, FactoryCode, Month};
use crate::db::Db;
use crate::error::ApiError;
use crate::extract::{At, Body, Params};
use crate::session::{May, ReadSalaries, RunPayroll};

/// Everything under `/api/salaries` and `/api/payroll`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/salaries/{code}", routing::get(of_employee))
        .route("/api/salaries/{code}/{month}", routing::put(correct))
        .route("/api/payroll/{factory}/{month}", routing::get(payroll))
        .route("/api/payroll/{factory}/{month}/run", routing::post(run))
}

/// No `ttl`: for as long as `CACHE_DEFAULT_TTL` says.
#[cached(key = "salary:<code>:<since.months>")]
async fn of_employee(
    State(db): State<Db>,
    _: May<ReadSalaries>,
    At(code): At<EmployeeCode>,
    Params(since): Params<Since>,
) -> Result<Json<Vec<Salary>>, ApiError> {
    Ok(Json(store::of_employee(&db, &code, since.months).await?))
}

async fn payroll(
    State(db): State<Db>,
    _: May<ReadSalaries>,
    At((factory, month)): At<(FactoryCode, Month)>,
) -> Result<Response, ApiError> {
    let payroll = payroll_of(&db, &factory, &month).await?;
    Ok(Json(&*payroll).into_response())
}

/// Some hundred lines: compressed on the way to Redis, and in memory an `Arc`, of which a hit copies the pointer.
#[cached(
    ttl = "report",
    key = "payroll:<factory>:<month>",
    compress = "zstd",
    skip(db)
)]
async fn payroll_of(
    db: &Db,
    factory: &FactoryCode,
    month: &Month,
) -> Result<Arc<Payroll>, ApiError> {
    store::payroll(db, factory, month).await.map(Arc::new)
}

/// One month of one employee: that employee's entries, and the sums that it is part of.
#[cached(invalidates = ["salary:<code>:*", "payroll:<result.factory>:<month>", "dashboard:*"])]
async fn correct(
    State(db): State<Db>,
    _: May<RunPayroll>,
    At((code, month)): At<(EmployeeCode, Month)>,
    Body(correction): Body<Correction>,
) -> Result<Json<Corrected>, ApiError> {
    Ok(Json(store::correct(&db, &code, &month, correction).await?))
}

/// A run pays everybody of a factory: all its payrolls, all salaries, all dashboards.
#[cached(invalidates = ["payroll:<factory>:*", "salary:*", "dashboard:*"])]
async fn run(
    State(db): State<Db>,
    _: May<RunPayroll>,
    At((factory, month)): At<(FactoryCode, Month)>,
) -> Result<Json<Run>, ApiError> {
    Ok(Json(store::run(&db, &factory, &month).await?))
}
