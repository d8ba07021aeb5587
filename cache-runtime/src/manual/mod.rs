//! The manual operations: what a program calls on a cache directly, without `#[cached]`.

mod count;
pub(crate) mod health;
#[cfg(feature = "axum")]
mod history;
mod inspect;
#[cfg(feature = "axum")]
pub(crate) mod look;
mod operations;
pub(crate) mod warm;
