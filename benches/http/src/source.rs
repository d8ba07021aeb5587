//! The database behind the caches: a version for each group, and loads that take time and are counted.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use crate::page::{GROUPS, Page};

static TAKES: OnceLock<Duration> = OnceLock::new();
static LOADS: AtomicU64 = AtomicU64::new(0);
static VERSIONS: LazyLock<Vec<AtomicU32>> =
    LazyLock::new(|| (0..GROUPS).map(|_| AtomicU32::new(1)).collect());

/// Sets how long each load takes. Only the first call has an effect.
pub fn takes(time: Duration) {
    let _ = TAKES.set(time);
}

/// Reads the version first and answers later, as a database does: a write in between makes the answer old.
pub async fn load(group: u32, page: u32) -> Page {
    LOADS.fetch_add(1, SeqCst);
    let version = VERSIONS[group as usize].load(SeqCst);
    tokio::time::sleep(TAKES.get().copied().unwrap_or_default()).await;
    Page::new(group, page, version)
}

/// The group's new version.
pub fn write(group: u32) -> u32 {
    VERSIONS[group as usize].fetch_add(1, SeqCst) + 1
}

pub fn loads() -> u64 {
    LOADS.load(SeqCst)
}
