//! The SQL of employees.

use sqlx::QueryBuilder;

use super::{Employee, NewEmployee, Rirekisho, Search, Terms};
use crate::codes::EmployeeCode;
use crate::db::{Db, Tx};
use crate::error::ApiError;
use crate::page::{Listing, Page};
use crate::text::fold;

/// One page of the employees, by number.
pub async fn list(db: &Db, page: Page) -> Result<Listing<Employee>, sqlx::Error> {
    let mut tx = db.snapshot().await?;
    let mut rows = QueryBuilder::new(SELECT_EMPLOYEE);
    rows.push(" ORDER BY e.id LIMIT ")
        .push_bind(page.per_page)
        .push(" OFFSET ")
        .push_bind(page.offset());
    let items = rows.build_query_as().fetch_all(tx.counted()).await?;
    let total = sqlx::query_scalar("SELECT COUNT(*) FROM employees")
        .fetch_one(tx.counted())
        .await?;
    Ok(Listing::new(items, total, page))
}

/// Those whose name holds what is looked for.
pub async fn search(db: &Db, search: &Search) -> Result<Vec<Employee>, sqlx::Error> {
    let mut rows = QueryBuilder::new(SELECT_EMPLOYEE);
    rows.push(" WHERE instr(e.name_key, ")
        .push_bind(search.q.clone())
        .push(") > 0 ORDER BY e.name_key, e.id LIMIT ")
        .push_bind(search.limit);
    rows.build_query_as().fetch_all(db.counted()).await
}

/// One employee.
pub async fn find(db: &Db, code: &EmployeeCode) -> Result<Option<Rirekisho>, sqlx::Error> {
    sqlx::query_as(SELECT_RIREKISHO)
        .bind(code)
        .fetch_optional(db.counted())
        .await
}

/// Adds an employee under the next code.
///
/// # Errors
///
/// `400` if there is no such factory.
pub async fn hire(db: &Db, new: &NewEmployee) -> Result<Rirekisho, ApiError> {
    let mut tx = db.write().await?;
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM factories WHERE code = ?)")
        .bind(&new.factory)
        .fetch_one(tx.counted())
        .await?;
    if !known {
        return Err(ApiError::invalid("factory", "is not one of ours"));
    }
    let code: EmployeeCode = sqlx::query_scalar(
        "INSERT INTO employees (code, factory, name, name_key, position, base_pay, hired, history) \
         SELECT printf('R%03d', MAX(id) + 1), ?, ?, ?, ?, ?, date('now'), ? FROM employees RETURNING code",
    )
    .bind(&new.factory)
    .bind(&new.name)
    .bind(fold(&new.name))
    .bind(&new.position)
    .bind(new.base_pay)
    .bind(&new.history)
    .fetch_one(tx.counted())
    .await?;
    let hired = written(&mut tx, &code).await?;
    tx.commit().await?;
    Ok(hired)
}

/// Gives an employee new terms; `None` if there is no such employee.
pub async fn change(
    db: &Db,
    code: &EmployeeCode,
    terms: &Terms,
) -> Result<Option<Rirekisho>, sqlx::Error> {
    let mut tx = db.write().await?;
    let done = sqlx::query("UPDATE employees SET position = ?, base_pay = ? WHERE code = ?")
        .bind(&terms.position)
        .bind(terms.base_pay)
        .bind(code)
        .execute(tx.counted())
        .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    let changed = written(&mut tx, code).await?;
    tx.commit().await?;
    Ok(Some(changed))
}

async fn written(tx: &mut Tx, code: &EmployeeCode) -> Result<Rirekisho, sqlx::Error> {
    sqlx::query_as(SELECT_RIREKISHO)
        .bind(code)
        .fetch_one(tx.counted())
        .await
}

const SELECT_EMPLOYEE: &str = "SELECT e.code, e.name, e.position, f.name AS factory_name \
     FROM employees e JOIN factories f ON f.code = e.factory";
const SELECT_RIREKISHO: &str = "SELECT e.code, e.name, e.position, e.factory, f.name AS factory_name, e.base_pay, \
     e.hired, e.history FROM employees e JOIN factories f ON f.code = e.factory WHERE e.code = ?";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn codes_go_on_where_they_ended() -> Result<(), Box<dyn std::error::Error>> {
        let db = Db::open("sqlite::memory:").await?;
        let mut new = NewEmployee {
            name: "Żaneta Kowalska".into(),
            position: "Welder".into(),
            factory: "gunma".to_owned().try_into()?,
            base_pay: 250_000,
            history: "Shipyards.".into(),
        };
        let hired = hire(&db, &new).await.map_err(|_| "refused")?;
        assert_eq!(hired.code.to_string(), "R1501");
        let q = fold("żaneta");
        let found = search(&db, &Search { q, limit: 10 }).await?;
        assert_eq!(found.len(), 1);

        new.factory = "atlantis".to_owned().try_into()?;
        assert!(hire(&db, &new).await.is_err());
        Ok(())
    }
}
