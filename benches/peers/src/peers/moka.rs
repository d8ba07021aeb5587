//! moka, feature `future`: `try_get_with`, which lets one caller load; `invalidate`, `invalidate_entries_if` (with
//! `support_invalidation_closures`) and `invalidate_all`, each followed by `run_pending_tasks`, which it does not ask for.
//! Memory only; no tags.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::{At, Boxed, Handle, Kind, Peer, Removal};
use crate::row::Row;

pub const MOKA: Kind = Kind {
    name: "moka",
    shared: false,
    connect: |_| {
        Box::pin(async {
            let cache = Cache::builder()
                .max_capacity(10_000)
                .time_to_live(Duration::from_secs(3600))
                .support_invalidation_closures()
                .build();
            Ok(Arc::new(Moka(cache)) as Handle)
        })
    },
};

struct Moka(Cache<String, u64>);

impl Peer for Moka {
    fn read(&self, at: At, row: Arc<Row>) -> Boxed<'_, Result<u64, String>> {
        Box::pin(async move {
            let load = async move { row.load().await };
            let read = self.0.try_get_with(at.key(), load).await;
            read.map_err(|error: Arc<String>| (*error).clone())
        })
    }

    fn remove(&self, what: Removal, at: At) -> Boxed<'_, Option<Result<&'static str, String>>> {
        Box::pin(async move {
            match what {
                Removal::Key => self.0.invalidate(&at.key()).await,
                Removal::Prefix => {
                    let prefix = at.prefix();
                    let begins = move |key: &String, _: &u64| key.starts_with(&prefix);
                    if let Err(error) = self.0.invalidate_entries_if(begins) {
                        return Some(Err(error.to_string()));
                    }
                }
                Removal::Tag => return None,
                Removal::Everything => self.0.invalidate_all(),
            }
            self.0.run_pending_tasks().await;
            Some(Ok("ok"))
        })
    }
}
