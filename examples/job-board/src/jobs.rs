//! Jobs: what they are, what may be asked of them, what may be written.

pub mod routes;
pub mod stats;
pub mod store;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::extract::Canonical;
use crate::text;

/// A job as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// The name of the company.
    pub company: String,
    /// The user who may change it.
    pub posted_by: i64,
    /// One line.
    pub title: String,
    /// Any number of lines.
    pub description: String,
    /// A city.
    pub location: String,
    /// The field of work.
    pub category: Category,
    /// The kind of contract.
    #[serde(rename = "type")]
    pub kind: JobType,
    /// A year, from.
    pub salary_min: u32,
    /// A year, to.
    pub salary_max: u32,
    /// Whether one can work from home.
    pub remote: bool,
    /// Whether one can still apply.
    pub status: Status,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    pub updated_at: String,
}

/// A field of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Category {
    Engineering,
    Data,
    Design,
    Product,
    Sales,
    Marketing,
    Operations,
}

/// A kind of contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum JobType {
    FullTime,
    PartTime,
    Contract,
    Internship,
}

/// Whether one can still apply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Status {
    #[default]
    Open,
    Closed,
}

/// Which jobs a list shows. A filter that is not set does not narrow it; the status always does.
///
/// It is `Serialize` because it is part of a cache key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobFilter {
    /// Words that all appear in the title or the description.
    pub search: Option<String>,
    /// The whole name of a city.
    pub location: Option<String>,
    /// The field of work.
    pub category: Option<Category>,
    /// The kind of contract.
    #[serde(rename = "type")]
    pub kind: Option<JobType>,
    /// What the job must be able to pay: its upper bound is at least this.
    pub salary: Option<u32>,
    /// From home, or not.
    pub remote: Option<bool>,
    /// Open ones, unless asked otherwise.
    pub status: Status,
}

impl Canonical for JobFilter {
    fn canonical(mut self) -> Result<Self, ApiError> {
        self.search = words(text::filter("search", self.search.as_deref())?)?;
        self.location = text::filter("location", self.location.as_deref())?;
        Ok(self)
    }
}

/// Only what the text index can find: words with a letter or a digit in them.
fn words(search: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(search) = search else {
        return Ok(None);
    };
    let words: Vec<_> = search
        .split(' ')
        .filter(|word| word.contains(char::is_alphanumeric))
        .collect();
    if words.is_empty() {
        return Err(ApiError::invalid("search", "needs a letter or a digit"));
    }
    Ok(Some(words.join(" ")))
}

/// A job as its author writes it; `PUT` takes a whole one too.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Job`")]
pub struct NewJob {
    pub company: String,
    pub title: String,
    pub description: String,
    pub location: String,
    pub category: Category,
    #[serde(rename = "type")]
    pub kind: JobType,
    pub salary_min: u32,
    pub salary_max: u32,
    #[serde(default)]
    pub remote: bool,
    #[serde(default)]
    pub status: Status,
}

impl Canonical for NewJob {
    fn canonical(mut self) -> Result<Self, ApiError> {
        self.company = text::line("company", &self.company, 100)?;
        self.title = text::line("title", &self.title, 150)?;
        self.description = text::lines("description", &self.description, 10_000)?;
        self.location = text::line("location", &self.location, text::LONGEST_FILTER)?;
        if self.salary_max > HIGHEST_SALARY {
            return Err(ApiError::invalid(
                "salary_max",
                format!("must be at most {HIGHEST_SALARY}"),
            ));
        }
        if self.salary_min > self.salary_max {
            return Err(ApiError::invalid(
                "salary_min",
                "must not exceed `salary_max`",
            ));
        }
        Ok(self)
    }
}

/// Above it, a typing error is likelier than a salary.
const HIGHEST_SALARY: u32 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_that_ask_the_same_become_the_same() {
        let typed = JobFilter {
            search: Some("  RUST  &  Engineer ".into()),
            location: Some("ZÜRICH".into()),
            ..JobFilter::default()
        };
        let plain = JobFilter {
            search: Some("rust engineer".into()),
            location: Some("zürich".into()),
            ..JobFilter::default()
        };
        assert_eq!(typed.canonical(), Ok(plain));
        let blank = JobFilter {
            search: Some("  ".into()),
            ..JobFilter::default()
        };
        assert_eq!(blank.canonical(), Ok(JobFilter::default()));
    }

    #[test]
    fn a_search_without_words_is_refused() {
        let filter = JobFilter {
            search: Some("++ \"*".into()),
            ..JobFilter::default()
        };
        assert!(filter.canonical().is_err());
    }
}
