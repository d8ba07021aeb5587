//! A job board over Axum and SQLite.

pub mod db;
pub mod error;
pub mod extract;
pub mod jobs;
pub mod page;
pub mod posts;
pub mod text;
pub mod users;
