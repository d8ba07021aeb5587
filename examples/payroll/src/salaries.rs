//! What is paid: to one employee over months, to a whole factory in one.

pub mod routes;
pub mod store;

use serde::{Deserialize, Serialize};

use crate::codes::{EmployeeCode, FactoryCode, Month};
use crate::error::ApiError;
use crate::extract::Canonical;

/// One month of one employee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Salary {
    /// `2025-07`.
    pub month: Month,
    /// Yen.
    pub base: i64,
    /// Yen on top.
    pub overtime: i64,
    /// Yen that go.
    pub deductions: i64,
}

/// How far back: `?months=12`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
pub struct Since {
    /// The latest so many.
    pub months: u32,
}

impl Default for Since {
    fn default() -> Self {
        Self { months: 12 }
    }
}

impl Canonical for Since {
    fn canonical(self) -> Result<Self, ApiError> {
        if !(1..=120).contains(&self.months) {
            return Err(ApiError::invalid("months", "must be from 1 to 120"));
        }
        Ok(self)
    }
}

/// A correction of one month.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Salary`")]
pub struct Correction {
    pub overtime: i64,
    pub deductions: i64,
}

impl Canonical for Correction {
    fn canonical(self) -> Result<Self, ApiError> {
        for (field, yen) in [("overtime", self.overtime), ("deductions", self.deductions)] {
            if !(0..=10_000_000).contains(&yen) {
                return Err(ApiError::invalid(field, "must be from 0 to 10000000"));
            }
        }
        Ok(self)
    }
}

/// A month that was corrected, and whose payroll it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Corrected {
    /// Where the employee works.
    pub factory: FactoryCode,
    /// As it is now.
    pub salary: Salary,
}

/// A factory's payroll of one month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payroll {
    /// The name of the factory.
    pub factory: String,
    /// `2025-07`.
    pub month: Month,
    /// Yen, all lines together.
    pub net: i64,
    /// A line for each employee.
    pub lines: Vec<Line>,
}

/// One employee's line of a payroll.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
#[expect(missing_docs, reason = "as in `Salary` and `Employee`")]
pub struct Line {
    pub code: EmployeeCode,
    pub name: String,
    pub position: String,
    pub base: i64,
    pub overtime: i64,
    pub deductions: i64,
    pub net: i64,
}

/// What a run of the payroll came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Employees paid.
    pub paid: u64,
}
