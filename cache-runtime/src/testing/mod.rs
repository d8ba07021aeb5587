#![doc = include_str!("../../docs/testing.md")]

mod expect;
mod held_loads;
#[cfg(feature = "axum")]
mod layer;
mod scope;

#[doc(hidden)]
pub use self::expect::expect;
pub use self::held_loads::HeldLoads;
#[cfg(feature = "axum")]
pub use self::layer::{InScope, ScopeLayer, ScopeService};
pub use self::scope::{Scope, scope, spawn};
