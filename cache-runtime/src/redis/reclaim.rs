//! Unlinks the entries that removals have made stale, in the background. Only a removal by hand waits for the end, to
//! report how many there were.

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

/// How long a count waits for other processes to write their entries to the catalogue, which they do as soon as they
/// hear of the removal.
const OTHERS: Duration = Duration::from_millis(10);

/// Entries that one script call unlinks.
const PER_CALL: usize = 100;

/// Removals whose stale entries are still to be unlinked.
#[derive(Debug, Default)]
pub(in crate::redis) struct Reclaims {
    waiting: Mutex<VecDeque<Reclaim>>,
    under_way: AtomicBool,
    /// One walk runs at a time: of two walks over the same keys, each would count only a part.
    turn: tokio::sync::Mutex<()>,
}

/// The work for one removal, and a callback that receives the count.
pub(crate) struct Reclaim {
    pub(crate) patterns: Vec<Pattern>,
    /// Entries with a smaller number are stale.
    pub(crate) number: u64,
    /// Other processes may have stored entries and not written them to the catalogue yet.
    pub(crate) others: bool,
    pub(crate) on_counted: Box<dyn FnOnce(u64) + Send>,
}

impl std::fmt::Debug for Reclaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reclaim")
            .field("patterns", &self.patterns)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// How many removals wait at most. Beyond that, one reclaim of everything replaces them.
const RECLAIMS: usize = 1_000;

impl Session {
    /// Unlinks in the background what a removal has made stale, one removal after the other.
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
                // Another may have been added after the queue was found empty.
                if reclaims.waiting.lock().is_empty() || reclaims.under_way.swap(true, SeqCst) {
                    return;
                }
            }
        });
        if !spawned {
            self.tier.reclaims.under_way.store(false, SeqCst);
        }
    }

    /// Like [`Session::reclaim_later`], for removals that were replayed from the journal.
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
                on_counted: Box::new(move |count| add(&counters.removed, count)),
            });
        }
    }

    /// Unlinks what a removal has made stale, and returns the count. The work goes on if the caller stops waiting. If
    /// Redis answers nothing for `silence`, this returns what was counted until then.
    pub(crate) async fn reclaim_now(&self, reclaim: Reclaim, silence: Duration) -> u64 {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            // The call has left its tokio runtime since the removal was acknowledged.
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
            // This process may have had no processor time: let the tasks that read the socket run first.
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
            // This wait affects only the count: an entry that is catalogued later is stale all the same.
            tokio::time::sleep(OTHERS).await;
        }
        let _turn = self.tier.reclaims.turn.lock().await;
        for pattern in &reclaim.patterns {
            let taking = self.reclaim(pattern, reclaim.number, counted);
            if let Err(fault) = taking.await {
                tracing::debug!(%pattern, %fault, "removed entries could not be unlinked; they are never served, and stay in Redis until they expire");
            }
        }
        (reclaim.on_counted)(counted.load(Relaxed));
    }
}

/// Lists of patterns that are longer than this are not compared with others.
const COMPARED: usize = 8;

impl Reclaims {
    fn add(&self, mut reclaim: Reclaim) {
        let mut waiting = self.waiting.lock();
        // A walk that has not begun also serves later requests for the same pattern. Long lists, such as of the elements of an
        // argument, are not compared: this runs in the call that removes.
        let is_short = |patterns: &[Pattern]| patterns.len() <= COMPARED;
        let compares = is_short(&reclaim.patterns);
        reclaim.patterns.retain(|pattern| {
            let earlier = waiting.iter_mut().find(|earlier| {
                compares && is_short(&earlier.patterns) && earlier.patterns.contains(pattern)
            });
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
    /// Unlinks and counts the entries that the pattern covers and that a removal with this number has made stale.
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
            // An entry that only a later removal made stale is counted by that one.
            let gone = seen
                .into_iter()
                .filter(|seen| !seen.lives && seen.number < number);
            let gone: Vec<Seen> = gone.collect();
            // Fetches the next page meanwhile.
            let (unlinked, next) = tokio::join!(self.unlink(&gone), walk.next(self));
            counted.fetch_add(unlinked?, Relaxed);
            page = next?;
        }
        Ok(())
    }

    /// Unlinks these entries in one round trip, and counts them.
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

/// How often to yield before giving up: once for the runtime to poll the socket, once for the connection's task, once
/// for the reply to reach the reclaim.
const TURNS: usize = 3;
