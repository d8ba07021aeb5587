//! Figures of the Redis server: memory, keys, entries.

use crate::redis::connection::fault::Fault;
use crate::redis::connection::session::Session;

/// What a Redis server says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisUsage {
    /// Bytes that it uses for everything; `None` where it keeps that to itself.
    pub memory: Option<u64>,
    /// Keys of its database, ours and others'.
    pub keys: u64,
    /// Of ours, entries; those that have gone lately may still be among them.
    pub ours: u64,
}

impl Session {
    /// The server's `maxmemory_policy`.
    pub(in crate::redis) async fn eviction_policy(&self) -> String {
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let told = self.in_background(self.link.send::<String>(&info)).await;
        told.ok()
            .and_then(|info| {
                let mut lines = info.lines();
                lines.find_map(|line| {
                    Some(line.strip_prefix("maxmemory_policy:")?.trim().to_owned())
                })
            })
            .unwrap_or_else(|| "unknown".to_owned())
    }

    /// Three commands, sent together.
    pub(crate) async fn redis_usage(&self) -> Result<RedisUsage, Fault> {
        let mut ours = redis::cmd("ZLEXCOUNT");
        ours.arg(self.catalogue_name()).arg("[k").arg("(l");
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
        Ok(RedisUsage {
            memory,
            keys: keys?,
            ours: ours?,
        })
    }
}
