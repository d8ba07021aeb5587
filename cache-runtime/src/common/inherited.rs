//! For tests: background work gets the global cache of the task that starts it.

use std::any::Any;
use std::future::Future;

use tokio::task::futures::TaskLocalFuture;

/// Its type is known only on the floors above.
pub(crate) type Inherited = &'static (dyn Any + Send + Sync);

tokio::task_local! {
    static INHERITED: Inherited;
}

/// The value that the current task has.
pub(crate) fn current() -> Option<Inherited> {
    INHERITED.try_with(|inherited| *inherited).ok()
}

/// Gives it to the work, and to the background work that this starts.
pub(crate) fn give<F: Future>(inherited: Inherited, work: F) -> TaskLocalFuture<Inherited, F> {
    INHERITED.scope(inherited, work)
}

/// Gives it to a function.
pub(crate) fn give_sync<T>(inherited: Inherited, work: impl FnOnce() -> T) -> T {
    INHERITED.sync_scope(inherited, work)
}

/// Gives what the current task has to work that another task will do.
pub(crate) fn inherit<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    let inherited = current();
    async move {
        match inherited {
            Some(inherited) => give(inherited, work).await,
            None => work.await,
        }
    }
}
