//! Versions that a transaction has written and not committed yet. Only its own task sees them, as in a database.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::body::world;

/// Versions from here on were never committed. Whoever reads one outside of its transaction has read what nobody may see.
pub(crate) const FIRST: u64 = 1 << 40;

tokio::task_local! {
    /// The row that the transaction has written, and its version.
    static WRITTEN: Cell<Option<(u32, u64)>>;
}

/// Runs a transaction.
pub(crate) async fn transaction<T>(work: impl Future<Output = T>) -> T {
    WRITTEN.scope(Cell::new(None), work).await
}

/// Writes a row, and returns the version that only this transaction sees.
pub(crate) fn write(row: u32) -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let version = FIRST + (u64::from(world().process) << 24) + COUNT.fetch_add(1, Relaxed);
    WRITTEN.with(|written| written.set(Some((row, version))));
    version
}

/// The transaction has ended, with a commit: from now on it sees what all see.
pub(crate) fn end() {
    WRITTEN.with(|written| written.set(None));
}

/// The version of the row that this transaction has written, if it has.
pub(crate) fn version(row: u32) -> Option<u64> {
    let written = WRITTEN.try_with(Cell::get).ok().flatten();
    written
        .filter(|(of, _)| *of == row)
        .map(|(_, version)| version)
}
