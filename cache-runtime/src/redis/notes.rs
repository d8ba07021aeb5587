//! Problems that health reports: why Redis is not used now, or which feature it lacks.

use crate::redis::connection::tier::Tier;
use crate::redis::lack::Lack;

/// Problems that health reports.
#[derive(Clone, Debug, Default)]
pub(in crate::redis) struct Notes {
    /// Why there is no connection.
    unusable: Option<String>,
    /// What the connection lacks.
    lacking: Vec<Lack>,
    /// A note that the server is too far away.
    distant: Option<String>,
}

impl Tier {
    /// Why there is no connection; `None` if there is one, or if none was tried.
    pub(crate) fn unusable(&self) -> Option<String> {
        self.notes.lock().unusable.clone()
    }

    /// Which features Redis lacks, and whether it is too far away.
    pub(crate) fn shortcomings(&self) -> Vec<String> {
        let Notes {
            lacking, distant, ..
        } = self.notes.lock().clone();
        let login = self.target.login.note();
        let sentinels = self.target.as_sentinels();
        let sentinels = sentinels.and_then(|sentinels| sentinels.login.note());
        let sentinels = sentinels.map(|note| format!("sentinels: {note}"));
        let lacking = lacking.into_iter().map(Lack::line);
        lacking
            .chain(distant)
            .chain(login)
            .chain(sentinels)
            .collect()
    }

    /// Why Redis is not used now, or not fully.
    #[cfg(feature = "cli")]
    pub(crate) fn notes(&self) -> Vec<String> {
        let unusable = self.unusable().into_iter();
        unusable.chain(self.shortcomings()).collect()
    }

    pub(in crate::redis) fn report_unusable(&self, why: Option<String>) {
        self.notes.lock().unusable = why;
    }

    /// True if the note appeared or disappeared.
    pub(in crate::redis) fn report_distant(&self, note: Option<String>) -> bool {
        let mut notes = self.notes.lock();
        let news = notes.distant.is_some() != note.is_some();
        notes.distant = note;
        news
    }

    /// Logs what the connection lacks, each once for all parts of the cache, however often they connect.
    pub(in crate::redis) fn report_lacking(&self, lacking: &[Lack], node: &str) {
        for lack in lacking {
            if self.settings.lacks_said.is_first(*lack) {
                tracing::warn!(redis = %self.target, node, "{}", lack.line());
            }
        }
        self.notes.lock().lacking = lacking.to_vec();
    }
}
