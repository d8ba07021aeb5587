//! HTTP support: cache headers for responses ([`CacheLayer`]) and routes for operators ([`admin_router`]). Feature
//! `axum`.

mod admin;
mod cache_status;
mod etag;
mod freshness;
mod layer;

pub use self::admin::{AdminConfig, AdminGate, AdminRefusal, Role, admin_router};
pub use self::layer::{CacheLayer, CacheService};
