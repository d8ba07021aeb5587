//! Values that this process keeps and Redis does not have: those of functions that are not `async`.
//!
//! Redis tells a process that a key was removed only if it has read that key. Nobody reads such a value from Redis, so
//! somebody who removes its key has to say so. That is asked for by a *mark* in the ledger, member `m`. Each heartbeat of a
//! process that keeps such values sets it. Whoever removes keys by name looks at the ledger in the same script
//! (`remove_keys.lua`), and publishes their names if the mark is there. If there is no ledger, or not the one that the
//! remover knows, the mark may have been lost with it, so the names are published, too.
//!
//! A value is kept only if its load began after the heartbeat was answered that has set the mark in the ledger that this
//! process knows. Every removal before that answer was made before the load began; every later one is published. If the
//! ledger is lost, the message of the next one comes before those of all removals that are looked up in that one, and empties
//! memory.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::key::Pattern;
use crate::redis::connection::link::Link;
use crate::redis::connection::tier::Tier;

/// Whether this process keeps values that Redis does not have.
#[derive(Debug, Default)]
pub(in crate::redis) struct Unstored(AtomicBool);

impl Unstored {
    pub(in crate::redis) fn is_wanted(&self) -> bool {
        self.0.load(SeqCst)
    }
}

impl Tier {
    /// Asks for the names of keys that are removed. From the next answered heartbeat on, everybody publishes them.
    pub(crate) fn want_names(&self) {
        if !self.unstored.is_wanted() && !self.unstored.0.swap(true, SeqCst) {
            self.rouse();
        }
    }

    /// Whether a heartbeat over that connection sets the mark.
    pub(in crate::redis) fn marks(&self, link: &Link) -> bool {
        link.pushes && self.unstored.is_wanted()
    }

    /// Whether the mark is still to be set in the ledger that this process knows.
    pub(in crate::redis) fn is_mark_due(&self, link: &Link) -> bool {
        self.marks(link) && !link.is_marked()
    }
}

/// The message that keys were removed by name.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::redis) struct RemovedNames {
    pub(in crate::redis) sender: u64,
    pub(in crate::redis) keys: Vec<Pattern>,
}

impl RemovedNames {
    /// Writes the message. It names no ledger, because it tells of nothing that is in one.
    pub(in crate::redis) fn write(sender: u64, keys: &[&str]) -> String {
        let mut message = format!("k {sender}");
        for key in keys {
            message.push('\u{1e}');
            message.push_str(key);
        }
        message
    }

    /// `None`: it is another message.
    pub(in crate::redis) fn read(payload: &[u8]) -> Option<Self> {
        let mut parts = str::from_utf8(payload.strip_prefix(b"k ")?)
            .ok()?
            .split('\u{1e}');
        let sender = parts.next()?.parse().ok()?;
        let keys = parts.map(|key| Pattern::Key(key.to_owned())).collect();
        Some(Self { sender, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::ledger::Message;

    #[test]
    fn names_read_as_they_were_written() {
        let keys = ["a", "user:1", "Zürich:%20", ""];
        let message = RemovedNames::write(7, &keys);
        let read = RemovedNames::read(message.as_bytes()).expect("it is such a message");
        assert_eq!(read.sender, 7);
        assert_eq!(
            read.keys,
            keys.map(|key| Pattern::Key(key.to_owned())).to_vec()
        );
    }

    #[test]
    fn such_a_message_is_none_of_the_ledger_and_a_message_of_the_ledger_is_no_such_message() {
        let message = RemovedNames::write(7, &["a"]);
        assert_eq!(Message::read(message.as_bytes()), None);
        assert_eq!(
            RemovedNames::read(b"r 00000000000000aa 5 7\x1epjobs:"),
            None
        );
        assert_eq!(RemovedNames::read(b"k x\x1ea"), None);
    }
}
