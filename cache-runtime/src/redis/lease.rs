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

/// How long a lease lives without renewal: what a dead holder costs the others.
pub(crate) const LEASE_LIFE: Duration = Duration::from_millis(1_500);

/// How often a holder renews while its load runs.
pub(crate) const RENEW_EVERY: Duration = Duration::from_millis(400);

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
                    .arg(session.full(&self.key))
                    .arg(&self.head)
                    .arg(millis(LEASE_LIFE));
            }))
            .await;
        if let Ok(true) = stands {
            session.tier.held.renewed(&self.head);
        }
        stands
    }

    /// Stores over the lease. True when it had stood to the end.
    pub(crate) async fn store(&self, entry: &Sealed<'_>) -> Result<bool, Fault> {
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

    /// Ends the lease without a value. True when it had stood to the end.
    pub(crate) async fn release(&self, mark: Option<Head>) -> Result<bool, Fault> {
        let session = &self.session;
        let released = session
            .in_background(session.link.run(Script::Release, |command| {
                session.release_by(command, &self.key, &self.head, mark, &self.members);
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

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, i64::MAX as u64 / 2)
}
