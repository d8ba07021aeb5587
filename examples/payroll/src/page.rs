//! Pages of a list, counted from one.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::extract::Canonical;

/// Which part of a list a request wants: `?page=1&per_page=20`, both with defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Page {
    /// The first is 1.
    #[serde(rename = "page")]
    pub number: u32,
    /// Rows on each, at most.
    pub per_page: u32,
}

impl Page {
    /// So many pages from the beginning, as somebody turns them who names no length.
    pub fn first(pages: u32) -> impl Iterator<Item = Self> {
        (1..=pages).map(|number| Self {
            number,
            ..Self::default()
        })
    }

    /// Rows before this page.
    pub fn offset(self) -> u32 {
        (self.number - 1) * self.per_page
    }
}

impl Default for Page {
    fn default() -> Self {
        Self {
            number: 1,
            per_page: 20,
        }
    }
}

impl Canonical for Page {
    fn canonical(self) -> Result<Self, ApiError> {
        for (field, value, most) in [
            ("page", self.number, DEEPEST),
            ("per_page", self.per_page, LONGEST),
        ] {
            if !(1..=most).contains(&value) {
                return Err(ApiError::invalid(
                    field,
                    format!("must be from 1 to {most}"),
                ));
            }
        }
        Ok(self)
    }
}

/// One page, and how many rows there are on all pages together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listing<T> {
    /// The rows of this page.
    pub items: Vec<T>,
    /// The rows of all pages.
    pub total: i64,
    /// As asked for.
    pub page: u32,
    /// As asked for.
    pub per_page: u32,
}

impl<T> Listing<T> {
    /// The rows `items` that were read for `page`.
    pub fn new(items: Vec<T>, total: i64, page: Page) -> Self {
        Self {
            items,
            total,
            page: page.number,
            per_page: page.per_page,
        }
    }
}

/// Longer pages are cheaper to fetch as several, each with its own cache entry.
pub const LONGEST: u32 = 100;

/// SQL walks past every row of the pages before, so how far somebody may turn is bounded.
const DEEPEST: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        let valid = |number, per_page| Page { number, per_page }.canonical().is_ok();
        assert!(valid(1, 1) && valid(DEEPEST, LONGEST));
        assert!(!valid(0, 20) && !valid(1, 0) && !valid(1, LONGEST + 1) && !valid(DEEPEST + 1, 20));
    }
}
