//! An articles service over Axum and SQLite, cached in its service layer.
//!
//! Read it in this order: [`ttl`], then [`service`], which holds all the caching there is. The
//! handlers in [`http`] above it are thin, and the SQL below it is plain; neither knows of the cache.

pub mod article;
pub mod db;
pub mod http;
pub mod input;
pub mod page;
pub mod service;
pub mod settings;
pub mod shutdown;
pub mod ttl;
