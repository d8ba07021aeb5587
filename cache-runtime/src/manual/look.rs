//! One entry, as an operator sees it: where it is, how old, and what is in it.

use std::pin::pin;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::cache::{Cache, version_of};
use crate::entry::{self, CodecKind, Compression, Entry, Stored};
use crate::local::memory::MemoryEntry;
use crate::redis::{Fault, Session};

/// How many bytes of a value are told, unless all are asked for.
const TOLD: usize = 16 * 1024;

/// What stands at a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// A value within its TTL.
    Fresh,
    /// A value past its TTL, which options may still allow.
    Expired,
    /// A value that a removal covers: readers do not use it, and it is about to be deleted.
    Removed,
    /// A load is under way.
    Loading,
    /// A load has just failed.
    Failed,
    /// Something that this cache has not written.
    Foreign,
    /// Written by this cache, but damaged or in another format: a miss.
    Unreadable,
    /// Nothing.
    Absent,
}

/// An entry without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Look {
    pub(crate) key: String,
    pub(crate) state: Standing,
    /// This process has a copy in its memory.
    pub(crate) in_memory: bool,
    /// Redis has something at the key; `null` if it was not asked.
    pub(crate) in_redis: Option<bool>,
    pub(crate) age_ms: Option<u64>,
    pub(crate) ttl_ms: Option<u64>,
    /// 0 if the TTL has passed.
    pub(crate) ttl_left_ms: Option<u64>,
    /// Bytes of the encoded value; in Redis as they are stored, with header and tags.
    pub(crate) size_bytes: Option<u64>,
    /// How long its load took.
    pub(crate) load_ms: Option<u64>,
    /// `json`, `bincode` or `postcard`, if it is in Redis.
    pub(crate) codec: Option<&'static str>,
    /// `zstd` or `lz4`, if it is compressed.
    pub(crate) compression: Option<&'static str>,
    pub(crate) tags: Vec<String>,
}

/// A value as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shown {
    /// `json`; `hex` of bytes whose type this process does not know; `none` for a cached absence.
    pub(crate) form: &'static str,
    pub(crate) text: String,
    /// The text is only the beginning of the value.
    pub(crate) cut: bool,
}

impl Cache {
    /// Looks at the entry of a key, in Redis if it is available, else in memory. `value`: whether to tell the value, too;
    /// `full`: all of it. Calls are not affected, and nothing is counted.
    pub(crate) async fn look(&self, key: &str, value: bool, full: bool) -> (Look, Option<Shown>) {
        let shard = self.shard(key);
        let copy = shard.local.memory.get(key, Instant::now());
        let budget = self.budget();
        let found = match shard.session(&budget).await {
            None => None,
            Some(session) => {
                let longest = self.inner.config.max_value_bytes as u64 + LONGEST_HEADER;
                let looking = get_unless_longer(&session, key, longest);
                let got = budget.spend_on(&session, pin!(looking)).await;
                Some((session, got))
            }
        };
        let limit = if full { usize::MAX } else { TOLD };
        let limit = value.then_some(limit);
        match found {
            Some((session, Ok(Got::Value(bytes)))) => {
                self.look_at(key, &bytes, &session, copy.as_deref(), limit)
            }
            Some((_, Ok(Got::TooLong(length)))) => {
                let look = Look::new(key, Standing::Foreign, Some(true));
                let size_bytes = Some(length);
                (Look { size_bytes, ..look }, None)
            }
            Some((_, Ok(Got::Nothing))) => {
                let look = Look::new(key, Standing::Absent, Some(false));
                let in_memory = copy.is_some();
                (Look { in_memory, ..look }, None)
            }
            Some((_, Err(Fault::Refused(why)))) if why.starts_with("WRONGTYPE") => {
                (Look::new(key, Standing::Foreign, Some(true)), None)
            }
            Some((_, Err(_))) | None => match copy {
                Some(copy) => copied(key, &copy, limit),
                None => (Look::new(key, Standing::Absent, None), None),
            },
        }
    }

    /// What the bytes in Redis mean.
    fn look_at(
        &self,
        key: &str,
        bytes: &[u8],
        session: &Session,
        copy: Option<&MemoryEntry>,
        limit: Option<usize>,
    ) -> (Look, Option<Shown>) {
        let state = match entry::parse(bytes, session.namespace()) {
            Stored::Foreign => Standing::Foreign,
            Stored::Lease { .. } => Standing::Loading,
            Stored::Failed => Standing::Failed,
            Stored::Outdated { .. } => Standing::Unreadable,
            Stored::Entry(entry) => {
                let mut look = stored(key, bytes.len(), &entry, session);
                let same = |copy: &&MemoryEntry| copy.version == version_of(&entry.identity);
                let copy = copy.filter(same);
                look.in_memory = copy.is_some();
                let longest = self.inner.config.max_value_bytes;
                let shown = limit.map(|limit| show(&entry, copy, longest, limit));
                return (look, shown);
            }
        };
        (Look::new(key, state, Some(true)), None)
    }
}

/// What is at a key in Redis.
enum Got {
    Nothing,
    Value(Vec<u8>),
    /// So many bytes, which are not read.
    TooLong(u64),
}

/// How many bytes an entry may have beside its value.
const LONGEST_HEADER: u64 = 64 << 10;

/// All calls share the connection: a value that this cache would not have stored must not keep it busy.
async fn get_unless_longer(session: &Session, key: &str, longest: u64) -> Result<Got, Fault> {
    let length = session.length_at(key).await?;
    if length > longest {
        return Ok(Got::TooLong(length));
    }
    Ok(session.get(key).await?.map_or(Got::Nothing, Got::Value))
}

impl Look {
    fn new(key: &str, state: Standing, in_redis: Option<bool>) -> Self {
        Self {
            key: key.to_owned(),
            state,
            in_memory: false,
            in_redis,
            age_ms: None,
            ttl_ms: None,
            ttl_left_ms: None,
            size_bytes: None,
            load_ms: None,
            codec: None,
            compression: None,
            tags: Vec::new(),
        }
    }
}

fn stored(key: &str, bytes: usize, entry: &Entry<'_>, session: &Session) -> Look {
    let now = u64::try_from(session.link.server_millis()).unwrap_or(0);
    let age = now.saturating_sub(entry.written_ms);
    let state = if !session.is_valid(&entry.stamp, key, entry.tags()) {
        Standing::Removed
    } else if age >= entry.ttl_ms {
        Standing::Expired
    } else {
        Standing::Fresh
    };
    Look {
        age_ms: Some(age),
        ttl_ms: Some(entry.ttl_ms),
        ttl_left_ms: Some(entry.ttl_ms.saturating_sub(age)),
        size_bytes: Some(bytes as u64),
        load_ms: Some(entry.load_ms.into()),
        codec: Some(entry.codec.as_str()),
        compression: entry.packed.map(|how| match how {
            Compression::Zstd => "zstd",
            Compression::Lz4 => "lz4",
        }),
        tags: entry.tags().map(str::to_owned).collect(),
        ..Look::new(key, state, Some(true))
    }
}

/// What memory alone knows.
fn copied(key: &str, copy: &MemoryEntry, limit: Option<usize>) -> (Look, Option<Shown>) {
    let aged = copy.at(Instant::now());
    let state = if aged.is_stale() {
        Standing::Expired
    } else {
        Standing::Fresh
    };
    let look = Look {
        in_memory: true,
        age_ms: Some(millis(aged.age)),
        ttl_ms: Some(millis(aged.ttl)),
        ttl_left_ms: Some(millis(aged.ttl.saturating_sub(aged.age))),
        size_bytes: Some(copy.bytes as u64),
        load_ms: Some(millis(aged.took)),
        tags: copy.tags.to_vec(),
        ..Look::new(key, state, None)
    };
    let shown = limit.and_then(|limit| match &copy.value {
        None => Some(none()),
        Some(_) => in_memory(copy, limit),
    });
    (look, shown)
}

/// The value of an entry in Redis. The bytes of a compact codec do not say what they are, but the copy in memory does.
fn show(entry: &Entry<'_>, copy: Option<&MemoryEntry>, longest: usize, limit: usize) -> Shown {
    if entry.none {
        return none();
    }
    let payload = entry.unpacked(longest);
    let bytes = payload.as_deref().unwrap_or(entry.payload);
    if entry.codec == CodecKind::Json
        && payload.is_some()
        && let Some(shown) = as_json(bytes, limit)
    {
        return shown;
    }
    if let Some(shown) = copy.and_then(|copy| in_memory(copy, limit)) {
        return shown;
    }
    let told = &bytes[..bytes.len().min(limit / 2)];
    Shown {
        form: "hex",
        text: told.iter().map(|byte| format!("{byte:02x}")).collect(),
        cut: told.len() < bytes.len(),
    }
}

fn none() -> Shown {
    Shown {
        form: "none",
        text: String::new(),
        cut: false,
    }
}

fn in_memory(copy: &MemoryEntry, limit: usize) -> Option<Shown> {
    let value = copy.value.as_ref()?;
    let json = (copy.ops.encode)(&**value, CodecKind::Json).ok()?;
    as_json(&json, limit)
}

fn as_json(bytes: &[u8], limit: usize) -> Option<Shown> {
    let value = legible(serde_json::from_slice(bytes).ok()?);
    let mut text = serde_json::to_string_pretty(&value).ok()?;
    let cut = text.len() > limit;
    if cut {
        let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }
    Some(Shown {
        form: "json",
        text,
        cut,
    })
}

/// A whole response is stored with bytes for its body and its header values: as text they can be read.
fn legible(value: Value) -> Value {
    let Value::Object(mut members) = value else {
        return value;
    };
    let is_response = members.len() == 4
        && ["status", "headers", "body", "tag"]
            .iter()
            .all(|name| members.contains_key(*name));
    if is_response {
        members.remove("tag");
        if let Some(body) = members.get_mut("body") {
            make_text(body);
        }
        if let Some(Value::Array(headers)) = members.get_mut("headers") {
            for header in headers {
                if let Some(value) = header.get_mut(1) {
                    make_text(value);
                }
            }
        }
    }
    Value::Object(members)
}

fn make_text(bytes: &mut Value) {
    let byte = |number: &Value| u8::try_from(number.as_u64()?).ok();
    let Some(numbers) = bytes.as_array() else {
        return;
    };
    let known: Option<Vec<u8>> = numbers.iter().map(byte).collect();
    if let Some(Ok(text)) = known.map(String::from_utf8) {
        *bytes = serde_json::from_str(&text).unwrap_or(Value::String(text));
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stored_response_can_be_read_and_other_values_stay_as_they_are() {
        let stored = json!({
            "status": 200,
            "headers": [["content-type", [116, 101, 120, 116]]],
            "body": [123, 34, 97, 34, 58, 49, 125],
            "tag": [1, 2],
        });
        let expected =
            json!({ "status": 200, "headers": [["content-type", "text"]], "body": { "a": 1 } });
        assert_eq!(legible(stored), expected);
        let numbers = json!({ "body": [1, 2, 3], "of": "something else" });
        assert_eq!(legible(numbers.clone()), numbers);
        let binary = json!({ "status": 200, "headers": [], "body": [255, 254], "tag": [] });
        let without_tag = json!({ "status": 200, "headers": [], "body": [255, 254] });
        assert_eq!(legible(binary), without_tag);
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let text = serde_json::to_vec(&"é".repeat(100)).unwrap();
        let shown = as_json(&text, 50).unwrap();
        assert!(shown.cut && shown.text.len() <= 50 && shown.text.ends_with('é'));
        assert!(!as_json(&text, usize::MAX).unwrap().cut);
    }
}
