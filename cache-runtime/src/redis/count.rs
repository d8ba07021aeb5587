//! Figures of the Redis server: memory, keys, entries.

use crate::redis::connection::fault::Fault;
use crate::redis::connection::session::Session;

/// Figures that a Redis server reports; in a cluster, the sums over its masters.
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

impl RedisUsage {
    /// The figures of all servers together. `parts`: each part of the cache with the address of its server; several
    /// parts may be on one server, whose own figures count once.
    pub(crate) fn sum(parts: Vec<(String, Self)>) -> Option<Self> {
        let mut seen: Vec<String> = Vec::new();
        parts
            .into_iter()
            .fold(None, |sum: Option<Self>, (server, part)| {
                let Some(sum) = sum else {
                    seen.push(server);
                    return Some(part);
                };
                let ours = sum.ours + part.ours;
                if seen.contains(&server) {
                    return Some(Self { ours, ..sum });
                }
                seen.push(server);
                Some(Self {
                    memory: sum.memory.zip(part.memory).map(|(sum, part)| sum + part),
                    keys: sum.keys + part.keys,
                    ours,
                })
            })
    }
}

impl Session {
    /// The address of the server.
    pub(crate) fn server(&self) -> String {
        self.link.info.addr().to_string()
    }

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
