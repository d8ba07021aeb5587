//! The leases that this process may hold in Redis. A connection that is lost leaves them standing, where others wait for
//! their holder; the next connection takes them away.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::link::Head;

/// Leases noted at once. One more is not noted: it ends by itself.
const BOUND: usize = 4_096;

#[derive(Debug)]
pub(super) struct HeldLeases {
    leases: Mutex<HashMap<Head, Held>>,
    life: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) key: String,
    pub(super) members: Vec<Vec<u8>>,
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
    pub(super) fn planted(&self, epoch: u64, head: &Head, key: &str, members: &[Vec<u8>]) {
        let now = Instant::now();
        let mut leases = self.leases.lock();
        if leases.len() >= BOUND {
            leases.retain(|_, held| held.until > now);
        }
        if leases.len() < BOUND {
            let held = Held {
                key: key.to_owned(),
                members: members.to_vec(),
                epoch,
                until: now + self.life,
            };
            leases.insert(*head, held);
        }
    }

    pub(super) fn renewed(&self, head: &Head) {
        if let Some(held) = self.leases.lock().get_mut(head) {
            held.until = Instant::now() + self.life;
        }
    }

    /// It does not stand any more, or never did.
    /// Leases that have not ended by themselves.
    #[cfg(feature = "metrics")]
    pub(super) fn standing(&self) -> usize {
        let now = Instant::now();
        let leases = self.leases.lock();
        leases.values().filter(|held| held.until > now).count()
    }

    pub(super) fn ended(&self, head: &Head) {
        self.leases.lock().remove(head);
    }

    /// What connections before this one have left standing.
    pub(super) fn take_left_behind(&self, epoch: u64) -> Vec<(Head, Held)> {
        let now = Instant::now();
        let mut left = Vec::new();
        self.leases.lock().retain(|head, held| {
            let stays = held.epoch >= epoch;
            if !stays && held.until > now {
                left.push((*head, held.clone()));
            }
            stays
        });
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(number: u64) -> Head {
        let mut head = [0; 32];
        head[..8].copy_from_slice(&number.to_le_bytes());
        head
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
            held.planted(1, &head(number), key, &[]);
        }
        held.planted(2, &head(5), "of this one", &[]);
        held.ended(&head(1));
        tokio::time::advance(Duration::from_millis(700)).await;
        held.renewed(&head(2));
        held.planted(1, &head(4), "fresh", &[]);
        tokio::time::advance(Duration::from_millis(700)).await;
        assert_eq!(left(&held, 2), ["fresh", "renewed"]);
        assert_eq!(left(&held, 2), [""; 0]);
        assert_eq!(left(&held, 3), [""; 0], "it has expired meanwhile");
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_bound_what_has_expired_makes_room_and_nothing_else_does() {
        let held = HeldLeases::new(Duration::from_secs(1));
        let many = BOUND as u64;
        (0..many + 7).for_each(|number| held.planted(1, &head(number), "k", &[]));
        assert_eq!(held.leases.lock().len(), BOUND);
        tokio::time::advance(Duration::from_secs(2)).await;
        held.planted(1, &head(many), "k", &[]);
        assert_eq!(held.leases.lock().len(), 1);
    }
}
