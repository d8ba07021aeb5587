//! Loads that have ended, and whose values are neither stored nor refused yet.

use std::sync::Arc;

use crate::key::Pattern;
use crate::local::flight::{Coverage, Flight, Flights, HeldLease, Stage};

impl<H: HeldLease> Flights<H> {
    /// Waits until loaded values that the pattern may name are stored or refused. The caller of a load does not wait
    /// for that; a removal that counts what it removes does.
    pub(crate) async fn stored(&self, pattern: &Pattern) {
        let is_meant = |flight: &Arc<Flight<H>>| {
            flight.is_being_stored() && !matches!(flight.coverage(pattern), Coverage::None)
        };
        let meant: Vec<Arc<Flight<H>>> = match pattern {
            Pattern::Key(key) => {
                let flight = self.shard(key).lock().get(&**key).cloned();
                flight.into_iter().filter(is_meant).collect()
            }
            _ => {
                let mut meant = Vec::new();
                for shard in &self.shards {
                    let flights = shard.lock();
                    meant.extend(flights.values().filter(|flight| is_meant(flight)).cloned());
                }
                meant
            }
        };
        for flight in meant {
            flight.settled().await;
        }
    }
}

impl<H> Flight<H> {
    fn is_being_stored(&self) -> bool {
        matches!(self.state.lock().stage, Stage::Loaded(_))
    }

    /// Waits until the loaded value is stored or refused.
    pub(crate) async fn settled(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the stage is looked at, as a waiter does.
            changed.as_mut().enable();
            if !self.is_being_stored() {
                return;
            }
            changed.await;
        }
    }
}
