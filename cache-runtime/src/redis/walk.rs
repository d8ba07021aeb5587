//! A walk over the entries that a pattern covers: to count them, or to find the stale ones.

use std::collections::HashSet;

use crate::entry::{self, Identity, LABEL, Label};
use crate::key::Pattern;
use crate::redis::catalogue::{key_of, member_of_key, member_of_tag};
use crate::redis::connection::fault::Fault;
use crate::redis::connection::session::Session;
use crate::redis::ledger::Validity;

/// Catalogue members per page.
const PAGE: usize = 500;

/// An entry that a walk has found at a key that a pattern covers.
#[derive(Debug)]
pub(in crate::redis) struct Seen {
    pub(in crate::redis) key: String,
    /// `None`: the key is empty.
    pub(in crate::redis) identity: Option<Identity>,
    /// The ledger number that the entry carries; 0 if it belongs to another ledger or is gone.
    pub(in crate::redis) number: u64,
    /// A reader would accept it now.
    pub(in crate::redis) lives: bool,
    /// Its members of the catalogue.
    pub(in crate::redis) members: Vec<Vec<u8>>,
}

/// A walk over the keys that a pattern may cover, page by page.
pub(in crate::redis) struct Walk<'a> {
    pattern: &'a Pattern,
    ranges: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys that were seen before: two tags of one entry may both be in the range.
    met: HashSet<String>,
}

impl<'a> Walk<'a> {
    pub(in crate::redis) fn new(pattern: &'a Pattern) -> Self {
        Self {
            pattern,
            ranges: ranges(pattern),
            met: HashSet::new(),
        }
    }

    pub(in crate::redis) async fn next(
        &mut self,
        session: &Session,
    ) -> Result<Option<Vec<Seen>>, Fault> {
        let Some((from, to)) = self.ranges.last_mut() else {
            return Ok(None);
        };
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(session.catalogue_name());
        command.arg(&*from).arg(&*to).arg("LIMIT").arg(0).arg(PAGE);
        let members: Vec<Vec<u8>> = session.in_background(session.link.send(&command)).await?;
        match members.last() {
            Some(last) if members.len() == PAGE => *from = [b"(", &last[..]].concat(),
            _ => drop(self.ranges.pop()),
        }
        let by_tags = self.pattern.scan_prefix().is_none();
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        for member in members {
            let Some(key) = key_of(&member) else { continue };
            // A search by tags is decided later, by the tags that the entry itself carries.
            if (by_tags && self.met.insert(key.clone()))
                || (!by_tags && self.pattern.matches(&key, &[] as &[&str]))
            {
                found.push((key, member));
            }
        }
        let keys: Vec<String> = found.iter().map(|(key, _)| key.clone()).collect();
        let labels = session.labels(&keys).await?;
        let looked_at = found.into_iter().zip(&labels);
        Ok(Some(
            looked_at
                .filter_map(|((key, member), bytes)| see(session, self.pattern, key, member, bytes))
                .collect(),
        ))
    }
}

/// The ranges of the catalogue that hold the members of all keys that the pattern may cover.
pub(in crate::redis) fn ranges(pattern: &Pattern) -> Vec<(Vec<u8>, Vec<u8>)> {
    let beginning = |text: &[u8]| (included(text), past(text));
    match pattern {
        Pattern::Key(key) => {
            let member = member_of_key(key);
            vec![(included(&member), included(&member))]
        }
        // Two ranges, because the key and the keys below it are not adjacent: `jobs-x` sorts between `jobs` and
        // `jobs:`.
        Pattern::Subtree(key) => {
            let member = member_of_key(key);
            let below = [&member[..], b":"].concat();
            vec![beginning(&below), (included(&member), included(&member))]
        }
        Pattern::Tag(tag) => vec![beginning(&member_of_tag(tag, ""))],
        Pattern::TagPrefix(tag) => vec![beginning(&[b"t", tag.as_bytes()].concat())],
        Pattern::AllTags(all) => {
            let first = all.first().map_or("", String::as_str);
            vec![beginning(&member_of_tag(first, ""))]
        }
        Pattern::Prefix(_) | Pattern::Glob(_) => {
            vec![beginning(&member_of_key(
                pattern.scan_prefix().unwrap_or_default(),
            ))]
        }
    }
}

/// The entry at a key, if the pattern covers it.
fn see(
    session: &Session,
    pattern: &Pattern,
    key: String,
    member: Vec<u8>,
    bytes: &[u8],
) -> Option<Seen> {
    let Some(label) = entry::label(bytes, session.tier.namespace) else {
        return bytes.is_empty().then_some(Seen {
            key,
            identity: None,
            number: 0,
            lives: false,
            members: vec![member],
        });
    };
    let Label {
        identity,
        stamp,
        deadline_ms,
        tags,
    } = label;
    let tags: Vec<String> = tags?.map(str::to_owned).collect();
    if !pattern.matches(&key, &tags) {
        return None;
    }
    let now = u64::try_from(session.link.server_millis()).unwrap_or(0);
    let judged = (session.link.ledger).judge(&stamp, &key, tags.iter().map(String::as_str));
    let valid = judged == Validity::Valid;
    let mut members: Vec<Vec<u8>> = tags.iter().map(|tag| member_of_tag(tag, &key)).collect();
    members.push(member_of_key(&key));
    if !members.contains(&member) {
        members.push(member);
    }
    // An entry past its lifetime may still be served when a body fails: it is not garbage, and a removal does not count
    // it.
    if valid && deadline_ms <= now {
        return None;
    }
    Some(Seen {
        key,
        identity: Some(identity),
        number: match judged {
            Validity::OtherLedger => 0,
            Validity::Valid | Validity::Removed => stamp.number,
        },
        lives: valid,
        members,
    })
}

impl Session {
    /// How many entries a removal of the pattern would remove now.
    pub(crate) async fn count(&self, pattern: &Pattern) -> Result<u64, Fault> {
        self.write_catalogue().await?;
        let mut counted = 0;
        let mut walk = Walk::new(pattern);
        while let Some(page) = walk.next(self).await? {
            counted += page.iter().filter(|seen| seen.lives).count() as u64;
        }
        Ok(counted)
    }

    /// The labels of the entries at these keys.
    async fn labels(&self, keys: &[String]) -> Result<Vec<Vec<u8>>, Fault> {
        let wanted: Vec<(&str, usize)> = keys.iter().map(|key| (key.as_str(), LABEL)).collect();
        let mut labels = self.beginnings(&wanted).await?;
        // Labels with many tags are longer: read those again in full.
        let longer: Vec<(usize, usize)> = labels
            .iter()
            .enumerate()
            .filter_map(|(at, bytes)| Some((at, entry::label_length(bytes)?)))
            .filter(|(_, length)| *length > LABEL)
            .collect();
        let wanted: Vec<(&str, usize)> = longer
            .iter()
            .map(|(at, length)| (keys[*at].as_str(), *length))
            .collect();
        for ((at, _), bytes) in longer.iter().zip(self.beginnings(&wanted).await?) {
            labels[*at] = bytes;
        }
        Ok(labels)
    }

    /// The first bytes of the value at each of these keys; how many is given with each key.
    async fn beginnings(&self, wanted: &[(&str, usize)]) -> Result<Vec<Vec<u8>>, Fault> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let commands = wanted.iter().map(|(key, length)| {
            let mut command = redis::cmd("GETRANGE");
            command.arg(self.full(key)).arg(0).arg(length - 1);
            command
        });
        let looking = self.link.send_all::<Vec<u8>>("catalogue", commands);
        let beginnings = self.in_background(looking).await?;
        // A value of another Redis type is not ours.
        Ok(beginnings
            .into_iter()
            .map(Result::unwrap_or_default)
            .collect())
    }
}

fn included(text: &[u8]) -> Vec<u8> {
    [b"[", text].concat()
}

/// The bound just past everything that begins with the text. No member holds the byte 0xFF: all are UTF-8, or end
/// before it.
fn past(text: &[u8]) -> Vec<u8> {
    [b"(", text, b"\xff"].concat()
}
