//! cache-runtime of this repository: `#[cached]` as the README shows it, default settings (a budget of 50 ms).

use std::sync::Arc;

use cache_runtime::{Cache, CacheConfig, Durability, cached};

use super::{At, Boxed, Handle, Kind, Peer, Removal};
use crate::row::Row;

pub const MEMORY: Kind = Kind {
    name: "ours, memory",
    shared: false,
    connect: |_| connect(CacheConfig::default()),
};

pub const REDIS: Kind = Kind {
    name: "ours",
    shared: true,
    connect: |url| connect(CacheConfig::default().redis_url(url)),
};

fn connect(config: CacheConfig) -> Boxed<'static, Result<Handle, String>> {
    Box::pin(async move {
        let cache = Cache::new(config).map_err(|error| error.to_string())?;
        Ok(Arc::new(Ours(cache)) as Handle)
    })
}

struct Ours(Cache);

#[cached(
    ttl = "1h",
    key = "row:<group>:<id>",
    tags = ["group:<group>"],
    cache = cache,
    skip(cache, row)
)]
async fn read(cache: &Cache, group: u32, id: u32, row: &Row) -> Result<u64, String> {
    row.load().await
}

impl Peer for Ours {
    fn read(&self, at: At, row: Arc<Row>) -> Boxed<'_, Result<u64, String>> {
        Box::pin(async move { read(&self.0, at.group, at.id, &row).await })
    }

    fn remove(&self, what: Removal, at: At) -> Boxed<'_, Option<Result<&'static str, String>>> {
        Box::pin(async move {
            let done = match what {
                Removal::Key => self.0.delete(at.key().as_str()).await,
                Removal::Prefix => self.0.invalidate_prefix(&at.prefix()).await,
                Removal::Tag => self.0.invalidate_tag(&format!("group:{}", at.group)).await,
                Removal::Everything => self.0.clear().await,
            };
            Some(Ok(match done.durability {
                Durability::Durable => "durable",
                _ => "queued",
            }))
        })
    }
}
