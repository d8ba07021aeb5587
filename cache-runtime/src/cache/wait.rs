//! Waiting for another process's load.

use std::time::Duration;

use tokio::time::Instant;

use crate::common::sync::at_most;
use crate::entry::Identity;
use crate::local::flight::Flight;
use crate::redis::{LEASE_LIFE, Lease, Session};
use crate::telemetry::stats::{Counters, bump};

/// Waiting for another process's load: woken by Redis's push where reads are tracked, else by asking again, less and less
/// often. It ends by itself: the holder stores, fails, releases, or its lease runs out.
///
/// A holder is waited for as long as it renews its lease, but holders that die one after the other cost a call no more than
/// [`DEAD_HOLDERS`] together. Where reads are tracked, renewals show as pushes. Where they are not, a lease that stands is
/// known to have been renewed within its life: that is enough for one holder, and short of the truth for those after it.
#[derive(Default)]
pub(super) struct Waits {
    times: u32,
    /// The lease that stands, and its holder's last sign of life.
    standing: Option<(Identity, Instant)>,
    pushed: bool,
    /// Between last signs of life and the ends of their leases.
    in_vain: Duration,
    /// Patience was lost before.
    pub(super) over: bool,
}

/// What dead holders may cost one call, all together.
const DEAD_HOLDERS: Duration = Duration::from_secs(2);

impl Waits {
    /// What was found at the key: a lease, or anything else.
    pub(super) fn found(&mut self, lease: Option<Identity>) {
        let pushed = std::mem::take(&mut self.pushed);
        match (&mut self.standing, lease) {
            (Some((standing, sign)), Some(lease)) if *standing == lease => {
                if pushed {
                    *sign = Instant::now();
                }
            }
            (_, lease) => {
                self.in_vain += self.silence();
                self.standing = lease.map(|lease| (lease, Instant::now()));
            }
        }
    }

    /// The lock beside what was found is held, and its holder has given no sign of life for so long.
    pub(super) fn locked(&mut self, silence: Duration) {
        if let Some((_, sign)) = &mut self.standing {
            *sign = Instant::now().checked_sub(silence).unwrap_or(*sign);
        }
    }

    fn silence(&self) -> Duration {
        self.standing
            .map_or(Duration::ZERO, |(_, sign)| sign.elapsed().min(LEASE_LIFE))
    }

    /// How long the standing lease may still be waited for without a sign of life.
    pub(super) fn left(&self) -> Duration {
        DEAD_HOLDERS.saturating_sub(self.in_vain + self.silence())
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
        // A push may have been for the lease's own planting: then the next read finds the lease again.
        let pause = pause.min(self.left());
        // Outside of a runtime there is no waiting; nor is Redis asked again.
        self.pushed = at_most(pause, flight.pushed()).await.is_some();
    }
}
