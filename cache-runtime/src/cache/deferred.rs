//! Removals inside a database transaction: collected while it runs, made when it has committed.
//!
//! A removal before the commit is too early: a reader in between loads the old row and stores it, rightly. So inside
//! [`deferred`] nothing is removed; what the calls would remove is remembered, and reads of what it names go past the
//! cache, because they may see rows that nobody else may see yet.

use std::future::Future;
use std::sync::Arc;

use crate::cache::Cache;
use crate::cache::remove::Due;
use crate::cache::transaction::{Scope, within};
use crate::key::Pattern;

/// Runs a future that ends with the commit of a transaction, and defers what the cached functions in it invalidate: on
/// `Ok` everything is removed before this returns; on `Err`, a rollback, nothing is.
///
/// Invalidations inside return [`Durability::Deferred`](crate::Durability::Deferred). Reads inside of what is to be removed, calls that invalidate and
/// cache, and `put`s run their body and store nothing. Other reads use the cache: let them not read rows that this very
/// transaction has changed before it called something that invalidates them.
///
/// # Errors
///
/// The future's own.
///
/// # Cancellation
///
/// A future that is dropped may or may not have committed: everything is removed.
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
    let scope = Arc::new(Scope::default());
    let owed = Owed(scope.clone());
    let outcome = within(scope, transaction).await;
    let collected = owed.take();
    if outcome.is_ok() {
        // Each is owed until it has run: a caller that vanishes at the second must not lose the third.
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

/// Dropped with something in it, the transaction's end is unknown.
struct Owed(Arc<Scope>);

impl Owed {
    fn take(&self) -> Vec<(Cache, Vec<Pattern>)> {
        std::mem::take(&mut self.0.collected.lock())
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        for (cache, patterns) in self.take() {
            cache.remove_without_waiting(&patterns);
        }
    }
}
