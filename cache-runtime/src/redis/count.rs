//! Figures of the Redis server: memory, keys, entries.

use crate::redis::connection::fault::Fault;
use crate::redis::connection::session::Session;

/// Figures that a Redis server reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisUsage {
    /// Bytes of memory that it uses in total; `None` if it does not report them.
    pub memory: Option<u64>,
    /// Keys of its database, ours and others'.
    pub keys: u64,
    /// Entries in this cache's namespace; some that have gone recently may still be counted.
    pub ours: u64,
}

impl Session {
    /// The server's `maxmemory_policy`.
    pub(in crate::redis) async fn eviction_policy(&self) -> String {
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let answer = self.in_background(self.link.send::<String>(&info)).await;
        answer
            .ok()
            .and_then(|info| {
                let mut lines = info.lines();
                lines.find_map(|line| {
                    Some(line.strip_prefix("maxmemory_policy:")?.trim().to_owned())
                })
            })
            .unwrap_or_else(|| "unknown".to_owned())
    }

    /// The server's figures, by three commands that are sent together.
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
        // A server that refuses `INFO` can still be used.
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
