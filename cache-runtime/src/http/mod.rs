//! HTTP support: cache headers for responses ([`CacheLayer`]) and routes for operators ([`admin_router`]). Feature
//! `axum`.

mod accept_encoding;
mod admin;
mod cache_status;
mod conditional;
mod etag;
mod freshness;
mod headers;
mod layer;
mod service;

pub use crate::cacheable::cached_json::CachedJson;

pub use self::admin::{AdminConfig, AdminGate, AdminRefusal, Role, admin_router};
pub use self::layer::CacheLayer;
pub use self::service::{AnswerFuture, CacheService};
