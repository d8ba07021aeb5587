//! Requests through the whole service: router, extractors, cache, database.

mod office;

mod administration;
mod caching;
mod drafts;
mod edges;
mod invalidation;
mod operators;
mod sessions;
mod world;
