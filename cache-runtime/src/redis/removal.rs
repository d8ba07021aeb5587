//! Removals in Redis: named keys are deleted at once; all other patterns are recorded in the ledger.

use std::sync::Arc;

use crate::common::random;
use crate::key::Pattern;
use crate::local::flight::Flight;
use crate::redis::connection::clock::millis;
use crate::redis::connection::fault::Fault;
use crate::redis::connection::session::Session;
use crate::redis::connection::tier::LEDGER_LIFE;
use crate::redis::lease::Lease;
use crate::redis::ledger::{Birth, Page, Recorded, read_birth, write_birth};
use crate::redis::scripts::Script;
use crate::redis::unstored::RemovedNames;

/// Patterns or keys per script call. A call takes less than a millisecond of the server's time.
const PER_CALL: usize = 200;

/// How many other removals the answer to a call's own removal lists. If there were this many since the load began, its
/// value is not stored.
const NEWER: usize = 64;

/// The flight and the lease that a call's own removal spares.
#[derive(Clone, Copy)]
pub(crate) struct SparedLoad<'a> {
    pub(crate) flight: &'a Arc<Flight<Box<Lease>>>,
    pub(crate) lease: Option<&'a Lease>,
    /// The ledger's number when its load began.
    pub(crate) since: u64,
}

/// The effect of a removal in Redis.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    /// Entries at keys that were named.
    pub(crate) entries: u64,
    /// Records in the ledger, one for each script call.
    pub(crate) recorded: Vec<Recorded>,
    /// This process's ledger has taken in all of these records.
    pub(crate) known: bool,
    /// Held until the spared load has ended, because the push of this removal may come after the answer.
    pub(crate) own: Option<OwnRemoval>,
}

impl Session {
    /// Removes what the patterns name, in one round trip however many entries there are.
    pub(crate) async fn remove(
        &self,
        patterns: &[Pattern],
        spared: Option<SparedLoad<'_>>,
    ) -> Result<Removed, Fault> {
        let (keys, others): (Vec<&Pattern>, Vec<&Pattern>) = patterns
            .iter()
            .partition(|pattern| matches!(pattern, Pattern::Key(_)));
        let keys: Vec<&str> = keys.iter().filter_map(|key| key.scan_prefix()).collect();
        let lease = spared
            .and_then(|spared| spared.lease)
            // A lease is valid only on the server where it was planted. A lock does not spare the entry beside it.
            .filter(|lease| lease.session.link.run == self.link.run && lease.lock.is_none());
        let own = spared.map(|spared| self.tier.own_removals.begin(spared.flight.clone()));
        let sender = own.as_ref().map_or_else(random::number, |own| own.sender());
        let (entries, recorded) = tokio::try_join!(
            self.remove_keys(&keys, lease, sender),
            self.record(&others, lease, spared.map(|spared| spared.since), sender)
        )?;
        let mut known = true;
        for recorded in &recorded {
            known &= self.link.ledger.recorded(recorded);
        }
        Ok(Removed {
            entries,
            recorded,
            known,
            own,
        })
    }

    async fn remove_keys(
        &self,
        keys: &[&str],
        lease: Option<&Lease>,
        sender: u64,
    ) -> Result<u64, Fault> {
        if keys.is_empty() {
            return Ok(0);
        }
        let calls: Vec<&[&str]> = keys.chunks(PER_CALL).collect();
        let known = self.link.ledger.birth();
        let known = known.map_or_else(String::new, write_birth);
        let removing = self
            .link
            .run_each::<u64, _>(Script::RemoveKeys, &calls, |command, keys| {
                let spared = lease.and_then(|lease| {
                    let at = keys.iter().position(|key| *key == lease.key)?;
                    Some((at + 1, lease.identity))
                });
                let (at, identity) = spared.unwrap_or((0, [0; 24]));
                command.arg(2 + keys.len()).arg(self.full("%none"));
                command.arg(self.ledger_name());
                for key in *keys {
                    command.arg(self.full(key));
                }
                command
                    .arg(&self.namespace_bytes())
                    .arg(at)
                    .arg(&identity[..])
                    .arg(&known)
                    .arg(self.channel())
                    .arg(RemovedNames::write(sender, keys));
            });
        self.in_background(removing).await?.into_iter().sum()
    }

    async fn record(
        &self,
        patterns: &[&Pattern],
        lease: Option<&Lease>,
        since: Option<u64>,
        sender: u64,
    ) -> Result<Vec<Recorded>, Fault> {
        if patterns.is_empty() {
            return Ok(Vec::new());
        }
        let calls: Vec<&[&Pattern]> = patterns.chunks(PER_CALL).collect();
        let known = self.link.ledger.birth();
        let known_text = known.map_or_else(String::new, write_birth);
        let number = self.link.server_micros();
        let new_ledger = format!("{}{}", write_birth(random::number()), millis(LEDGER_LIFE));
        let own = since.map_or_else(Vec::new, |since| own_removal(since, lease));
        let build = |command: &mut redis::Cmd, patterns: &&[&Pattern]| {
            command
                .arg(1 + usize::from(lease.is_some()))
                .arg(self.ledger_name());
            if let Some(lease) = lease {
                command.arg(self.full(&lease.key));
            }
            let members: Vec<String> = patterns.iter().map(|pattern| member(pattern)).collect();
            command
                .arg(&known_text)
                .arg(number)
                .arg(self.channel())
                .arg(end_of_message(sender, &members))
                .arg(&new_ledger)
                .arg(&own)
                .arg(members);
        };
        let recording = self
            .link
            .run_each::<redis::Value, _>(Script::Record, &calls, build);
        let answers = self.in_background(recording).await?;
        let answers = answers.into_iter().collect::<Result<Vec<_>, Fault>>()?;
        let expected = known.map(|birth| (birth, number));
        let recorded: Option<Vec<Recorded>> = calls
            .iter()
            .zip(answers)
            .map(|(patterns, answer)| understand(patterns, answer, expected, since.is_some()))
            .collect();
        recorded.ok_or_else(|| {
            Fault::Refused("the script that records removals returned an unknown reply".into())
        })
    }
}

/// A pattern's member of the ledger.
fn member(pattern: &Pattern) -> String {
    format!("p{}", pattern.to_wire())
}

/// What follows the number in the message of a removal, see [`Message::read`](crate::redis::ledger::Message::read).
fn end_of_message(sender: u64, members: &[String]) -> String {
    let mut end = sender.to_string();
    for member in members {
        end.push('\u{1e}');
        end.push_str(&member[1..]);
    }
    end
}

/// What the script needs to know of the load during which a call removes.
fn own_removal(since: u64, lease: Option<&Lease>) -> Vec<u8> {
    let mut own = format!("{since} {NEWER} ").into_bytes();
    own.extend_from_slice(lease.map_or(&[][..], |lease| &lease.identity));
    own
}

/// Reads the answer of the script. `expected`: the birth and the number that an answer without them means.
fn understand(
    patterns: &[&Pattern],
    answer: redis::Value,
    expected: Option<(Birth, u64)>,
    asked: bool,
) -> Option<Recorded> {
    let patterns = patterns.iter().map(|pattern| (*pattern).clone()).collect();
    if let redis::Value::Int(heard) = answer {
        let (birth, number) = expected?;
        return Some(Recorded {
            birth,
            number,
            patterns,
            heard: u64::try_from(heard).ok()?,
            newer: None,
        });
    }
    let answer: Vec<Vec<u8>> = redis::from_redis_value(answer).ok()?;
    let [birth, number, heard, newer @ ..] = &answer[..] else {
        return None;
    };
    let (members, _) = newer.as_chunks::<2>();
    let members: Option<Vec<(Vec<u8>, f64)>> = members
        .iter()
        .map(|[member, score]| Some((member.clone(), str::from_utf8(score).ok()?.parse().ok()?)))
        .collect();
    let newer = members.filter(|members| asked && members.len() < NEWER);
    Some(Recorded {
        birth: read_birth(birth)?,
        number: str::from_utf8(number).ok()?.parse().ok()?,
        patterns,
        heard: str::from_utf8(heard).ok()?.parse().ok()?,
        newer: newer.map(Page::read),
    })
}

/// This process's removals that spare one of its own loads. The push of such a removal must spare that load, too.
#[derive(Debug, Default)]
pub(in crate::redis) struct OwnRemovals {
    under_way: parking_lot::Mutex<std::collections::HashMap<u64, Arc<Flight<Box<Lease>>>>>,
}

/// A removal that is listed in [`OwnRemovals`] until this is dropped.
#[derive(Debug)]
pub(crate) struct OwnRemoval {
    removals: Arc<OwnRemovals>,
    sender: u64,
}

impl OwnRemovals {
    fn begin(self: &Arc<Self>, spared: Arc<Flight<Box<Lease>>>) -> OwnRemoval {
        let sender = random::number();
        self.under_way.lock().insert(sender, spared);
        OwnRemoval {
            removals: self.clone(),
            sender,
        }
    }

    /// The load that a removal of this sender spares.
    pub(in crate::redis) fn spared(&self, sender: u64) -> Option<Arc<Flight<Box<Lease>>>> {
        self.under_way.lock().get(&sender).cloned()
    }
}

impl OwnRemoval {
    fn sender(&self) -> u64 {
        self.sender
    }
}

impl Drop for OwnRemoval {
    fn drop(&mut self) {
        self.removals.under_way.lock().remove(&self.sender);
    }
}
