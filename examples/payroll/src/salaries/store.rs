//! The SQL of salaries and payrolls.

use super::{Corrected, Correction, Line, Payroll, Run, Salary};
use crate::codes::{EmployeeCode, FactoryCode, Month};
use crate::db::{Db, Tx};
use crate::error::ApiError;

/// The latest months of an employee, newest first.
///
/// # Errors
///
/// `404` if there is no such employee.
pub async fn of_employee(
    db: &Db,
    code: &EmployeeCode,
    months: u32,
) -> Result<Vec<Salary>, ApiError> {
    let mut tx = db.snapshot().await?;
    let (id, _) = employee(&mut tx, code).await?;
    let salaries = sqlx::query_as(
        "SELECT month, base, overtime, deductions FROM salaries WHERE employee_id = ? \
         ORDER BY month DESC LIMIT ?",
    )
    .bind(id)
    .bind(months)
    .fetch_all(tx.counted())
    .await?;
    Ok(salaries)
}

/// Corrects one month of an employee.
///
/// # Errors
///
/// `404` if there is no such employee, or they were not paid that month.
pub async fn correct(
    db: &Db,
    code: &EmployeeCode,
    month: &Month,
    correction: Correction,
) -> Result<Corrected, ApiError> {
    let mut tx = db.write().await?;
    let (id, factory) = employee(&mut tx, code).await?;
    let salary = sqlx::query_as(
        "UPDATE salaries SET overtime = ?, deductions = ? WHERE employee_id = ? AND month = ? \
         RETURNING month, base, overtime, deductions",
    )
    .bind(correction.overtime)
    .bind(correction.deductions)
    .bind(id)
    .bind(month)
    .fetch_optional(tx.counted())
    .await?;
    let salary = salary.ok_or_else(|| ApiError::not_found("month"))?;
    tx.commit().await?;
    Ok(Corrected { factory, salary })
}

/// A factory's payroll of a month.
///
/// # Errors
///
/// `404` if there is no such factory, or nobody there was paid that month.
pub async fn payroll(db: &Db, factory: &FactoryCode, month: &Month) -> Result<Payroll, ApiError> {
    let mut tx = db.snapshot().await?;
    let name = factory_name(&mut tx, factory).await?;
    let lines: Vec<Line> = sqlx::query_as(
        "SELECT e.code, e.name, e.position, s.base, s.overtime, s.deductions, \
         s.base + s.overtime - s.deductions AS net \
         FROM employees e JOIN salaries s ON s.employee_id = e.id AND s.month = ? \
         WHERE e.factory = ? ORDER BY e.id",
    )
    .bind(month)
    .bind(factory)
    .fetch_all(tx.counted())
    .await?;
    if lines.is_empty() {
        return Err(ApiError::not_found("payroll"));
    }
    Ok(Payroll {
        factory: name,
        month: month.clone(),
        net: lines.iter().map(|line| line.net).sum(),
        lines,
    })
}

/// Pays everybody of a factory for a month, at the terms of today; overtime that was entered stays.
///
/// # Errors
///
/// `404` if there is no such factory.
pub async fn run(db: &Db, factory: &FactoryCode, month: &Month) -> Result<Run, ApiError> {
    let mut tx = db.write().await?;
    factory_name(&mut tx, factory).await?;
    let done = sqlx::query(
        "INSERT INTO salaries (employee_id, month, base, overtime, deductions) \
         SELECT id, ?, base_pay, 0, base_pay * 15 / 100 FROM employees WHERE factory = ? \
         ON CONFLICT DO UPDATE SET base = excluded.base, \
         deductions = (excluded.base + overtime) * 15 / 100",
    )
    .bind(month)
    .bind(factory)
    .execute(tx.counted())
    .await?;
    tx.commit().await?;
    Ok(Run {
        paid: done.rows_affected(),
    })
}

async fn employee(tx: &mut Tx, code: &EmployeeCode) -> Result<(i64, FactoryCode), ApiError> {
    let found = sqlx::query_as("SELECT id, factory FROM employees WHERE code = ?")
        .bind(code)
        .fetch_optional(tx.counted())
        .await?;
    found.ok_or_else(|| ApiError::not_found("employee"))
}

async fn factory_name(tx: &mut Tx, factory: &FactoryCode) -> Result<String, ApiError> {
    let found = sqlx::query_scalar("SELECT name FROM factories WHERE code = ?")
        .bind(factory)
        .fetch_optional(tx.counted())
        .await?;
    found.ok_or_else(|| ApiError::not_found("factory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_run_pays_everybody_of_one_factory() -> Result<(), Box<dyn std::error::Error>> {
        let db = Db::open("sqlite::memory:").await?;
        let nagoya = FactoryCode::try_from("nagoya".to_owned())?;
        let month = Month::try_from("2026-01".to_owned())?;
        let none = payroll(&db, &nagoya, &month).await;
        assert_eq!(none, Err(ApiError::not_found("payroll")));

        let ran = run(&db, &nagoya, &month).await.map_err(|_| "refused")?;
        let paid = payroll(&db, &nagoya, &month).await.map_err(|_| "refused")?;
        assert_eq!(paid.lines.len() as u64, ran.paid);
        assert!(paid.net > 0);
        let again = run(&db, &nagoya, &month).await;
        assert_eq!(again, Ok(ran), "twice changes nothing");
        Ok(())
    }
}
