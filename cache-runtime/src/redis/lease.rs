//! Leases: the right to store at a key, and the operations that use it.
//!
//! A lease is a random token at the key itself. A removal by the key's name, from any process, also removes the token;
//! a value that was computed before can then no longer be stored. A removal by prefix, glob or tag leaves the token in
//! place. The ledger number in the lease, and in the entry stored over it, shows that both are older than the removal.

use std::sync::Arc;
use std::time::Duration;

use crate::common::random;
use crate::common::safeguard::{Safeguard, off};
use crate::entry::{Head, Identity, identity};
use crate::local::flight::{HeldLease, Pulse};
use crate::redis::connection::clock::millis;
use crate::redis::connection::fault::Fault;
use crate::redis::connection::link::Planted;
use crate::redis::connection::session::Session;
use crate::redis::connection::tier::Tier;
use crate::redis::held_leases::{Due, Held, UnderWay};
use crate::redis::scripts::Script;

/// How long a lease lives without renewal. Others wait this long for a holder that has died.
pub(crate) const LEASE_LIFE: Duration = Duration::from_millis(1_500);

/// Suffix of a key in the name of its lock. No key can end with it, because in a key `%` is followed by two hexadecimal
/// digits.
const LOCK: &str = "%lock";

/// How long the mark of a failed load stays. While it is there, others do not wait for that load.
pub(crate) const MARK_LIFE: Duration = Duration::from_millis(250);

/// A planted lease. It is valid only on the connection that planted it.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) session: Session,
    pub(crate) key: String,
    /// Identity of what the store may replace: the lease itself, or the entry that stays in place during the load.
    pub(crate) identity: Identity,
    /// The whole value that was planted, unless an entry stays in place during the load.
    planted: Option<Head>,
    /// Token of the lock beside that entry: only one holder among all processes may replace the entry.
    pub(crate) lock: Option<Identity>,
}

/// The result of an attempt to take a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    Ours,
    /// The entry is no longer at the key.
    Gone,
    /// Another caller is refreshing the entry. It took or renewed its lock `silence` ago.
    Taken {
        silence: Duration,
    },
    /// Another caller's refresh has just failed.
    Failed,
}

/// The entry that a lease may replace when it is planted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Over {
    Nothing,
    /// Something unusable of ours that was read and has this identity.
    This(Identity),
    AnythingOfOurs,
}

/// A sealed entry that is to be stored in Redis.
pub(crate) struct Sealed<'a> {
    pub(crate) head: Head,
    pub(crate) rest: &'a [u8],
    pub(crate) life: Duration,
    pub(crate) tags: &'a [String],
}

impl Sealed<'_> {
    /// All bytes of the entry, with the server's time as this process estimates it. A script that asks the server for
    /// its time costs a third more, and readers' estimates may be wrong by as much.
    fn written(&self, session: &Session) -> Vec<u8> {
        let now = u64::try_from(session.link.server_millis()).unwrap_or(0);
        [&self.head[..], &now.to_le_bytes(), self.rest].concat()
    }
}

impl Lease {
    /// Lets the supervisor renew the lease until the returned guard is dropped or the leader gives no more signs of
    /// life.
    pub(crate) fn renewed_during(&self, pulse: &Arc<Pulse>) -> Renewed {
        let (tier, token) = (self.session.tier.clone(), *self.token());
        let over = self.lock.is_some().then_some(self.identity);
        tier.held.load_begins(&token, over, pulse);
        tier.watchdog.load_begins(&tier);
        Renewed { tier, token }
    }

    /// Tries to take the lock of a lease that [`Session::over`] made.
    pub(crate) async fn lock(&self) -> Result<Locked, Fault> {
        let session = &self.session;
        let held = &session.tier.held;
        let birth = session.link.ledger.birth();
        held.planted(session.link.epoch, birth, self.token(), &self.key);
        let (code, left): (i64, i64) = session.seen(
            session
                .link
                .run(Script::Lock, |command| {
                    command
                        .arg(2)
                        .arg(session.full(&self.key))
                        .arg(self.held_at());
                    command
                        .arg(&self.identity)
                        .arg(self.token())
                        .arg(millis(LEASE_LIFE));
                })
                .await,
        )?;
        if code != 0 {
            held.ended(self.token());
        }
        Ok(match code {
            0 => Locked::Ours,
            2 => Locked::Taken {
                silence: LEASE_LIFE
                    .saturating_sub(Duration::from_millis(u64::try_from(left).unwrap_or(0))),
            },
            3 => Locked::Failed,
            _ => Locked::Gone,
        })
    }

    /// The Redis key that holds the token.
    fn held_at(&self) -> String {
        self.session.held_at(&self.key, self.token())
    }

    fn token(&self) -> &Identity {
        self.lock.as_ref().unwrap_or(&self.identity)
    }

    /// Stores the entry over the lease. True if the lease, or the entry to be replaced, was still there.
    pub(crate) async fn store(&self, entry: &Sealed<'_>) -> Result<bool, Fault> {
        let stored = self.replace(entry).await;
        if self.lock.is_some() {
            // An error does no harm: later readers see the new entry, and the lock expires by itself.
            let _ = self.let_go(None).await;
        }
        stored
    }

    async fn replace(&self, entry: &Sealed<'_>) -> Result<bool, Fault> {
        let session = &self.session;
        let stored = session
            .in_background(self.compare_and_set(&entry.written(session), entry.life))
            .await;
        if stored.is_ok() {
            session.tier.held.ended(self.token());
        }
        if let Ok(true) = stored {
            session.record_stored(&self.key, entry);
        }
        stored
    }

    /// One command does it where the server has it and the lease is still as it was planted: a script costs the server several
    /// times as much. A removal during its own load changes the number in the lease; then the script finds the lease by its
    /// identity.
    async fn compare_and_set(&self, entry: &[u8], life: Duration) -> Result<bool, Fault> {
        let (link, key) = (&self.session.link, self.session.full(&self.key));
        if let Some(lease) = self.planted.as_ref().filter(|_| !off(Safeguard::Cas))
            && link.has_if_equal
            && link.set_if_equal(&key, lease, entry, life).await?
        {
            return Ok(true);
        }
        let expected = if off(Safeguard::Cas) {
            &[][..]
        } else {
            &self.identity
        };
        link.run(Script::Store, |command| {
            command.arg(1).arg(&key);
            command.arg(expected).arg(entry).arg(millis(life));
        })
        .await
    }

    /// Ends the lease without a value. True if the lease was still there. `mark`: left in its place because the load
    /// has failed.
    pub(crate) async fn release(&self, mark: Option<Head>) -> Result<bool, Fault> {
        match &self.lock {
            None => self.let_go(mark.as_ref().map(|mark| &mark[..])).await,
            // The lock does not prove that the entry was still there, so the answer is false.
            Some(_) => {
                let failed = lock_token(b"fail");
                let mark = mark.map(|_| &failed[..]);
                self.let_go(mark).await.map(|_| false)
            }
        }
    }

    async fn let_go(&self, mark: Option<&[u8]>) -> Result<bool, Fault> {
        let session = &self.session;
        let released = session
            .in_background(session.link.run(Script::Release, |command| {
                release(command, &self.held_at(), self.token(), mark);
            }))
            .await;
        if released.is_ok() {
            session.tier.held.ended(self.token());
        }
        released
    }
}

/// Adds the keys and arguments of the renewal script.
pub(in crate::redis) fn renewal(command: &mut redis::Cmd, session: &Session, lease: &Due) {
    command.arg(1 + usize::from(lease.over.is_some()));
    command.arg(session.held_at(&lease.key, &lease.token));
    if lease.over.is_some() {
        command.arg(session.full(&lease.key));
    }
    command.arg(&lease.token).arg(millis(LEASE_LIFE));
    if let Some(over) = &lease.over {
        command.arg(over);
    }
}

fn release(command: &mut redis::Cmd, held_at: &str, token: &Identity, mark: Option<&[u8]>) {
    command
        .arg(1)
        .arg(held_at)
        .arg(token)
        .arg(mark.unwrap_or_default())
        .arg(millis(MARK_LIFE));
}

/// A lease whose load is under way. Dropping this ends its renewal.
#[derive(Debug)]
pub(crate) struct Renewed {
    tier: Arc<Tier>,
    token: Identity,
}

impl Drop for Renewed {
    fn drop(&mut self) {
        self.tier.held.load_ended(&self.token);
        self.tier.watchdog.load_ended();
    }
}

impl HeldLease for Lease {
    fn give_up(self) {
        let session = self.session.clone();
        session.spawn(async move {
            // A lease that cannot be released expires by itself.
            let _ = self.release(None).await;
        });
    }
}

impl Session {
    /// A lease that is about to be planted at the key.
    pub(crate) fn lease(&self, key: &str, head: &Head) -> Lease {
        Lease {
            session: self.clone(),
            key: key.to_owned(),
            identity: identity(head),
            planted: Some(*head),
            lock: None,
        }
    }

    /// A lease that replaces an existing entry; [`Lease::lock`] takes it.
    pub(crate) fn over(&self, key: &str, standing: Identity) -> Lease {
        Lease {
            session: self.clone(),
            key: key.to_owned(),
            identity: standing,
            planted: None,
            lock: Some(lock_token(b"lock")),
        }
    }

    /// Plants a lease at the key.
    pub(crate) async fn plant(&self, key: &str, head: &Head, over: Over) -> Result<Planted, Fault> {
        let held = &self.tier.held;
        let token = identity(head);
        held.planted(self.link.epoch, self.link.ledger.birth(), &token, key);
        let planted = match over {
            Over::Nothing => self.plant_on_nothing(key, head).await?,
            Over::This(standing) => self.plant_over(key, head, &standing).await?,
            Over::AnythingOfOurs => self.plant_over(key, head, &[]).await?,
        };
        if !matches!(planted, Planted::Ours) {
            held.ended(&token);
        }
        Ok(planted)
    }

    /// Reads the key, and plants the lease in the same round trip if the key is empty. `true`: the lease was planted.
    pub(crate) async fn get_or_plant(
        &self,
        key: &str,
        head: &Head,
    ) -> Result<(Option<Vec<u8>>, bool), Fault> {
        let held = &self.tier.held;
        let token = identity(head);
        held.planted(self.link.epoch, self.link.ledger.birth(), &token, key);
        let full = self.full(key);
        let answer = self.seen(self.link.get_or_plant(&full, head, LEASE_LIFE).await);
        if let Ok((_, false)) = answer {
            held.ended(&token);
        }
        answer
    }

    async fn plant_on_nothing(&self, key: &str, head: &Head) -> Result<Planted, Fault> {
        let mut command = redis::cmd("SET");
        command
            .arg(self.full(key))
            .arg(head)
            .arg("PX")
            .arg(millis(LEASE_LIFE))
            .arg("NX");
        let set: redis::Value = self.seen(self.link.send(&command).await)?;
        Ok(match set {
            redis::Value::Nil => Planted::Stands,
            _ => Planted::Ours,
        })
    }

    async fn plant_over(&self, key: &str, head: &Head, standing: &[u8]) -> Result<Planted, Fault> {
        let planting = self.link.run::<i64>(Script::Plant, |command| {
            command.arg(1).arg(self.full(key));
            command
                .arg(head)
                .arg(millis(LEASE_LIFE))
                .arg(standing)
                .arg(&self.namespace_bytes());
        });
        Ok(match self.seen(planting.await)? {
            0 => Planted::Ours,
            1 => Planted::Stands,
            _ => Planted::Foreign,
        })
    }

    /// Renews the leases of loads that are under way. Ends the leases of leaders that are no longer polled, because
    /// others wait for them.
    pub(in crate::redis) async fn renew_leases(&self) {
        let UnderWay { due, dead } = self.tier.held.under_way(self.link.epoch);
        if !dead.is_empty() {
            // A lease that cannot be released expires.
            let _ = self.in_background(self.release_each(&dead)).await;
        }
        if due.is_empty() {
            return;
        }
        let renewing = self
            .link
            .run_each::<bool, _>(Script::Renew, &due, |command, lease| {
                renewal(command, self, lease);
            });
        let Ok(renewed) = self.in_background(renewing).await else {
            return;
        };
        for (lease, renewed) in due.iter().zip(renewed) {
            // A lease that is gone stays in the list: the store's compare-and-set decides.
            if let Ok(true) = renewed {
                self.tier.held.renewed(&lease.token);
            }
        }
    }

    /// The Redis key that holds a token.
    fn held_at(&self, key: &str, token: &Identity) -> String {
        let mut name = self.full(key);
        if token.starts_with(b"lock") {
            name.push_str(LOCK);
        }
        name
    }

    /// Ends the leases that earlier connections have left on the same server, so that others need not wait until they
    /// expire. Nobody stores over them any more.
    pub(in crate::redis) async fn release_left_behind(&self) -> Result<(), Fault> {
        let birth = self.link.ledger.birth();
        let mut left = self.tier.held.take_left_behind(self.link.epoch);
        // Readers do not wait for a lease that was planted under another ledger.
        left.retain(|(_, held)| held.birth == birth);
        // A lease whose release the server refuses expires by itself.
        self.in_background(self.release_each(&left)).await.map(drop)
    }

    async fn release_each(
        &self,
        leases: &[(Identity, Held)],
    ) -> Result<Vec<Result<i64, Fault>>, Fault> {
        self.link
            .run_each(Script::Release, leases, |command, (token, held)| {
                release(command, &self.held_at(&held.key, token), token, None);
            })
            .await
    }

    /// Stores entries over any entry or lease of ours at their keys. The caller vouches for the values; promise P2 does
    /// not apply. Values that are not ours stay.
    pub(crate) async fn overwrite_each(&self, entries: &[(&str, Sealed<'_>)]) -> Result<(), Fault> {
        let storing =
            self.link
                .run_each::<bool, _>(Script::Overwrite, entries, |command, (key, entry)| {
                    command.arg(1).arg(self.full(key));
                    command
                        .arg(&self.namespace_bytes())
                        .arg(entry.written(self))
                        .arg(millis(entry.life));
                });
        let stored = self.seen(storing.await)?;
        let mut refused = None;
        for ((key, entry), stored) in entries.iter().zip(stored) {
            match stored {
                Ok(true) => self.record_stored(key, entry),
                Ok(false) => {}
                Err(fault) => refused = Some(fault),
            }
        }
        match refused {
            Some(fault) => self.seen(Err(fault)),
            None => Ok(()),
        }
    }

    fn record_stored(&self, key: &str, entry: &Sealed<'_>) {
        self.tier
            .catalogue
            .record_stored(self, key, entry.tags, entry.life);
    }
}

/// A lock's token: 24 bytes that are not the head of an entry, so that a search for our entries skips it.
fn lock_token(word: &[u8; 4]) -> Identity {
    let mut token = [0; 24];
    token[..4].copy_from_slice(word);
    token[4..20].copy_from_slice(&random::bytes());
    token
}
