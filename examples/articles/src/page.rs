//! Pages of a list.

use serde::{Deserialize, Serialize};

use crate::input::{Canonical, Invalid};

/// Which part of a list a request wants: `?skip=0&limit=20`, both with defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Page {
    /// Rows to leave out.
    pub skip: u32,
    /// Rows to return, at most.
    pub limit: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self { skip: 0, limit: 20 }
    }
}

impl Canonical for Page {
    fn canonical(self) -> Result<Self, Invalid> {
        if self.limit == 0 || self.limit > LONGEST {
            let problem = format!("must be from 1 to {LONGEST}");
            return Err(Invalid::new("limit", problem));
        }
        if self.skip > DEEPEST {
            let problem = format!("must be at most {DEEPEST}");
            return Err(Invalid::new("skip", problem));
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
