//! What a program does with a cache by its own calls, without `#[cached]`.

mod count;
pub(crate) mod health;
mod inspect;
mod operations;
pub(crate) mod warm;
