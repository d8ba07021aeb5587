//! Loads that wait for a test.

use std::fmt;
use std::sync::Arc;

use crate::cache::Cache;
use crate::cache::holds::Hold;
use crate::key::Pattern;

/// Loads that wait at the end of their body; see [`Scope::hold`](crate::testing::Scope::hold). They go on when this is
/// released or dropped.
#[must_use = "loads are held as long as this lives"]
pub struct HeldLoads {
    cache: &'static Cache,
    hold: Arc<Hold>,
}

impl HeldLoads {
    pub(super) fn new(cache: &'static Cache, pattern: Pattern) -> Self {
        let hold = cache.inner.holds.add(pattern);
        Self { cache, hold }
    }

    /// Waits until a load is held: its body has run.
    pub async fn reached(&self) {
        self.reached_by(1).await;
    }

    /// Waits until this many loads are held at the same time.
    pub async fn reached_by(&self, loads: usize) {
        self.hold.reached(loads).await;
    }

    /// How many loads are held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.hold.count()
    }

    /// Lets all of them go on. Further loads are not held.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for HeldLoads {
    fn drop(&mut self) {
        self.cache.inner.holds.release(&self.hold);
    }
}

impl fmt::Debug for HeldLoads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldLoads")
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}
