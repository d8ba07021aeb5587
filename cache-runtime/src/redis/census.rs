//! What Redis holds, for those who look: counted, never changed.

use std::collections::BTreeSet;

use super::index::{STEP, included, past};
use super::link::Fault;
use super::scripts::Script;
use super::session::Session;
use crate::key::Pattern;

/// What a Redis server says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Census {
    /// Bytes that it uses for everything; `None` where it keeps that to itself.
    pub memory: Option<u64>,
    /// Keys of its database, ours and others'.
    pub keys: u64,
    /// Of ours, entries and leases; those that have expired lately may still be among them.
    pub ours: u64,
}

impl Session {
    /// Three commands, sent together.
    pub(crate) async fn census(&self) -> Result<Census, Fault> {
        let mut ours = redis::cmd("ZLEXCOUNT");
        ours.arg(self.index()).arg("[k").arg("(l");
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let dbsize = redis::cmd("DBSIZE");
        let (memory, keys, ours) = tokio::join!(
            self.link.send::<String>(&info),
            self.link.send::<u64>(&dbsize),
            self.link.send::<u64>(&ours),
        );
        // A server may keep its figures to itself, and is none the worse for it.
        let memory = match memory {
            Ok(info) => info
                .lines()
                .find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok()),
            Err(Fault::Refused(_)) => None,
            Err(fault) => return Err(fault),
        };
        Ok(Census {
            memory,
            keys: keys?,
            ours: ours?,
        })
    }

    /// How many entries a removal of the pattern would take now.
    pub(crate) async fn count(&self, pattern: &Pattern) -> Result<u64, Fault> {
        self.complete_index().await?;
        let mut counted = 0;
        if let Some(prefix) = pattern.scan_prefix() {
            // Keys come in pages, and each page is counted before the next is asked for.
            let from = [b"k", prefix.as_bytes()].concat();
            let mut pages = Pages::new(&from);
            while let Some(page) = pages.next(self).await? {
                let keys: Vec<&[u8]> = page
                    .iter()
                    .map(|member| &member[1..])
                    .filter(|key| {
                        std::str::from_utf8(key)
                            .is_ok_and(|key| pattern.matches(key, &[] as &[&str]))
                    })
                    .collect();
                counted += self.entries_among(&keys).await?;
            }
            return Ok(counted);
        }
        let keys = match pattern {
            Pattern::AllTags(all) => {
                let mut common: Option<BTreeSet<Vec<u8>>> = None;
                for tag in all {
                    let keys = self.tagged(&Pattern::tag(tag), tag).await?;
                    common = Some(match common {
                        Some(common) => common.intersection(&keys).cloned().collect(),
                        None => keys,
                    });
                }
                common.unwrap_or_default()
            }
            Pattern::Tag(tag) | Pattern::TagPrefix(tag) => self.tagged(pattern, tag).await?,
            _ => BTreeSet::new(),
        };
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        self.entries_among(&keys).await
    }

    /// Keys whose tags belong to the pattern, which begins with the text.
    async fn tagged(&self, pattern: &Pattern, text: &str) -> Result<BTreeSet<Vec<u8>>, Fault> {
        let mut pages = Pages::new(&[b"t", text.as_bytes()].concat());
        let mut keys = BTreeSet::new();
        while let Some(page) = pages.next(self).await? {
            for member in page {
                let mut parts = member[1..].splitn(2, |byte| *byte == 0);
                let (tag, key) = (parts.next(), parts.next());
                if let (Some(Ok(tag)), Some(key)) = (tag.map(std::str::from_utf8), key)
                    && pattern.matches("", &[tag])
                {
                    keys.insert(key.to_vec());
                }
            }
        }
        Ok(keys)
    }

    async fn entries_among(&self, keys: &[&[u8]]) -> Result<u64, Fault> {
        let mut counted = 0;
        for keys in keys.chunks(STEP) {
            counted += self
                .in_background(self.link.run::<u64>(Script::Count, |command| {
                    command.arg(0).arg(self.prefix()).arg(keys);
                }))
                .await?;
        }
        Ok(counted)
    }
}

/// A range of the index, page by page.
struct Pages {
    from: Vec<u8>,
    to: Vec<u8>,
    done: bool,
}

impl Pages {
    fn new(beginning: &[u8]) -> Self {
        Self {
            from: included(beginning),
            to: past(beginning),
            done: false,
        }
    }

    async fn next(&mut self, session: &Session) -> Result<Option<Vec<Vec<u8>>>, Fault> {
        if self.done {
            return Ok(None);
        }
        let (from, to) = (&self.from, &self.to);
        let page: redis::Value = session
            .in_background(session.link.run(Script::Page, |command| {
                command
                    .arg(1)
                    .arg(session.index())
                    .arg(from)
                    .arg(to)
                    .arg(4 * STEP);
            }))
            .await?;
        let redis::Value::Array(members) = page else {
            return Err(Fault::Refused(
                "the index was lost while it was read".into(),
            ));
        };
        let members: Vec<Vec<u8>> = members
            .into_iter()
            .filter_map(|member| match member {
                redis::Value::BulkString(member) => Some(member),
                _ => None,
            })
            .collect();
        match members.last() {
            Some(last) if members.len() == 4 * STEP => self.from = [b"(", &last[..]].concat(),
            _ => self.done = true,
        }
        Ok(Some(members))
    }
}
