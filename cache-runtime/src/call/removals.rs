//! What the body's success removes: also when the caller vanishes or the body panics after it began.

use crate::cache::Cache;
use crate::cache::load::Loading;
use crate::cache::remove::Due;
use crate::cacheable::erased::{AnyKind, AnyResult, Ended};
use crate::call::body::Questions;
use crate::call::call::{Call, Late};
use crate::key::Pattern;

/// Removals that wait for the end of a body. Dropped before, they are made.
pub(super) struct PendingRemovals<'a> {
    cache: &'a Cache,
    pub(super) call: Call,
    due: Due<'a>,
    /// Removed whatever the outcome.
    always: Option<Pattern>,
}

/// What becomes of a body's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Store,
    /// A value that `when` does not want stored: it is for those who wait.
    ShareOnly,
    Absent,
    Failed,
}

impl<'a> PendingRemovals<'a> {
    pub(super) fn new(cache: &'a Cache, call: Call) -> Self {
        let due = Due::new(cache, call.patterns.patterns());
        Self {
            cache,
            call,
            due,
            always: None,
        }
    }

    pub(super) fn with(mut self, pattern: Pattern) -> Self {
        self.due.patterns.push(pattern.clone());
        self.always = Some(pattern);
        self
    }

    /// Judges a result, and decides what it removes.
    pub(super) fn judge(
        &mut self,
        kind: &dyn AnyKind,
        questions: &mut dyn Questions,
        returned: &AnyResult,
    ) -> Verdict {
        let ended = kind.ended(returned);
        let verdict = match ended {
            Ended::Value if questions.wants_stored(returned) => Verdict::Store,
            Ended::Value => Verdict::ShareOnly,
            Ended::Absent => Verdict::Absent,
            Ended::Failed => Verdict::Failed,
        };
        self.after(ended, |late| questions.add_late(returned, late));
        verdict
    }

    /// Decides what is removed after a body that ended so. `add_late` adds what depends on its value.
    pub(super) fn after(&mut self, ended: Ended, add_late: impl FnOnce(&mut Late<'_>)) {
        match ended {
            Ended::Value => add_late(&mut self.call.late()),
            Ended::Absent => {}
            Ended::Failed if self.call.site.always => {}
            Ended::Failed => {
                self.due.patterns = self.always.clone().into_iter().collect();
                return;
            }
        }
        self.due.patterns = self.call.patterns.patterns();
        self.due.patterns.extend(self.always.clone());
    }

    /// Removes. `spared`: the load on whose behalf it runs.
    pub(super) async fn run(&mut self, spared: Option<&Loading>) {
        let patterns = std::mem::take(&mut self.due.patterns);
        self.due.done();
        if !patterns.is_empty() {
            // Its own guard takes over before this first suspends.
            let _ = self.cache.remove(patterns, spared).await;
        }
    }
}
