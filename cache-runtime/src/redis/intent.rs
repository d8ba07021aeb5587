//! Removals that Redis is being asked for, kept in the journal's file meanwhile: the database may have committed what they
//! are about, so a crash before the answer must not lose them.

use std::sync::Arc;

use crate::key::Pattern;
use crate::redis::connection::tier::Tier;

/// Removals that Redis is being asked for. Dropped when it has acknowledged them, or when they wait in the journal.
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
    /// Redis is about to be asked for these removals. While what is returned lives, they are in the journal's file, if there
    /// is one.
    pub(crate) fn intend(self: &Arc<Self>, patterns: &[Pattern]) -> Option<Intent> {
        self.settings.journal.as_ref()?;
        let numbers = self.switch.journal.lock().intend(patterns);
        let tier = self.clone();
        Some(Intent { tier, numbers })
    }
}
