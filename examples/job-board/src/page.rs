//! Pages of a list.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::extract::Canonical;

/// Which part of a list a request wants: `?skip=0&limit=20`, both with defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Page {
    /// Rows to leave out.
    pub skip: u32,
    /// Rows to return, at most.
    pub limit: u32,
}

impl Page {
    /// So many pages from the beginning, as a reader turns them who names no limit.
    pub fn first(pages: u32) -> impl Iterator<Item = Self> {
        let Self { limit, .. } = Self::default();
        (0..pages).map(move |page| Self {
            skip: page * limit,
            limit,
        })
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { skip: 0, limit: 20 }
    }
}

impl Canonical for Page {
    fn canonical(self) -> Result<Self, ApiError> {
        if self.limit == 0 || self.limit > LONGEST {
            return Err(ApiError::invalid(
                "limit",
                format!("must be from 1 to {LONGEST}"),
            ));
        }
        if self.skip > DEEPEST {
            return Err(ApiError::invalid(
                "skip",
                format!("must be at most {DEEPEST}"),
            ));
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
    pub skip: u32,
    /// As asked for.
    pub limit: u32,
}

impl<T> Listing<T> {
    /// The rows `items` that were read for `page`.
    pub fn new(items: Vec<T>, total: i64, page: Page) -> Self {
        Self {
            items,
            total,
            skip: page.skip,
            limit: page.limit,
        }
    }
}

/// Longer pages are cheaper to fetch as several, each with its own cache entry.
const LONGEST: u32 = 100;

/// SQL walks past every row it skips, so what a stranger may ask for is bounded.
const DEEPEST: u32 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        let page = |skip, limit| Page { skip, limit }.canonical().is_ok();
        assert!(page(0, 1) && page(DEEPEST, LONGEST));
        assert!(!page(0, 0) && !page(0, LONGEST + 1) && !page(DEEPEST + 1, 20));
    }
}
