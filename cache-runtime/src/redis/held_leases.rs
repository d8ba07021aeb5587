//! The leases that this process may hold in Redis.
//!
//! The supervisor renews the leases of loads under way. The loading task cannot do it, because a body may compute for
//! seconds without yielding. A lost connection leaves leases in Redis for which others wait; the next connection
//! releases them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::entry::Identity;
use crate::local::flight::Pulse;
use crate::redis::ledger::Birth;

/// How often leases are renewed while their loads run.
pub(in crate::redis) const RENEW_EVERY: Duration = Duration::from_millis(400);

/// How many leases are listed at most. A lease beyond that is not listed, and expires by itself.
const BOUND: usize = 65_536;

/// A lease is renewed only after its load has taken this long.
const SHORT: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(in crate::redis) struct HeldLeases {
    leases: Mutex<HashMap<Identity, Held>>,
    life: Duration,
}

#[derive(Clone, Debug)]
pub(in crate::redis) struct Held {
    pub(in crate::redis) key: String,
    /// The ledger under which it was planted.
    pub(in crate::redis) birth: Option<Birth>,
    epoch: u64,
    /// When it expires.
    until: Instant,
    /// The load that holds it, while that is under way.
    load: Option<Load>,
}

#[derive(Clone, Debug)]
struct Load {
    began: Instant,
    pulse: Arc<Pulse>,
    /// For a lock: the entry beside it, which the load may replace.
    over: Option<Identity>,
}

impl Load {
    fn is_long(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= SHORT
    }
}

/// A lease to renew.
#[derive(Debug)]
pub(in crate::redis) struct Due {
    pub(in crate::redis) token: Identity,
    pub(in crate::redis) key: String,
    /// For a lock: the entry that may be replaced.
    pub(in crate::redis) over: Option<Identity>,
}

/// Leases whose loads are under way.
#[derive(Debug, Default)]
pub(in crate::redis) struct UnderWay {
    /// To be renewed.
    pub(in crate::redis) due: Vec<Due>,
    /// Leases whose leaders are no longer polled.
    pub(in crate::redis) dead: Vec<(Identity, Held)>,
}

impl HeldLeases {
    /// `life`: how long a lease lives without renewal.
    pub(in crate::redis) fn new(life: Duration) -> Self {
        Self {
            leases: Mutex::default(),
            life,
        }
    }

    /// Lists a lease. Called before the command is sent, because its result may never be known.
    pub(in crate::redis) fn planted(
        &self,
        epoch: u64,
        birth: Option<Birth>,
        token: &Identity,
        key: &str,
    ) {
        let now = Instant::now();
        let mut leases = self.leases.lock();
        if leases.len() >= BOUND {
            leases.retain(|_, held| held.until > now);
        }
        if leases.len() < BOUND {
            let held = Held {
                key: key.to_owned(),
                birth,
                epoch,
                until: now + self.life,
                load: None,
            };
            leases.insert(*token, held);
        }
    }

    /// The load that holds the lease begins. `over`: for a lock, the entry beside it.
    pub(in crate::redis) fn load_begins(
        &self,
        token: &Identity,
        over: Option<Identity>,
        pulse: &Arc<Pulse>,
    ) {
        if let Some(held) = self.leases.lock().get_mut(token) {
            held.load = Some(Load {
                began: Instant::now(),
                pulse: pulse.clone(),
                over,
            });
        }
    }

    /// The load has ended. This does not end its lease.
    pub(in crate::redis) fn load_ended(&self, token: &Identity) {
        if let Some(held) = self.leases.lock().get_mut(token) {
            held.load = None;
        }
    }

    /// The leases of a connection whose loads have been under way for a while. Called once per renewal interval.
    pub(in crate::redis) fn under_way(&self, epoch: u64) -> UnderWay {
        let now = Instant::now();
        let long: Vec<(Identity, Held)> = {
            let leases = self.leases.lock();
            let long = leases.iter().filter(|(_, held)| {
                held.epoch == epoch && held.load.as_ref().is_some_and(|load| load.is_long(now))
            });
            long.map(|(token, held)| (*token, held.clone())).collect()
        };
        let mut under_way = UnderWay::default();
        for (token, held) in long {
            let Some(load) = &held.load else { continue };
            if load.pulse.is_found_dead_by_supervisor() {
                self.ended(&token);
                under_way.dead.push((token, held));
            } else {
                under_way.due.push(Due {
                    token,
                    over: load.over,
                    key: held.key,
                });
            }
        }
        under_way
    }

    /// The leases of a connection whose renewal is overdue and whose bodies are being polled. `stalled`: the runtime
    /// runs nothing, so the leases of all loads are included.
    pub(in crate::redis) fn computing(&self, epoch: u64, stalled: bool) -> Vec<Due> {
        let now = Instant::now();
        let leases = self.leases.lock();
        let late = leases.iter().filter_map(|(token, held)| {
            let load = held.load.as_ref().filter(|_| held.epoch == epoch)?;
            let is_late = held.until.saturating_duration_since(now) < self.life - 2 * RENEW_EVERY;
            (is_late && (stalled || load.pulse.is_being_polled())).then(|| Due {
                token: *token,
                key: held.key.clone(),
                over: load.over,
            })
        });
        late.collect()
    }

    pub(in crate::redis) fn renewed(&self, token: &Identity) {
        if let Some(held) = self.leases.lock().get_mut(token) {
            held.until = Instant::now() + self.life;
        }
    }

    /// Leases that have not expired.
    #[cfg(feature = "metrics")]
    pub(in crate::redis) fn count(&self) -> usize {
        let now = Instant::now();
        let leases = self.leases.lock();
        leases.values().filter(|held| held.until > now).count()
    }

    pub(in crate::redis) fn is_empty(&self) -> bool {
        self.leases.lock().is_empty()
    }

    /// The lease is no longer in Redis, or never was.
    pub(in crate::redis) fn ended(&self, token: &Identity) {
        self.leases.lock().remove(token);
    }

    /// Takes the unexpired leases that earlier connections have left in Redis.
    pub(in crate::redis) fn take_left_behind(&self, epoch: u64) -> Vec<(Identity, Held)> {
        let now = Instant::now();
        let mut left = Vec::new();
        self.leases.lock().retain(|token, held| {
            let stays = held.epoch >= epoch;
            if !stays && held.until > now {
                left.push((*token, held.clone()));
            }
            stays
        });
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u64) -> Identity {
        let mut token = [0; 24];
        token[..8].copy_from_slice(&number.to_le_bytes());
        token
    }

    fn left(held: &HeldLeases, epoch: u64) -> Vec<String> {
        let mut keys: Vec<_> = held
            .take_left_behind(epoch)
            .into_iter()
            .map(|(_, held)| held.key)
            .collect();
        keys.sort();
        keys
    }

    #[tokio::test(start_paused = true)]
    async fn what_older_connections_hold_is_left_behind_while_it_lives() {
        let held = HeldLeases::new(Duration::from_secs(1));
        for (number, key) in [(1, "ended"), (2, "renewed"), (3, "expired"), (4, "fresh")] {
            held.planted(1, None, &token(number), key);
        }
        held.planted(2, None, &token(5), "of this one");
        held.ended(&token(1));
        tokio::time::advance(Duration::from_millis(700)).await;
        held.renewed(&token(2));
        held.planted(1, None, &token(4), "fresh");
        tokio::time::advance(Duration::from_millis(700)).await;
        assert_eq!(left(&held, 2), ["fresh", "renewed"]);
        assert_eq!(left(&held, 2), [""; 0]);
        assert_eq!(left(&held, 3), [""; 0], "it has expired meanwhile");
    }

    #[tokio::test(start_paused = true)]
    async fn leases_of_loads_under_way_are_due_while_their_leaders_live() {
        let held = HeldLeases::new(Duration::from_secs(1));
        let (computes, waits_unpolled) = (Arc::new(Pulse::default()), Arc::new(Pulse::default()));
        for (number, pulse) in [(1, &computes), (2, &waits_unpolled)] {
            held.planted(1, None, &token(number), "k");
            held.load_begins(&token(number), None, pulse);
        }
        assert!(
            held.under_way(1).due.is_empty(),
            "a short load costs nothing"
        );
        tokio::time::advance(SHORT).await;
        let mut dead = Vec::new();
        for _ in 0..8 {
            computes.beat();
            let under_way = held.under_way(1);
            assert!(under_way.due.iter().any(|due| due.token == token(1)));
            dead.extend(under_way.dead);
        }
        assert_eq!(dead.len(), 1);
        assert_eq!(dead[0].0, token(2));
        assert!(held.under_way(2).due.is_empty(), "of another connection");
        held.load_ended(&token(1));
        assert!(held.under_way(1).due.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_bound_what_has_expired_makes_room_and_nothing_else_does() {
        let held = HeldLeases::new(Duration::from_secs(1));
        let many = BOUND as u64;
        (0..many + 7).for_each(|number| held.planted(1, None, &token(number), "k"));
        assert_eq!(held.leases.lock().len(), BOUND);
        tokio::time::advance(Duration::from_secs(2)).await;
        held.planted(1, None, &token(many), "k");
        assert_eq!(held.leases.lock().len(), 1);
    }
}
