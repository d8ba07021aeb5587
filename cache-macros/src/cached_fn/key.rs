//! The key of a call.

use proc_macro2::TokenStream;
use syn::{Expr, Ident};

use crate::function::mentions::mentions;
use crate::template::placeholder::Part;

/// How the key of a call is made.
pub(crate) enum Key {
    /// From a text with placeholders.
    Template {
        literals: Vec<String>,
        parts: Vec<Part>,
    },
    /// From the path of the function, `types` (expressions that name types) and all arguments.
    Automatic {
        types: Vec<TokenStream>,
        parts: Vec<Part>,
    },
    /// By an expression.
    Expr(Expr),
}

impl Key {
    /// Whether the key holds the text of the argument itself, and not only of a part of it.
    pub(crate) fn holds_all_of(&self, name: &Ident) -> bool {
        match self {
            Self::Template { parts, .. } | Self::Automatic { parts, .. } => {
                parts.iter().any(|part| part.is_all_of(name))
            }
            Self::Expr(_) => false,
        }
    }

    /// Whether the key depends on this name.
    pub(crate) fn uses(&self, name: &str) -> bool {
        match self {
            Self::Template { parts, .. } | Self::Automatic { parts, .. } => {
                parts.iter().any(|part| part.base == name)
            }
            Self::Expr(expr) => mentions(expr, name),
        }
    }
}
