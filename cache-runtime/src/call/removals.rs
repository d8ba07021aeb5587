//! The removals of a successful body. They are also made if the caller is dropped or the body panics after it began.

use crate::cache::Cache;
use crate::cache::load::Load;
use crate::cache::remove::Due;
use crate::cache::transaction::{Within, Writer};
use crate::cacheable::Ended;
use crate::cacheable::erased::{AnyKind, AnyResult};
use crate::call::body::ResultRules;
use crate::call::call::{Call, ResultPatterns};
use crate::key::{CacheKey, Pattern};

/// Removals that wait for the end of a body. If this is dropped before, they are made.
pub(super) struct PendingRemovals<'a> {
    cache: &'a Cache,
    pub(super) call: Call,
    due: Due<'a>,
    writer: Writer,
    /// Removed regardless of the outcome.
    always: Option<Pattern>,
}

/// Whether a body's result is stored, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Store,
    /// A value that `when` excludes from storing: it is only shared with the waiters.
    ShareOnly,
    Absent,
    Failed,
}

impl<'a> PendingRemovals<'a> {
    pub(super) fn new(cache: &'a Cache, call: Call) -> Self {
        Self::of(cache, call, None)
    }

    /// The same for a call that removes its own key as well, regardless of the outcome.
    pub(super) fn with_key(cache: &'a Cache, call: Call, key: &CacheKey) -> Self {
        Self::of(cache, call, Some(Pattern::key(key)))
    }

    fn of(cache: &'a Cache, call: Call, always: Option<Pattern>) -> Self {
        let mut patterns = call.patterns.patterns();
        patterns.extend(always.clone());
        let writer = Writer::begin(cache, &patterns);
        Self {
            cache,
            call,
            due: Due::new(cache, patterns),
            writer,
            always,
        }
    }

    /// The body. The cached functions that it calls neither read nor store what it may have changed.
    pub(super) fn around<B>(&self, body: B) -> Within<B> {
        self.writer.around(body)
    }

    /// Runs a body that is not a future, in the same way.
    pub(super) fn inside<T>(&self, body: impl FnOnce() -> T) -> T {
        self.writer.inside(body)
    }

    /// Adds a removal to those that were decided.
    pub(super) fn add(&mut self, pattern: Pattern) {
        self.due.patterns.push(pattern);
    }

    /// Classifies a result, and decides what is removed.
    pub(super) fn judge(
        &mut self,
        kind: &dyn AnyKind,
        rules: &mut dyn ResultRules,
        returned: &AnyResult,
    ) -> Verdict {
        let ended = kind.ended(returned);
        let verdict = match ended {
            Ended::Value if rules.wants_stored(returned) => Verdict::Store,
            Ended::Value => Verdict::ShareOnly,
            Ended::Absent => Verdict::Absent,
            Ended::Failed => Verdict::Failed,
        };
        self.after(ended, |result_patterns| {
            rules.add_result_patterns(returned, result_patterns);
        });
        verdict
    }

    /// Decides what is removed after a body that ended in this way. `add_result_patterns` adds what depends on its value.
    pub(super) fn after(
        &mut self,
        ended: Ended,
        add_result_patterns: impl FnOnce(&mut ResultPatterns<'_>),
    ) {
        match ended {
            Ended::Value => add_result_patterns(&mut self.call.result_patterns()),
            Ended::Absent => {}
            Ended::Failed if self.call.site.always => {}
            Ended::Failed => {
                self.writer.failed();
                self.due.patterns = self.always.clone().into_iter().collect();
                return;
            }
        }
        self.due.patterns = self.call.patterns.patterns();
        self.due.patterns.extend(self.always.clone());
    }

    /// Makes the removals. `spared`: the load that makes them.
    pub(super) async fn run(&mut self, spared: Option<&Load>) {
        let mut patterns = std::mem::take(&mut self.due.patterns);
        let elsewhere = self.writer.take_inside(self.cache, &mut patterns);
        let mut owed: Vec<Due<'_>> = elsewhere
            .iter()
            .map(|(cache, patterns)| Due::new(cache, patterns.clone()))
            .collect();
        self.due.done();
        if !patterns.is_empty() {
            // The guard inside takes over before this suspends for the first time.
            let _ = self.cache.remove(patterns, spared).await;
        }
        for ((cache, patterns), due) in elsewhere.iter().zip(&mut owed) {
            due.done();
            let _ = cache.remove(patterns.clone(), None).await;
        }
        self.writer.removed();
    }

    /// Makes the removals in this process, and lets the task that is connected with Redis make them there. For a caller that
    /// does not wait.
    pub(super) fn hand_over(&mut self) {
        let mut patterns = std::mem::take(&mut self.due.patterns);
        let elsewhere = self.writer.take_inside(self.cache, &mut patterns);
        self.due.done();
        if !patterns.is_empty() {
            self.cache.remove_without_waiting(&patterns);
        }
        for (cache, patterns) in &elsewhere {
            cache.remove_without_waiting(patterns);
        }
        self.writer.removed();
    }
}
