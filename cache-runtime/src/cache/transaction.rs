//! Whether a call runs inside of a database transaction ([`crate::deferred()`]), and what that will remove when it has committed.

use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::cache::Cache;
use crate::key::Pattern;
use crate::telemetry::invalidation::{Durability, Invalidation};

tokio::task_local! {
    static SCOPE: Arc<Scope>;
}

/// A transaction that runs, and what it will remove.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) collected: Mutex<Vec<(Cache, Vec<Pattern>)>>,
}

/// Runs a future inside of the scope.
pub(super) async fn within<F: Future>(scope: Arc<Scope>, transaction: F) -> F::Output {
    SCOPE.scope(scope, transaction).await
}

/// Inside a scope: remembers the removal, and says so.
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

/// Inside a scope: what is loaded may be rows that nobody else may see yet.
pub(crate) fn is_active() -> bool {
    SCOPE.try_with(|_| ()).is_ok()
}

/// Inside a scope: the key is to be removed when it ends.
pub(crate) fn is_due(cache: &Cache, key: &str, tags: &[String]) -> bool {
    is_any_due(cache, |pattern| pattern.matches(key, tags))
}

/// The same for a key whose entry may carry tags that are not known: with any tag that begins so.
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
