//! HTTP: what a response tells about the cache (feature `axum`).

mod layer;

pub use self::layer::{CacheLayer, CacheService};
