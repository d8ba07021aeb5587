//! Data that a server sends without being asked: pushes about changed keys, and messages.

use redis::Value;

/// A push from Redis, or the end of the connection.
pub(crate) enum Push<'a> {
    /// These keys changed.
    Keys(Vec<&'a [u8]>),
    /// Everything changed (`FLUSHALL`).
    Everything,
    /// A message of the ledger's channel.
    Ledger(&'a [u8]),
    /// The connection ended.
    Disconnected,
}

/// Data that the server sends without being asked.
pub(in crate::redis) enum Incoming<'a> {
    /// These keys changed.
    Keys(Vec<&'a [u8]>),
    /// Everything changed (`FLUSHALL`).
    Everything,
    Message {
        channel: &'a [u8],
        payload: &'a [u8],
    },
    /// The connection ended.
    Disconnected,
}

impl<'a> Incoming<'a> {
    /// `None`: it concerns nobody.
    pub(in crate::redis) fn read(push: &'a redis::PushInfo) -> Option<Self> {
        use redis::PushKind::{Disconnection, Invalidate, Message};
        let text = |at: usize| match push.data.get(at) {
            Some(Value::BulkString(text)) => Some(&**text),
            _ => None,
        };
        Some(match push.kind {
            Invalidate => Self::invalidated(&push.data),
            Message => Self::Message {
                channel: text(0)?,
                payload: text(1)?,
            },
            Disconnection => Self::Disconnected,
            _ => return None,
        })
    }

    fn invalidated(data: &'a [Value]) -> Self {
        let keys = match data.first() {
            Some(Value::Array(keys)) => keys.iter().map(|key| match key {
                Value::BulkString(key) => Some(&**key),
                Value::SimpleString(key) => Some(key.as_bytes()),
                _ => None,
            }),
            _ => return Self::Everything,
        };
        keys.collect::<Option<Vec<_>>>()
            .map_or(Self::Everything, Self::Keys)
    }

    /// For a connection that only one link uses.
    pub(in crate::redis) fn into_push(self) -> Push<'a> {
        match self {
            Self::Keys(keys) => Push::Keys(keys),
            Self::Everything => Push::Everything,
            Self::Message { payload, .. } => Push::Ledger(payload),
            Self::Disconnected => Push::Disconnected,
        }
    }
}
