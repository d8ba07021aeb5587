//! Removals inside a database transaction: collected while it runs, made after the commit.
//!
//! A removal before the commit comes too early: a reader in between loads the old row and stores it. So inside
//! [`deferred`] nothing is removed. The removals are collected, and reads of the keys they name bypass the cache,
//! because the transaction may see rows that nobody else may see yet. The same holds from the beginning of a writer's body.

use std::future::Future;
use std::sync::Arc;

use crate::cache::Cache;
use crate::cache::noted::{AT_ONCE, Noted};
use crate::cache::remove::Due;
#[cfg(feature = "_outbox")]
use crate::cache::transaction;
use crate::cache::transaction::{Scope, within};
use crate::key::Pattern;

/// Runs a future that ends with the commit of a transaction, and defers the invalidations made in it. If it returns
/// `Ok`, all of them are made before this returns; if it returns `Err` (a rollback), none is.
///
/// Inside, an invalidation returns [`Durability::Deferred`](crate::Durability::Deferred). Reads of keys that are to be
/// removed, or that a function with `invalidates` has begun to change, run their body and store nothing; so do calls that both
/// cache and invalidate, and `put`s. If such a function fails, this still holds for what it would have removed, until the end.
/// Other reads use the cache: they must not read rows that this transaction has changed without calling a function that
/// invalidates them. All this is about calls through the same cache: another [`Cache`] of the same namespace knows nothing of it.
///
/// What the future starts in another task or thread, by `tokio::spawn` or `tokio::task::spawn_blocking`, is outside, even if the
/// future waits for it: invalidations there are made at once, before the commit. `tokio::task::block_in_place` stays inside.
///
/// Scopes may be nested, for savepoints. What an inner one has changed counts as changed until the outermost one ends. An inner one
/// that returns `Ok` hands its removals to the outer one.
///
/// # Errors
///
/// The error of the future.
///
/// # Cancellation
///
/// A future that is dropped may or may not have committed, so all collected removals are made.
///
/// # A crash between the commit and the removals
///
/// The removals are in the memory of this process only. With the feature `outbox-sqlite` or `outbox-postgres`, the module
/// `outbox` also writes them in the transaction itself, so that they survive such a crash.
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
    let mut removals = DeferredRemovals::new();
    removals.may_be_committed = true;
    let outcome = removals.during(transaction).await;
    match outcome {
        Ok(_) => removals.make().await,
        Err(_) => removals.rolled_back(),
    }
    outcome
}

/// The removals that are collected in a scope.
pub(crate) struct DeferredRemovals {
    pub(super) scope: Arc<Scope>,
    /// Whether the transaction may have committed. If this is dropped then, the removals are made.
    pub(crate) may_be_committed: bool,
    /// Whether it is known to be the outermost transaction: then scopes around it do not hold back its removals.
    #[cfg(feature = "_outbox")]
    pub(crate) is_outermost: bool,
}

impl DeferredRemovals {
    pub(crate) fn new() -> Self {
        Self {
            scope: Scope::transaction(),
            may_be_committed: false,
            #[cfg(feature = "_outbox")]
            is_outermost: false,
        }
    }

    /// Runs a future, and collects the removals that it asks for.
    pub(crate) async fn during<F: Future>(&self, transaction: F) -> F::Output {
        within(self.scope.clone(), transaction).await
    }

    /// Makes the removals, after the commit.
    pub(crate) async fn make(self) {
        let collected = merged(self.take());
        // Each removal stays pending until it runs: if this future is dropped during the second one, the third is
        // still made.
        let mut owed: Vec<Due<'_>> = collected
            .iter()
            .map(|(cache, patterns)| Due::new(cache, patterns.clone()))
            .collect();
        let mut durable = true;
        for ((cache, patterns), due) in collected.iter().zip(&mut owed) {
            due.done();
            let removed = cache.remove(patterns.clone(), None).await;
            durable &= removed.is_durable();
        }
        #[cfg(feature = "_outbox")]
        if durable {
            self.scope.look(|_, outbox| outbox.removals_are_durable());
        }
        #[cfg(not(feature = "_outbox"))]
        let _ = durable;
    }

    /// Forgets the removals of a transaction that was rolled back.
    ///
    /// If they are in an outbox, the transaction had nothing left to do but commit. Its error may be that of the commit,
    /// which may have taken effect all the same, so they are made.
    fn rolled_back(self) {
        #[cfg(feature = "_outbox")]
        if self.scope.look(|_, outbox| outbox.has_any()) == Some(true) {
            return;
        }
        self.take();
    }

    fn take(&self) -> Vec<(Cache, Vec<Pattern>)> {
        self.scope.take_collected()
    }
}

/// The same removals in as few as possible, so that many writers do not make a transaction wait for many round trips.
fn merged(collected: Vec<(Cache, Vec<Pattern>)>) -> Vec<(Cache, Vec<Pattern>)> {
    let mut merged = Noted::default();
    for (cache, patterns) in collected {
        merged.add(&cache, patterns);
    }
    merged.into_removals(AT_ONCE)
}

impl Drop for DeferredRemovals {
    fn drop(&mut self) {
        if !self.may_be_committed {
            return;
        }
        let collected = self.take();
        let remove = || {
            for (cache, patterns) in collected {
                cache.remove_without_waiting(&patterns);
            }
        };
        #[cfg(feature = "_outbox")]
        if self.is_outermost {
            return transaction::after_commit_now(remove);
        }
        remove();
    }
}
