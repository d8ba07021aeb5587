//! Whether a call runs inside a database transaction ([`crate::deferred()`]), and which removals wait for its commit.

use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::cache::Cache;
use crate::key::Pattern;
use crate::telemetry::invalidation::{Durability, Invalidation};

tokio::task_local! {
    static SCOPE: Arc<Scope>;
}

/// A running transaction, and the removals that wait for its commit.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) collected: Mutex<Vec<(Cache, Vec<Pattern>)>>,
}

/// Runs a future inside the scope.
pub(super) async fn within<F: Future>(scope: Arc<Scope>, transaction: F) -> F::Output {
    SCOPE.scope(scope, transaction).await
}

/// Inside a scope: collects the removal, and returns the result to report. `None` outside.
pub(crate) fn defer(cache: &Cache, patterns: &[Pattern]) -> Option<Invalidation> {
    let remember = |scope: &Arc<Scope>| {
        scope
            .collected
            .lock()
            .push((cache.clone(), patterns.to_vec()));
    };
    SCOPE.try_with(remember).ok()?;
    Some(Invalidation {
        removed: 0,
        durability: Durability::Deferred,
    })
}

/// Whether the call runs inside a scope: then a load may see rows that nobody else may see yet.
pub(crate) fn is_active() -> bool {
    SCOPE.try_with(|_| ()).is_ok()
}

/// Whether the call runs inside a scope that will remove the key at its end.
pub(crate) fn is_due(cache: &Cache, key: &str, tags: &[String]) -> bool {
    is_any_due(cache, |pattern| pattern.matches(key, tags))
}

/// The same for a key whose tags are not all known: its entry may carry any tag that begins with one of `open`.
pub(crate) fn may_be_due(cache: &Cache, key: &str, tags: &[String], open: &[String]) -> bool {
    is_any_due(cache, |pattern| {
        let begins = |tag: &str| {
            let mut open = open.iter();
            open.any(|open| tag.starts_with(&**open) || open.starts_with(tag))
        };
        pattern.matches(key, tags)
            || match pattern {
                Pattern::Tag(tag) | Pattern::TagPrefix(tag) => begins(tag),
                Pattern::AllTags(all) => all.iter().any(|tag| begins(tag)),
                _ => false,
            }
    })
}

fn is_any_due(cache: &Cache, is_meant: impl Fn(&Pattern) -> bool) -> bool {
    let named = |scope: &Arc<Scope>| {
        let collected = scope.collected.lock();
        let mut of_cache = collected.iter().filter(|(of, _)| of.is(cache));
        of_cache.any(|(_, patterns)| patterns.iter().any(&is_meant))
    };
    SCOPE.try_with(named).unwrap_or(false)
}
