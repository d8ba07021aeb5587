//! The patterns that `invalidates` and `tags` name.

use syn::Expr;

use crate::template::placeholder::Part;

/// One entry of `invalidates` or `tags`.
pub(crate) struct Pattern {
    pub(crate) literals: Vec<String>,
    pub(crate) parts: Vec<Part>,
}

impl Pattern {
    /// Whether a placeholder reads the success value, which exists only after the body.
    pub(crate) fn uses_result(&self) -> bool {
        self.parts.iter().any(|part| part.uses_result)
    }
}

/// An expression that gives tags or patterns.
pub(crate) struct Computed {
    pub(crate) expr: Expr,
    /// Whether it reads the success value.
    pub(crate) uses_result: bool,
}
