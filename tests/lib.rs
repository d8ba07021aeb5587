//! The tests use [`cache_testkit`] under the name of this package.

pub use cache_testkit::*;

#[cfg(doctest)]
mod book;
pub mod guide_application;
