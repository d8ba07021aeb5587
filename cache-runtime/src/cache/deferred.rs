//! Removals inside a database transaction: collected while it runs, made after the commit.
//!
//! A removal before the commit comes too early: a reader in between loads the old row and stores it. So inside
//! [`deferred`] nothing is removed. The removals are collected, and reads of the keys they name bypass the cache,
//! because the transaction may see rows that nobody else may see yet. The same holds from the beginning of a writer's body.

use std::future::Future;
use std::sync::Arc;

use crate::cache::Cache;
use crate::cache::remove::Due;
use crate::cache::transaction::{Scope, within};
use crate::key::Pattern;

/// Runs a future that ends with the commit of a transaction, and defers the invalidations made in it. If it returns
/// `Ok`, all of them are made before this returns; if it returns `Err` (a rollback), none is.
///
/// Inside, an invalidation returns [`Durability::Deferred`](crate::Durability::Deferred). Reads of keys that are to be
/// removed, or that a function with `invalidates` has begun to change, run their body and store nothing; so do calls that both
/// cache and invalidate, and `put`s. If such a function fails, this still holds for what it would have removed, until the end.
/// Other reads use the cache: they must not read rows that this transaction has changed without calling a function that
/// invalidates them.
///
/// # Errors
///
/// The error of the future.
///
/// # Cancellation
///
/// A future that is dropped may or may not have committed, so all collected removals are made.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), String> {
/// use cache_runtime::cached;
///
/// #[cached(invalidates = "accounts:<id>")]
/// async fn debit(id: u32) -> Result<(), String> {
///     Ok(()) // UPDATE … inside the transaction
/// }
///
/// cache_runtime::deferred(async {
///     debit(1).await?;
///     debit(2).await?;
///     Ok::<_, String>(()) // … and its commit
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
pub async fn deferred<T, E, F>(transaction: F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let scope = Scope::transaction();
    let owed = DeferredRemovals(scope.clone());
    let outcome = within(scope, transaction).await;
    let collected = owed.take();
    if outcome.is_ok() {
        // Each removal stays pending until it runs: if this future is dropped during the second one, the third is
        // still made.
        let mut owed: Vec<Due<'_>> = collected
            .iter()
            .map(|(cache, patterns)| Due::new(cache, patterns.clone()))
            .collect();
        for ((cache, patterns), due) in collected.iter().zip(&mut owed) {
            due.done();
            let _ = cache.remove(patterns.clone(), None).await;
        }
    }
    outcome
}

/// The collected removals. If they are dropped here, it is unknown whether the transaction committed, and they are
/// made.
struct DeferredRemovals(Arc<Scope>);

impl DeferredRemovals {
    fn take(&self) -> Vec<(Cache, Vec<Pattern>)> {
        self.0.take_collected()
    }
}

impl Drop for DeferredRemovals {
    fn drop(&mut self) {
        for (cache, patterns) in self.take() {
            cache.remove_without_waiting(&patterns);
        }
    }
}
