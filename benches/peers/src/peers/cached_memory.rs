//! cached, in memory: `#[cached]` with `sync_writes`, its single flight, in both forms: `"by_key"`, which its README
//! shows, and `true`, which holds the lock of the whole cache while a body runs. Removal by the cache's own
//! `cache_remove`, `retain` and `cache_clear`. No tags.

use std::sync::Arc;

use cached::Cached;
use cached::macros::cached;

use super::{At, Boxed, Handle, Kind, Peer, Removal};
use crate::row::Row;

pub const BY_KEY: Kind = Kind {
    name: "cached, memory, `by_key`",
    shared: false,
    connect: |_| Box::pin(async { Ok(Arc::new(ByKey) as Handle) }),
};

pub const WHOLE: Kind = Kind {
    name: "cached, memory, whole lock",
    shared: false,
    connect: |_| Box::pin(async { Ok(Arc::new(Whole) as Handle) }),
};

struct ByKey;
struct Whole;

#[cached(max_size = 10_000, ttl_secs = 3600, sync_writes = "by_key", name = "BY_KEY_STORE", key = "String", convert = { key.clone() })]
async fn by_key(key: String, row: Arc<Row>) -> Result<u64, String> {
    let _ = key;
    row.load().await
}

#[cached(max_size = 10_000, ttl_secs = 3600, sync_writes = true, name = "WHOLE_STORE", key = "String", convert = { key.clone() })]
async fn whole(key: String, row: Arc<Row>) -> Result<u64, String> {
    let _ = key;
    row.load().await
}

macro_rules! peer {
    ($peer:ident, $function:ident, $store:ident) => {
        impl Peer for $peer {
            fn read(&self, at: At, row: Arc<Row>) -> Boxed<'_, Result<u64, String>> {
                Box::pin($function(at.key(), row))
            }

            fn remove(
                &self,
                what: Removal,
                at: At,
            ) -> Boxed<'_, Option<Result<&'static str, String>>> {
                Box::pin(async move {
                    let mut store = $store.write().await;
                    match what {
                        Removal::Key => drop(store.cache_remove(&at.key())),
                        Removal::Prefix => {
                            let prefix = at.prefix();
                            store.retain(|key, _| !key.starts_with(&prefix));
                        }
                        Removal::Tag => return None,
                        Removal::Everything => store.cache_clear(),
                    }
                    Some(Ok("ok"))
                })
            }
        }
    };
}

peer!(ByKey, by_key, BY_KEY_STORE);
peer!(Whole, whole, WHOLE_STORE);
