//! Problems that health reports: why Redis is not used now, or which feature it lacks.

use crate::redis::connection::tier::Tier;

/// Problems that health reports.
#[derive(Clone, Debug, Default)]
pub(in crate::redis) struct Notes {
    /// Why there is no connection.
    unusable: Option<String>,
    /// Which feature the connection lacks.
    lacking: Option<String>,
    /// A note that the server is too far away.
    distant: Option<String>,
}

impl Tier {
    /// Why Redis is not used now, or not fully.
    pub(crate) fn notes(&self) -> Vec<String> {
        let Notes {
            unusable,
            lacking,
            distant,
        } = self.notes.lock().clone();
        let login = self
            .target
            .login
            .provider()
            .and_then(|provider| provider.note());
        let notes = unusable.into_iter().chain(lacking).chain(distant);
        notes.chain(login).collect()
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

    pub(in crate::redis) fn report_lacking(&self, what: Option<String>) {
        self.notes.lock().lacking = what;
    }
}
