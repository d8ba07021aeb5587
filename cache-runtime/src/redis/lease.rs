//! The right to store at a key, and the operations at a key that go with it.
//!
//! A lease is a random token at the key itself. Whoever removes the key, by whatever pattern and from whatever process,
//! removes the token with it, and with the token the right to store what was computed before.

use std::time::Duration;

use super::held::Held;
use super::link::{Fault, Head, Planted};
use super::scripts::Script;
use super::session::Session;
use crate::flight::Hold;
use crate::sabotage::{Safeguard, off};
use crate::token;

/// How long a lease lives without renewal: what a dead holder costs the others.
pub(crate) const LEASE_LIFE: Duration = Duration::from_millis(1_500);

/// How often a holder renews while its load runs.
pub(crate) const RENEW_EVERY: Duration = Duration::from_millis(400);

/// Follows a key in the name of its lock: no key can end so, as `%` is followed by two hexadecimal digits there.
const LOCK: &str = "%lock";

/// How long a failed load keeps the others from waiting for it.
pub(crate) const MARK_LIFE: Duration = Duration::from_millis(250);

/// A planted lease. Good only on the connection that planted it.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) session: Session,
    pub(crate) key: String,
    pub(crate) head: Head,
    /// Members of the index that stand while the lease does.
    pub(crate) members: Vec<Vec<u8>>,
    /// Where an entry goes on standing at the key meanwhile: `head` is that entry's, and this is held beside it.
    pub(crate) lock: Option<Lock>,
}

/// The right to replace a standing entry: one holder per fleet.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    token: Head,
    /// Members of the index that belong to the standing entry.
    standing: Vec<Vec<u8>>,
}

/// What the taking of a lock found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    Ours,
    /// The entry does not stand any more.
    Gone,
    /// Somebody else is refreshing it; the last sign of life is so old.
    Taken {
        silence: Duration,
    },
    /// Somebody's refresh has just failed.
    Failed,
}

/// A sealed entry on its way to Redis.
pub(crate) struct Sealed<'a> {
    pub(crate) head: Head,
    pub(crate) rest: &'a [u8],
    pub(crate) life: Duration,
    pub(crate) members: Vec<Vec<u8>>,
}

impl Lease {
    /// True while the lease stands.
    pub(crate) async fn renew(&self) -> Result<bool, Fault> {
        let session = &self.session;
        let stands = session
            .in_background(session.link.run(Script::Renew, |command| {
                command
                    .arg(1)
                    .arg(self.held_at())
                    .arg(self.token())
                    .arg(millis(LEASE_LIFE));
            }))
            .await;
        if let Ok(true) = stands {
            session.tier.held.renewed(&self.head);
        }
        stands
    }

    /// Takes the lock of a lease that [`Session::over`] describes.
    pub(crate) async fn lock(&self) -> Result<Locked, Fault> {
        let session = &self.session;
        let (code, left): (i64, i64) = session.seen(
            session
                .link
                .run(Script::Lock, |command| {
                    command
                        .arg(3)
                        .arg(session.full(&self.key))
                        .arg(self.held_at())
                        .arg(session.index())
                        .arg(&self.head)
                        .arg(self.token())
                        .arg(millis(LEASE_LIFE))
                        .arg(&self.members);
                })
                .await,
        )?;
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

    /// The name in Redis at which the token stands.
    fn held_at(&self) -> String {
        let mut name = self.session.full(&self.key);
        if self.lock.is_some() {
            name.push_str(LOCK);
        }
        name
    }

    fn token(&self) -> &Head {
        self.lock.as_ref().map_or(&self.head, |lock| &lock.token)
    }

    /// Stores over the lease. True when it had stood to the end.
    pub(crate) async fn store(&self, entry: &Sealed<'_>) -> Result<bool, Fault> {
        let stored = self.replace(entry).await;
        if self.lock.is_some() {
            // Whoever comes next sees the new entry; the lock ends by itself, too.
            let _ = self.let_go(None).await;
        }
        stored
    }

    async fn replace(&self, entry: &Sealed<'_>) -> Result<bool, Fault> {
        let session = &self.session;
        let drop: Vec<&Vec<u8>> = self
            .members
            .iter()
            .filter(|member| !entry.members.contains(member))
            .collect();
        let stored = session
            .in_background(session.link.run(Script::Store, |command| {
                command
                    .arg(2)
                    .arg(session.full(&self.key))
                    .arg(session.index());
                let expected = if off(Safeguard::Cas) {
                    &[][..]
                } else {
                    &self.head
                };
                command
                    .arg(expected)
                    .arg(&entry.head)
                    .arg(entry.rest)
                    .arg(millis(entry.life));
                command
                    .arg(session.prefix())
                    .arg(drop.len())
                    .arg(&drop)
                    .arg(&entry.members);
            }))
            .await;
        if stored.is_ok() {
            session.tier.held.ended(&self.head);
        }
        stored
    }

    /// Ends the lease without a value. True when it had stood to the end. `mark`: the load has failed.
    pub(crate) async fn release(&self, mark: Option<Head>) -> Result<bool, Fault> {
        match &self.lock {
            None => self.let_go(mark).await,
            // The entry may have gone while the lock stood: no verdict.
            Some(_) => self
                .let_go(mark.map(|_| lock_token(b"fail")))
                .await
                .map(|_| false),
        }
    }

    async fn let_go(&self, mark: Option<Head>) -> Result<bool, Fault> {
        let session = &self.session;
        let members: Vec<&Vec<u8>> = match &self.lock {
            None => self.members.iter().collect(),
            Some(lock) => self
                .members
                .iter()
                .filter(|member| !lock.standing.contains(member))
                .collect(),
        };
        let released = session
            .in_background(session.link.run(Script::Release, |command| {
                command
                    .arg(2)
                    .arg(self.held_at())
                    .arg(session.index())
                    .arg(self.token());
                command
                    .arg(mark.as_ref().map_or(&[][..], |mark| &mark[..]))
                    .arg(millis(MARK_LIFE))
                    .arg(&members);
            }))
            .await;
        if released.is_ok() {
            session.tier.held.ended(&self.head);
        }
        released
    }
}

impl Hold for Lease {
    fn give_up(self) {
        let session = self.session.clone();
        session.spawn(async move {
            // A lease that cannot be released ends by itself.
            let _ = self.release(None).await;
        });
    }
}

impl Session {
    /// The right to replace a standing entry, to be taken by [`Lease::lock`]. `standing`: its members of the index;
    /// `members`: with those that its successor may have.
    pub(crate) fn over(
        &self,
        key: &str,
        head: Head,
        standing: Vec<Vec<u8>>,
        members: Vec<Vec<u8>>,
    ) -> Lease {
        Lease {
            session: self.clone(),
            key: key.to_owned(),
            head,
            members,
            lock: Some(Lock {
                token: lock_token(b"lock"),
                standing,
            }),
        }
    }

    /// Plants `head` at the key, or says what stands there. `replace`: the head of something unusable that was read.
    pub(crate) async fn plant(
        &self,
        key: &str,
        head: &Head,
        replace: Option<&Head>,
        force: bool,
        members: &[Vec<u8>],
    ) -> Result<Planted, Fault> {
        let flags = match (force, self.trusts_restarts()) {
            (true, true) => "ft",
            (true, false) => "f",
            (false, true) => "t",
            (false, false) => "",
        };
        let held = &self.tier.held;
        held.planted(self.link.epoch, head, key, members);
        let (code, value): (i64, Option<Vec<u8>>) = {
            let reply: Vec<redis::Value> = self.seen(
                self.link
                    .run(Script::Plant, |command| {
                        command
                            .arg(2)
                            .arg(self.full(key))
                            .arg(self.index())
                            .arg(head)
                            .arg(millis(LEASE_LIFE));
                        command
                            .arg(&self.link.run.to_le_bytes())
                            .arg(replace.map_or(&[][..], |head| &head[..]));
                        command.arg(flags).arg(members);
                    })
                    .await,
            )?;
            let mut reply = reply.into_iter();
            let code = match reply.next() {
                Some(redis::Value::Int(code)) => code,
                _ => {
                    return Err(Fault::Refused(
                        "the plant script gave an unknown answer".into(),
                    ));
                }
            };
            let value = match reply.next() {
                Some(redis::Value::BulkString(value)) => Some(value),
                _ => None,
            };
            (code, value)
        };
        if code != 0 {
            held.ended(head);
        }
        Ok(match (code, value) {
            (0, _) => Planted::Ours,
            (1, Some(value)) => Planted::Stands(value),
            (3, _) => Planted::Taken,
            (4, _) => Planted::Failed,
            _ => Planted::Foreign,
        })
    }

    /// Ends the leases that connections before this one have left standing on the same server: those who wait there need
    /// not wait until they end by themselves. Nobody stores over them any more.
    pub(super) async fn release_left_behind(&self) -> Result<(), Fault> {
        let mut left = self.tier.held.take_left_behind(self.link.epoch);
        // Of another run or reign: nobody waits for such a lease.
        left.retain(|(head, _)| head[24..] == self.link.run.to_le_bytes());
        let release = |command: &mut redis::Cmd, (head, held): &(Head, Held)| {
            self.release_by(command, &held.key, head, None, &held.members);
        };
        self.in_background(self.link.run_for_each(Script::Release, &left, release))
            .await
    }

    fn release_by(
        &self,
        command: &mut redis::Cmd,
        key: &str,
        head: &Head,
        mark: Option<Head>,
        members: &[Vec<u8>],
    ) {
        command
            .arg(2)
            .arg(self.full(key))
            .arg(self.index())
            .arg(head);
        command
            .arg(mark.as_ref().map_or(&[][..], |mark| &mark[..]))
            .arg(millis(MARK_LIFE))
            .arg(members);
    }

    /// Stores an entry over whatever of ours stands at the key: the caller's word, outside of P2.
    pub(crate) async fn overwrite(
        &self,
        key: &str,
        head: Head,
        entry: &Sealed<'_>,
    ) -> Result<bool, Fault> {
        match self.plant(key, &head, None, true, &entry.members).await? {
            Planted::Ours => {
                let lease = Lease {
                    session: self.clone(),
                    key: key.to_owned(),
                    head,
                    members: entry.members.clone(),
                    lock: None,
                };
                lease.store(entry).await
            }
            _ => Ok(false),
        }
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let key = self.full(key);
        self.seen(self.link.get(&key).await)
    }

    pub(crate) async fn ping(&self) -> Result<(), Fault> {
        self.seen(self.link.send::<String>(&redis::cmd("PING")).await)
            .map(drop)
    }

    /// One round trip for several keys.
    pub(crate) async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let mut command = redis::cmd("MGET");
        for key in keys {
            command.arg(self.full(key));
        }
        self.seen(self.link.send(&command).await)
    }
}

/// 32 bytes that are no head: whoever walks the keyspace for entries of ours passes a lock by.
fn lock_token(word: &[u8; 4]) -> Head {
    let mut head = [0; 32];
    head[..4].copy_from_slice(word);
    head[4..20].copy_from_slice(&token::random());
    head
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, i64::MAX as u64 / 2)
}
