//! Requests through the whole service: router, extractors, service layer, cache, database.

mod desk;

mod caching;
mod edges;
mod input;
mod invalidation;
mod operators;
mod watching;
