//! The manual operations: what a program calls on a cache directly, without `#[cached]`.

mod count;
pub(crate) mod health;
mod inspect;
mod operations;
pub(crate) mod warm;
