//! What the body's success owes: removals, also when the caller vanishes or the body panics after it began.

use crate::cache::Cache;
use crate::cacheable::Success;
use crate::invalidate::Due;
use crate::key::Pattern;
use crate::load::Loading;
use crate::site::{Call, Late};

/// What the body's success owes: removals, also when the caller vanishes or the body panics after it began.
pub(super) struct Owed<'a> {
    cache: &'a Cache,
    pub(super) call: Call,
    due: Due<'a>,
    /// Removed whatever the outcome.
    always: Option<Pattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Store,
    /// A value that `when` does not want stored.
    Share,
    Nothing,
    Failed,
}

impl<'a> Owed<'a> {
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

    pub(super) fn judge<I: ?Sized>(
        &mut self,
        success: Success<'_, I>,
        when: impl FnOnce(&I) -> bool,
        late: impl FnOnce(&I, &mut Late<'_>),
    ) -> Judged {
        let judged = match &success {
            Success::Value(value) => {
                if when(value) {
                    Judged::Store
                } else {
                    Judged::Share
                }
            }
            Success::Nothing => Judged::Nothing,
            Success::Failure => Judged::Failed,
        };
        self.settle(success, late);
        judged
    }

    /// Decides what is owed in the end.
    pub(super) fn settle<I: ?Sized>(
        &mut self,
        success: Success<'_, I>,
        late: impl FnOnce(&I, &mut Late<'_>),
    ) {
        match success {
            Success::Value(value) => late(value, &mut self.call.late()),
            Success::Nothing => {}
            Success::Failure if self.call.site.always => {}
            Success::Failure => {
                self.due.patterns = self.always.clone().into_iter().collect();
                return;
            }
        }
        self.due.patterns = self.call.patterns.patterns();
        self.due.patterns.extend(self.always.clone());
    }

    pub(super) async fn pay(&mut self, spared: Option<&Loading>) {
        let patterns = std::mem::take(&mut self.due.patterns);
        self.due.done();
        if !patterns.is_empty() {
            // Its own guard takes over before this first suspends.
            let _ = self.cache.remove(patterns, spared).await;
        }
    }
}
