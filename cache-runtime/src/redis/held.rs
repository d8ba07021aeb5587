//! The leases that this process may hold in Redis. A connection that is lost leaves them standing, where others wait for
//! their holder; the next connection takes them away.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::ledger::Birth;
use crate::entry::Identity;

/// Leases noted at once. One more is not noted: it ends by itself.
const BOUND: usize = 4_096;

#[derive(Debug)]
pub(super) struct HeldLeases {
    leases: Mutex<HashMap<Identity, Held>>,
    life: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) key: String,
    /// The ledger under which it was planted.
    pub(super) birth: Option<Birth>,
    epoch: u64,
    /// When it has ended by itself.
    until: Instant,
}

impl HeldLeases {
    /// `life`: of a lease that is not renewed.
    pub(super) fn new(life: Duration) -> Self {
        Self {
            leases: Mutex::default(),
            life,
        }
    }

    /// Before it is sent: whether it was planted may never be known.
    pub(super) fn planted(&self, epoch: u64, birth: Option<Birth>, token: &Identity, key: &str) {
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
            };
            leases.insert(*token, held);
        }
    }

    pub(super) fn renewed(&self, token: &Identity) {
        if let Some(held) = self.leases.lock().get_mut(token) {
            held.until = Instant::now() + self.life;
        }
    }

    /// Leases that have not ended by themselves.
    #[cfg(feature = "metrics")]
    pub(super) fn standing(&self) -> usize {
        let now = Instant::now();
        let leases = self.leases.lock();
        leases.values().filter(|held| held.until > now).count()
    }

    /// It does not stand any more, or never did.
    pub(super) fn ended(&self, token: &Identity) {
        self.leases.lock().remove(token);
    }

    /// What connections before this one have left standing.
    pub(super) fn take_left_behind(&self, epoch: u64) -> Vec<(Identity, Held)> {
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
