//! What a removal finds: one ordered set of our keys and tags beside them, never the keyspace.
//!
//! Members: `k<key>`; `t<tag>\0<key>`; `u<beginning of a tag>\0<key>` for a lease whose tag only the result will tell;
//! `m`, which says that the set is complete; `r<nonce>`, a rebuild under way.

use super::link::Fault;
use super::scripts::Script;
use super::session::Session;
use crate::key::Pattern;

/// Members a step looks at: one or two milliseconds of the server's time.
pub(super) const STEP: usize = 150;

/// A lease that a removal leaves alone: its own call's.
pub(crate) type Spared<'a> = Option<(&'a str, &'a [u8; 32])>;

pub(crate) fn members(key: &str, tags: &[String], open_tags: &[String]) -> Vec<Vec<u8>> {
    let mut members = vec![[b"k", key.as_bytes()].concat()];
    members.extend(
        tags.iter()
            .map(|tag| [b"t", tag.as_bytes(), b"\0", key.as_bytes()].concat()),
    );
    members.extend(
        open_tags
            .iter()
            .map(|tag| [b"u", tag.as_bytes(), b"\0", key.as_bytes()].concat()),
    );
    members
}

impl Session {
    /// Removes what the pattern names, in steps. Returns how many entries went.
    ///
    /// Keys that are planted behind the step while the removal walks are later than the removal: it always ends.
    ///
    /// Of a tag, leases whose tags are unknown go first. A store between the two steps moves its key from there to the
    /// tag, where the second step finds it; the other way round it would slip through.
    pub(crate) async fn remove(&self, pattern: &Pattern, spared: Spared<'_>) -> Result<u64, Fault> {
        match pattern {
            Pattern::Key(key) => self.remove_keys(&[key.as_bytes().to_vec()], spared).await,
            Pattern::Subtree(key) => {
                let below = [b"k", key.as_bytes(), b":"].concat();
                Ok(self.remove_keys(&[key.as_bytes().to_vec()], spared).await?
                    + self
                        .remove_range(&included(&below), &past(&below), ("", ""), &[], spared)
                        .await?)
            }
            Pattern::Prefix(prefix) => {
                let from = [b"k", prefix.as_bytes()].concat();
                self.remove_range(&included(&from), &past(&from), ("", ""), &[], spared)
                    .await
            }
            Pattern::Tag(tag) => {
                let from = [b"t", tag.as_bytes(), b"\0"].concat();
                Ok(self
                    .remove_range(b"[u", b"(v", ("t", tag), &[], spared)
                    .await?
                    + self
                        .remove_range(&included(&from), &past(&from), ("", ""), &[], spared)
                        .await?)
            }
            Pattern::TagPrefix(tag) => {
                let from = [b"t", tag.as_bytes()].concat();
                Ok(self
                    .remove_range(b"[u", b"(v", ("p", tag), &[], spared)
                    .await?
                    + self
                        .remove_range(&included(&from), &past(&from), ("", ""), &[], spared)
                        .await?)
            }
            Pattern::AllTags(all) => {
                let Some((first, others)) = all.split_first() else {
                    return Ok(0);
                };
                let from = [b"t", first.as_bytes(), b"\0"].concat();
                Ok(self
                    .remove_range(b"[u", b"(v", ("t", first), others, spared)
                    .await?
                    + self
                        .remove_range(&included(&from), &past(&from), ("", ""), others, spared)
                        .await?)
            }
            pattern => self.remove_filtered(pattern, spared).await,
        }
    }

    async fn remove_keys(&self, keys: &[Vec<u8>], spared: Spared<'_>) -> Result<u64, Fault> {
        let (key, head) = spared.map_or(("", &[][..]), |(key, head)| (key, &head[..]));
        self.in_background(self.link.run(Script::RemoveKeys, |command| {
            command
                .arg(1)
                .arg(self.index())
                .arg(self.prefix())
                .arg(key)
                .arg(head)
                .arg(keys);
        }))
        .await
    }

    async fn remove_range(
        &self,
        from: &[u8],
        to: &[u8],
        open: (&str, &str),
        others: &[String],
        spared: Spared<'_>,
    ) -> Result<u64, Fault> {
        let (key, head) = spared.map_or(("", &[][..]), |(key, head)| (key, &head[..]));
        let mut from = from.to_vec();
        let mut removed = 0;
        loop {
            let step: Vec<redis::Value> = self
                .in_background(self.link.run(Script::RemoveRange, |command| {
                    command
                        .arg(1)
                        .arg(self.index())
                        .arg(self.prefix())
                        .arg(&from)
                        .arg(to)
                        .arg(STEP);
                    command
                        .arg(key)
                        .arg(head)
                        .arg(open.0)
                        .arg(open.1)
                        .arg(others);
                }))
                .await?;
            let mut step = step.into_iter();
            match (step.next(), step.next()) {
                (Some(redis::Value::Int(-1)), _) => self.rebuild().await?,
                (Some(redis::Value::Int(count)), Some(redis::Value::BulkString(last))) => {
                    removed += u64::try_from(count).unwrap_or(0);
                    from = [b"(", &last[..]].concat();
                }
                (Some(redis::Value::Int(count)), None) => {
                    return Ok(removed + u64::try_from(count).unwrap_or(0));
                }
                _ => {
                    return Err(Fault::Refused(
                        "the removal script gave an unknown answer".into(),
                    ));
                }
            }
        }
    }

    /// Globs: the index in pages, the matching done here, where it cannot block the server.
    async fn remove_filtered(&self, pattern: &Pattern, spared: Spared<'_>) -> Result<u64, Fault> {
        let prefix = [b"k", pattern.scan_prefix().unwrap_or("").as_bytes()].concat();
        let (mut from, to) = (included(&prefix), past(&prefix));
        let mut removed = 0;
        loop {
            let page: redis::Value = self
                .in_background(self.link.run(Script::Page, |command| {
                    command
                        .arg(1)
                        .arg(self.index())
                        .arg(&from)
                        .arg(&to)
                        .arg(4 * STEP);
                }))
                .await?;
            let redis::Value::Array(members) = page else {
                self.rebuild().await?;
                continue;
            };
            let members: Vec<Vec<u8>> = members
                .into_iter()
                .filter_map(|member| match member {
                    redis::Value::BulkString(member) => Some(member),
                    _ => None,
                })
                .collect();
            let matching: Vec<Vec<u8>> = members
                .iter()
                .filter(|member| {
                    std::str::from_utf8(&member[1..])
                        .is_ok_and(|key| pattern.matches(key, &[] as &[&str]))
                })
                .map(|member| member[1..].to_vec())
                .collect();
            for keys in matching.chunks(STEP) {
                removed += self.remove_keys(keys, spared).await?;
            }
            match members.last() {
                Some(last) if members.len() == 4 * STEP => from = [b"(", &last[..]].concat(),
                _ => return Ok(removed),
            }
        }
    }

    pub(super) async fn complete_index(&self) -> Result<(), Fault> {
        self.complete().await
    }

    async fn complete(&self) -> Result<(), Fault> {
        let mut ask = redis::cmd("ZSCORE");
        ask.arg(self.index()).arg("m");
        match self
            .in_background(self.link.send::<Option<f64>>(&ask))
            .await?
        {
            Some(_) => Ok(()),
            None => self.rebuild().await,
        }
    }

    /// Makes sure that the index is complete: after an eviction, a `FLUSHALL`, or on a server's first day, the keyspace
    /// is scanned once, in small steps.
    async fn rebuild(&self) -> Result<(), Fault> {
        // One at a time in this process; whoever waited finds it done.
        let _one = self.tier.rebuild.lock().await;
        let mut ask = redis::cmd("ZSCORE");
        ask.arg(self.index()).arg("m");
        if self
            .in_background(self.link.send::<Option<f64>>(&ask))
            .await?
            .is_some()
        {
            return Ok(());
        }
        for _ in 0..3 {
            let nonce = [b"r", &crate::token::random()[..]].concat();
            let mut begin = redis::cmd("ZADD");
            begin.arg(self.index()).arg(0).arg(&nonce);
            self.in_background(self.link.send::<i64>(&begin)).await?;
            let mut cursor = 0_u64;
            loop {
                let mut scan = redis::cmd("SCAN");
                scan.arg(cursor).arg("COUNT").arg(1_000);
                if !self.prefix().is_empty() {
                    scan.arg("MATCH").arg(format!("{}*", self.prefix()));
                }
                let (next, keys): (u64, Vec<Vec<u8>>) =
                    self.in_background(self.link.send(&scan)).await?;
                let prefix = self.prefix().as_bytes();
                let ours: Vec<&[u8]> = keys
                    .iter()
                    .filter_map(|key| key.strip_prefix(prefix))
                    .collect();
                for keys in ours.chunks(STEP) {
                    self.in_background(self.link.run::<i64>(Script::Reindex, |command| {
                        command
                            .arg(1)
                            .arg(self.index())
                            .arg(self.prefix())
                            .arg(self.origin().namespace)
                            .arg(keys);
                    }))
                    .await?;
                }
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
            let done: i64 = self
                .in_background(self.link.run(Script::Indexed, |command| {
                    command.arg(1).arg(self.index()).arg(&nonce);
                }))
                .await?;
            if done == 1 {
                return Ok(());
            }
        }
        Err(Fault::Refused(
            "the index was lost again and again while it was rebuilt".into(),
        ))
    }
}

pub(super) fn included(text: &[u8]) -> Vec<u8> {
    [b"[", text].concat()
}

/// Just past everything that begins with the text. No member holds the byte 0xFF: all are UTF-8, or end before it.
pub(super) fn past(text: &[u8]) -> Vec<u8> {
    [b"(", text, b"\xff"].concat()
}
