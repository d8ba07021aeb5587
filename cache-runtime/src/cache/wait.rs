//! Waiting for another process's load.

use std::time::Duration;

use tokio::time::Instant;

use crate::common::sync::at_most;
use crate::entry::Identity;
use crate::local::flight::Flight;
use crate::redis::{LEASE_LIFE, Lease, Session};
use crate::telemetry::stats::{Counters, bump};

/// Waiting for another process's load. If reads are tracked, a push of Redis wakes the waiter; else it polls, at
/// increasing intervals. The wait always ends: the holder stores, fails or releases, or its lease expires.
///
/// The wait continues as long as the holder renews its lease, but several holders that die one after the other delay a
/// call by at most [`DEAD_HOLDERS`] in total. If reads are tracked, each renewal causes a push. If not, a lease that
/// exists must have been renewed within its life; this is exact for one holder, and an underestimate for further ones.
#[derive(Default)]
pub(super) struct HolderWait {
    times: u32,
    /// The current lease, and the time of its holder's last sign of life.
    current: Option<(Identity, Instant)>,
    pushed: bool,
    /// The time spent between the last signs of life of dead holders and the ends of their leases.
    lost: Duration,
    /// The wait limit was reached before.
    pub(super) limit_reached: bool,
}

/// The time that dead holders may cost one call in total.
const DEAD_HOLDERS: Duration = Duration::from_secs(2);

impl HolderWait {
    /// A call that waits for nobody, and leaves the leases of others alone.
    pub(super) fn none() -> Self {
        Self {
            lost: DEAD_HOLDERS,
            limit_reached: true,
            ..Self::default()
        }
    }

    /// Records what was found at the key: a lease, or anything else.
    pub(super) fn found(&mut self, lease: Option<Identity>) {
        let pushed = std::mem::take(&mut self.pushed);
        match (&mut self.current, lease) {
            (Some((current, sign)), Some(lease)) if *current == lease => {
                if pushed {
                    *sign = Instant::now();
                }
            }
            (_, lease) => {
                self.lost += self.silence();
                self.current = lease.map(|lease| (lease, Instant::now()));
            }
        }
    }

    /// Records that the lock beside the entry is held, and how long ago its holder last gave a sign of life.
    pub(super) fn locked(&mut self, silence: Duration) {
        if let Some((_, sign)) = &mut self.current {
            *sign = Instant::now().checked_sub(silence).unwrap_or(*sign);
        }
    }

    fn silence(&self) -> Duration {
        self.current
            .map_or(Duration::ZERO, |(_, sign)| sign.elapsed().min(LEASE_LIFE))
    }

    /// How much longer to wait for the current lease without a sign of life.
    pub(super) fn left(&self) -> Duration {
        DEAD_HOLDERS.saturating_sub(self.lost + self.silence())
    }

    pub(super) async fn wait(
        &mut self,
        flight: &Flight<Box<Lease>>,
        session: &Session,
        counters: &Counters,
    ) {
        if self.times == 0 {
            bump(&counters.waits);
        }
        let longest = if session.link.pushes { 100 } else { 20 };
        let pause = Duration::from_millis((2_u64 << self.times.min(6)).min(longest));
        self.times += 1;
        // The push may have been caused by the lease itself being set: then the next read finds the lease again.
        let pause = pause.min(self.left());
        // Outside of a tokio runtime there is no waiting, and Redis is not asked again.
        self.pushed = at_most(pause, flight.pushed()).await.is_some();
    }
}
