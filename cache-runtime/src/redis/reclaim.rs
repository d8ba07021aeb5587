//! Unlinks the entries that removals have made stale, in the background. Only a removal by hand waits for it, to count them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::Mutex;

use crate::common::sync::at_most;
use crate::key::Pattern;
use crate::redis::connection::fault::Fault;
use crate::redis::connection::session::Session;
use crate::redis::removal::Removed;
use crate::redis::scripts::Script;
use crate::redis::walk::{Seen, Walk};
use crate::telemetry::stats::add;

/// How long a count waits for what other processes have stored, who write it as soon as they hear of the removal.
const OTHERS: Duration = Duration::from_millis(10);

/// Entries that one script call takes away.
const PER_CALL: usize = 100;

/// Removals whose garbage is still to be taken away.
#[derive(Debug, Default)]
pub(in crate::redis) struct Reclaims {
    waiting: Mutex<VecDeque<Reclaim>>,
    under_way: AtomicBool,
    /// One at a time: two walks over the same keys would each count a part.
    turn: tokio::sync::Mutex<()>,
}

/// One of them, and who wants to know how much went.
pub(crate) struct Reclaim {
    pub(crate) patterns: Vec<Pattern>,
    /// Entries with a smaller number are stale.
    pub(crate) number: u64,
    /// Other processes may have stored entries, and not have catalogued them yet.
    pub(crate) others: bool,
    pub(crate) told: Box<dyn FnOnce(u64) + Send>,
}

impl std::fmt::Debug for Reclaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reclaim")
            .field("patterns", &self.patterns)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Removals that wait. Beyond, one of everything takes their place.
const RECLAIMS: usize = 1_000;

impl Session {
    /// Takes away in the background what a removal has made stale, one removal after the other.
    pub(crate) fn reclaim_later(&self, reclaim: Reclaim) {
        let reclaims = &self.tier.reclaims;
        reclaims.add(reclaim);
        if reclaims.under_way.swap(true, SeqCst) {
            return;
        }
        let session = self.clone();
        let spawned = self.spawn(async move {
            let reclaims = &session.tier.reclaims;
            loop {
                while let Some(reclaim) = reclaims.next() {
                    session.take_away(reclaim, &AtomicU64::new(0)).await;
                }
                reclaims.under_way.store(false, SeqCst);
                // One may have been added between the last look and this.
                if reclaims.waiting.lock().is_empty() || reclaims.under_way.swap(true, SeqCst) {
                    return;
                }
            }
        });
        if !spawned {
            self.tier.reclaims.under_way.store(false, SeqCst);
        }
    }

    /// The same for removals that had waited for Redis.
    pub(in crate::redis) fn reclaim_replayed(&self, mut patterns: Vec<Pattern>, removed: &Removed) {
        add(&self.tier.counters.removed, removed.entries);
        patterns.retain(|pattern| !matches!(pattern, Pattern::Key(_)));
        let numbers = removed.recorded.iter().map(|recorded| recorded.number);
        if let Some(number) = numbers.max() {
            let counters = self.tier.counters.clone();
            self.reclaim_later(Reclaim {
                patterns,
                number,
                others: true,
                told: Box::new(move |count| add(&counters.removed, count)),
            });
        }
    }

    /// Takes away what a removal has made stale, and says how much it was. It goes on if the caller does not wait; and
    /// if Redis says nothing at all for so long, the caller hears what was counted until then.
    pub(crate) async fn reclaim_now(&self, reclaim: Reclaim, silence: Duration) -> u64 {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            // The removal was acknowledged to a call that has left its runtime since.
            return 0;
        };
        let counted = Arc::new(AtomicU64::new(0));
        let silence = if reclaim.others {
            silence + OTHERS
        } else {
            silence
        };
        let mut taking = {
            let (session, counted) = (self.clone(), counted.clone());
            runtime.spawn(async move { session.take_away(reclaim, &counted).await })
        };
        let answers = || self.link.answers.load(Relaxed);
        let mut heard = answers();
        while at_most(silence, &mut taking).await.is_none() {
            // This process may have had no processor time: what the socket holds gets its turn first.
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            if answers() == heard && !taking.is_finished() {
                break;
            }
            heard = answers();
        }
        counted.load(Relaxed)
    }

    async fn take_away(&self, reclaim: Reclaim, counted: &AtomicU64) {
        if reclaim.others {
            // It decides on the count alone: what comes later is stale all the same.
            tokio::time::sleep(OTHERS).await;
        }
        let _turn = self.tier.reclaims.turn.lock().await;
        for pattern in &reclaim.patterns {
            let taking = self.reclaim(pattern, reclaim.number, counted);
            if let Err(fault) = taking.await {
                tracing::debug!(%pattern, %fault, "removed entries stay in Redis until their time is up");
            }
        }
        (reclaim.told)(counted.load(Relaxed));
    }
}

impl Reclaims {
    fn add(&self, mut reclaim: Reclaim) {
        let mut waiting = self.waiting.lock();
        // A walk that has not begun does for all that ask for the same.
        reclaim.patterns.retain(|pattern| {
            let earlier = waiting
                .iter_mut()
                .find(|earlier| earlier.patterns.contains(pattern));
            match earlier {
                Some(earlier) => {
                    earlier.number = earlier.number.max(reclaim.number);
                    false
                }
                None => true,
            }
        });
        if reclaim.patterns.is_empty() {
            return;
        }
        if waiting.len() >= RECLAIMS {
            waiting.clear();
            reclaim.patterns = vec![Pattern::all()];
        }
        waiting.push_back(reclaim);
    }

    fn next(&self) -> Option<Reclaim> {
        self.waiting.lock().pop_front()
    }
}

impl Session {
    /// Takes away what the pattern covers and a removal of that number has made stale, and counts it.
    async fn reclaim(
        &self,
        pattern: &Pattern,
        number: u64,
        counted: &AtomicU64,
    ) -> Result<(), Fault> {
        self.write_catalogue().await?;
        let mut walk = Walk::new(pattern);
        let mut page = walk.next(self).await?;
        while let Some(seen) = page {
            // What a later removal has made stale is counted there.
            let gone = seen
                .into_iter()
                .filter(|seen| !seen.lives && seen.number < number);
            let gone: Vec<Seen> = gone.collect();
            // The next page is looked for meanwhile.
            let (unlinked, next) = tokio::join!(self.unlink(&gone), walk.next(self));
            counted.fetch_add(unlinked?, Relaxed);
            page = next?;
        }
        Ok(())
    }

    /// One round trip.
    async fn unlink(&self, gone: &[Seen]) -> Result<u64, Fault> {
        if gone.is_empty() {
            return Ok(0);
        }
        let calls: Vec<&[Seen]> = gone.chunks(PER_CALL).collect();
        let unlinking = self
            .link
            .run_each::<u64, _>(Script::Unlink, &calls, |command, gone| {
                command.arg(1 + gone.len()).arg(self.catalogue_name());
                for seen in *gone {
                    command.arg(self.full(&seen.key));
                }
                for seen in *gone {
                    command
                        .arg(seen.identity.as_ref().map_or(&[][..], |identity| identity))
                        .arg(seen.members.len())
                        .arg(&seen.members);
                }
            });
        self.in_background(unlinking).await?.into_iter().sum()
    }
}

/// One for the runtime to look at the socket, one for the connection's task, one for the reply to reach the reclaim.
const TURNS: usize = 3;
