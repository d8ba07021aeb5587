//! Removals that a transaction has collected, and that are in no outbox yet.

use std::sync::Arc;

use crate::cache::Cache;
use crate::cache::deferred::DeferredRemovals;
use crate::cache::transaction::{Scope, current};
use crate::key::Pattern;

/// Removals of one transaction, made through one cache, that are in no outbox yet.
pub(crate) struct Unrecorded {
    scope: Arc<Scope>,
    positions: Vec<usize>,
    pub(crate) patterns: Vec<Pattern>,
}

impl Unrecorded {
    /// Those of the scope that the caller runs in; `None` outside of a scope.
    pub(crate) fn of_this_scope(cache: &Cache) -> Option<Self> {
        Some(Self::of(current()?, cache))
    }

    /// Those that were collected.
    pub(crate) fn of_removals(removals: &DeferredRemovals, cache: &Cache) -> Self {
        Self::of(removals.scope.clone(), cache)
    }

    fn of(scope: Arc<Scope>, cache: &Cache) -> Self {
        let mut positions = Vec::new();
        let mut patterns = Vec::new();
        scope.look(|collected, outbox| {
            for (position, (of, these)) in collected.iter().enumerate() {
                if of.is(cache) && !outbox.has(position) {
                    positions.push(position);
                    patterns.extend(these.iter().cloned());
                }
            }
        });
        Self {
            scope,
            positions,
            patterns,
        }
    }

    /// They are in the outbox now. `once_durable` is called when they have been made and need not stay there.
    pub(crate) fn are_recorded(self, once_durable: impl FnOnce() + Send + 'static) {
        let Self {
            scope, positions, ..
        } = self;
        scope.look(|_, outbox| outbox.add(positions, Box::new(once_durable)));
    }
}
