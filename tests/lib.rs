//! What the tests share: [`cache_testkit`], with the names under which the tests know it.

pub use cache_testkit::*;
