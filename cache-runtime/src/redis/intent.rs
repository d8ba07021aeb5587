//! Removals that are being sent to Redis, kept in the journal's file meanwhile. The database may already have committed
//! the changes behind them, so a crash before the answer must not lose them.

use std::sync::Arc;

use crate::key::Pattern;
use crate::redis::connection::tier::Tier;

/// Removals that are being sent to Redis. Dropped when Redis has acknowledged them, or when they wait in the journal.
#[must_use]
#[derive(Debug)]
pub(crate) struct Intent {
    tier: Arc<Tier>,
    numbers: Vec<u64>,
}

impl Drop for Intent {
    fn drop(&mut self) {
        self.tier.switch.journal.lock().settled(&self.numbers);
    }
}

impl Tier {
    /// Called before removals are sent to Redis. Keeps them in the journal's file, if there is one, until the returned
    /// value is dropped.
    pub(crate) fn intend(self: &Arc<Self>, patterns: &[Pattern]) -> Option<Intent> {
        self.settings.journal.as_ref()?;
        let numbers = self.switch.journal.lock().intend(patterns);
        let tier = self.clone();
        Some(Intent { tier, numbers })
    }
}
