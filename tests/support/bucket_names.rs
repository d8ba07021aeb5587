//! Names of a cache in a cluster, asked for by what a single server would call them.
//!
//! In a cluster each name begins with the hash tag of its bucket, and a ledger is in each bucket. A test that was written
//! for one server asks for `item:1` and `%ledger`. In a cluster of one node, a question about names becomes one about each
//! name that stands there: the numbers are added up.

use std::io;

use crate::resp::Resp;
use crate::resp_client::RespClient;

/// Commands that are about keys that stand, and whether all their arguments are keys or only the first.
const ABOUT_KEYS: [(&str, bool); 12] = [
    ("DEL", true),
    ("DUMP", false),
    ("EXISTS", true),
    ("GET", false),
    ("PEXPIRE", false),
    ("PTTL", false),
    ("RENAME", true),
    ("STRLEN", false),
    ("TTL", false),
    ("TYPE", false),
    ("ZCARD", false),
    ("ZSCORE", false),
];

/// What stands behind the hash tag of a name, `item:1` for `{b39}item:1`.
pub(crate) fn without_bucket(name: &str) -> &str {
    let rest = name
        .strip_prefix("{b")
        .and_then(|name| name.split_once('}'));
    rest.map_or(name, |(_, name)| name)
}

/// The answer to a question that names keys without their buckets. `None` if it is none.
pub(crate) fn ask(control: &mut RespClient, words: &[&[u8]]) -> io::Result<Option<Resp>> {
    let command = String::from_utf8_lossy(words[0]).to_uppercase();
    let found = ABOUT_KEYS.iter().find(|(name, _)| *name == command);
    let Some((_, all)) = found.filter(|_| words.len() > 1) else {
        return Ok(None);
    };
    let keys = if *all { &words[1..] } else { &words[1..2] };
    let rest = &words[1 + keys.len()..];
    if command == "RENAME" {
        let stored = stored(control, keys[0])?;
        return rename(control, &stored, keys).map(Some);
    }
    let mut answer = None;
    for key in keys {
        for name in stored(control, key)? {
            let question = [&[words[0], name.as_bytes()][..], rest].concat();
            let next = control.call(&question)?;
            answer = Some(match (answer, next) {
                (Some(Resp::Int(sum)), Resp::Int(next)) => Resp::Int(sum + next),
                // The first of several is as good as any.
                (Some(first), _) => first,
                (None, next) => next,
            });
        }
    }
    // If nothing stands there, the question as it is will have that answer.
    Ok(answer)
}

/// The names that stand for a key: one, or of a ledger and a catalogue one a bucket.
fn stored(control: &mut RespClient, key: &[u8]) -> io::Result<Vec<String>> {
    let mut pattern = b"{b*}".to_vec();
    for byte in key {
        if br"*?[]^-\".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    let mut names = control.call(&[b"KEYS", &pattern[..]])?.strings();
    names.retain(|name| without_bucket(name).as_bytes() == key);
    Ok(names)
}

/// Within the bucket of the first name: a cluster knows no other way.
fn rename(control: &mut RespClient, stored: &[String], keys: &[&[u8]]) -> io::Result<Resp> {
    let [from] = stored else {
        return Ok(Resp::Error("ERR no such key".into()));
    };
    let bucket = &from[..from.len() - without_bucket(from).len()];
    let to = [bucket.as_bytes(), keys[1]].concat();
    control.call(&[b"RENAME", from.as_bytes(), &to])
}
