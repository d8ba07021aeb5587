//! HTTP: what a response tells about the cache, and an operator's view of it (feature `axum`).

mod cache_status;
mod etag;
mod freshness;
mod layer;

pub use self::layer::{CacheLayer, CacheService};
