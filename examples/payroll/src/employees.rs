//! Employees: what they are, how they are looked for, what may be written.

pub mod routes;
pub mod store;

use serde::{Deserialize, Serialize};

use crate::codes::{EmployeeCode, FactoryCode};
use crate::error::ApiError;
use crate::extract::Canonical;
use crate::page::LONGEST;
use crate::text;

/// An employee as lists show one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Employee {
    /// `R001`.
    pub code: EmployeeCode,
    /// Their name.
    pub name: String,
    /// What they do.
    pub position: String,
    /// The name of their factory.
    pub factory_name: String,
}

/// A résumé (履歴書): an employee, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Rirekisho {
    /// `R001`.
    pub code: EmployeeCode,
    /// Their name.
    pub name: String,
    /// What they do.
    pub position: String,
    /// Where.
    pub factory: FactoryCode,
    /// Its name.
    pub factory_name: String,
    /// Yen a month.
    pub base_pay: i64,
    /// The day they began.
    pub hired: String,
    /// What they did before, and what they can do.
    pub history: String,
}

/// Who is looked for: `?q=sato&limit=50`.
#[derive(Debug, Clone, Deserialize)]
pub struct Search {
    /// A part of the name.
    pub q: String,
    /// So many at most.
    #[serde(default = "fifty")]
    pub limit: u32,
}

fn fifty() -> u32 {
    50
}

impl Canonical for Search {
    fn canonical(mut self) -> Result<Self, ApiError> {
        self.q = text::fold(&text::line("q", &self.q, 100)?);
        if !(1..=LONGEST).contains(&self.limit) {
            return Err(ApiError::invalid(
                "limit",
                format!("must be from 1 to {LONGEST}"),
            ));
        }
        Ok(self)
    }
}

/// Somebody to be hired.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Rirekisho`")]
pub struct NewEmployee {
    pub name: String,
    pub position: String,
    pub factory: FactoryCode,
    pub base_pay: i64,
    pub history: String,
}

impl Canonical for NewEmployee {
    fn canonical(mut self) -> Result<Self, ApiError> {
        self.name = text::line("name", &self.name, 100)?;
        self.history = text::line("history", &self.history, 5_000)?;
        terms(&mut self.position, self.base_pay)?;
        Ok(self)
    }
}

/// New terms for somebody who is here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Rirekisho`")]
pub struct Terms {
    pub position: String,
    pub base_pay: i64,
}

impl Canonical for Terms {
    fn canonical(mut self) -> Result<Self, ApiError> {
        terms(&mut self.position, self.base_pay)?;
        Ok(self)
    }
}

fn terms(position: &mut String, base_pay: i64) -> Result<(), ApiError> {
    *position = text::line("position", position, 100)?;
    if !(0..=HIGHEST_PAY).contains(&base_pay) {
        let problem = format!("must be from 0 to {HIGHEST_PAY}");
        return Err(ApiError::invalid("base_pay", problem));
    }
    Ok(())
}

/// Above it, a typing error is likelier than a salary.
const HIGHEST_PAY: i64 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_that_mean_the_same_become_the_same() {
        let search = |q: &str, limit| {
            let q = q.to_owned();
            Search { q, limit }.canonical().map(|search| search.q)
        };
        assert_eq!(search("  JOÃO  Costa ", 50), Ok("joão costa".into()));
        assert!(search(" ", 50).is_err() && search("sato", 0).is_err());
    }
}
