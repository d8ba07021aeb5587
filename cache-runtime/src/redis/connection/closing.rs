//! Shutdown of a cache's Redis tier: what it waits for, and for how long.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::common::sync::at_most;
use crate::redis::connection::tier::Tier;

/// How long closing waits for a connection while there is none.
const HOPE: Duration = Duration::from_secs(1);

/// How long it waits for the supervisor to end by itself.
const MOMENT: Duration = Duration::from_millis(50);

impl Tier {
    /// Ends the supervisor. Until the deadline, waits for background work and for the removals in the journal. If Redis
    /// is away, waits only for one more attempt to connect.
    pub(crate) async fn close(self: &Arc<Self>, deadline: Instant) {
        // The supervisor's runtime may have ended, with removals in the journal.
        self.supervised();
        let ended = async {
            tokio::select! {
                () = self.drained() => {}
                () = self.beyond_hope() => {}
            }
        };
        // Removals that are left then are in the journal's file, if there is one.
        at_most(deadline.saturating_duration_since(Instant::now()), ended).await;
        let left = self.switch.journal.lock().len();
        if left > 0 && self.settings.journal.is_none() && self.target.is_first_to_say("closed") {
            tracing::error!(
                removals = left,
                "the cache was closed while Redis is unreachable, and queued removals are lost: other processes may serve the \
                 removed values until they expire; set CACHE_JOURNAL to keep such removals in a file"
            );
        }
        self.closing.store(true, Ordering::SeqCst);
        self.switch.shut();
        self.rouse();
        self.watchdog.wake();
        let supervisor = self.supervisor.lock().take();
        if let Some(mut supervisor) = supervisor {
            // It ends at once, unless it is connecting.
            let _ = at_most(MOMENT, &mut supervisor).await;
            supervisor.abort();
        }
        self.switch.journal.lock().close();
    }

    /// Waits until the journal is empty and nothing is under way in the background.
    async fn drained(&self) {
        self.background.drained().await;
        loop {
            let mut drained = pin!(self.drained.notified());
            drained.as_mut().enable();
            if self.switch.journal.lock().is_empty() {
                break;
            }
            self.rouse();
            drained.await;
        }
        // Entries that the replay has just made stale are still to be unlinked.
        self.background.drained().await;
    }

    /// Waits until Redis is away and one more attempt to connect has failed, or has not ended soon.
    async fn beyond_hope(&self) {
        let mut failures = self.failures.subscribe();
        failures.mark_unchanged();
        loop {
            let was_away = self.switch.published().is_none();
            let _ = tokio::time::timeout(HOPE, failures.changed()).await;
            if was_away && self.switch.published().is_none() {
                return;
            }
        }
    }
}
