//! Requests through a router: what a response tells about the cache, and an operator's view of it.

mod admin;
mod cached_json;
mod callers;
mod client;
mod compression;
mod edge;
mod entry;
mod history;
mod html;
mod layer;
mod nested;
mod service;
