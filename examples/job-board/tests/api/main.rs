//! Requests through the whole service: router, extractors, cache, database.

mod board;

mod caching;
mod edges;
mod input;
mod invalidation;
mod operators;
mod readers;
mod watching;
