//! The part of a cache's configuration that concerns Redis.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::redis::lack::LacksSaid;

/// The part of a cache's configuration that concerns Redis; each field is described at the setting of the same name.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The namespace with its colon, or nothing.
    pub(crate) prefix: String,
    pub(crate) budget: Duration,
    pub(crate) command_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) trust_restart: bool,
    pub(crate) breaker_failures: u32,
    pub(crate) journal_bound: usize,
    pub(crate) journal: Option<PathBuf>,
    pub(crate) ledger_bound: usize,
    /// Shared by all parts of a cache.
    pub(crate) lacks_said: Arc<LacksSaid>,
}
