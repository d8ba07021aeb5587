//! The cache that this tool itself uses: for removals, and in a namespace of its own for measurements.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::cache::Cache;
use crate::ctl::cluster::Kind;
use crate::ctl::failure::Failure;
use crate::ctl::place::Place;
use crate::redis::{BUCKETS, Budget};

impl Place {
    /// The cache itself, for commands that change it.
    pub(super) async fn cache(&self, kind: &Kind) -> Result<Cache, Failure> {
        self.cache_in(kind, self.namespace()).await
    }

    /// A cache in another namespace of the same server, which waits as long as a person does. In a cluster at least one
    /// master can be used.
    pub(super) async fn cache_in(&self, kind: &Kind, namespace: &str) -> Result<Cache, Failure> {
        let mut config = self.config.clone().namespace(namespace);
        config.budget = self.limit();
        config.command_timeout = self.limit();
        // Removals that another process has left there are that process's to repeat.
        config.journal = None;
        let cache = Cache::new(config).map_err(|error| Failure::usage(error.to_string()))?;
        let shards = &cache.inner.shards;
        if matches!(kind, Kind::Cluster(_)) {
            // A cache that knows one node only divides itself when that node has answered.
            let until = Instant::now() + self.limit();
            while shards.tiers().count() != BUCKETS && Instant::now() < until {
                sleep(Duration::from_millis(2)).await;
            }
        }
        let tiers: Vec<_> = shards.tiers().cloned().collect();
        let sessions = tiers.iter().map(async |tier| {
            let budget = Budget::new(self.limit());
            tier.session(&budget).await.is_some()
        });
        if join_all(sessions).await.into_iter().any(|usable| usable) {
            return Ok(cache);
        }
        let mut why: Vec<String> = tiers.iter().flat_map(|tier| tier.notes()).collect();
        why.dedup();
        let failure = Failure::usage(format!("{}: the cache cannot use this server", self.target))
            .remedy("run `cachectl doctor`, which tries one thing after the other");
        Err(match why.is_empty() {
            true => failure.because("it does not answer in time"),
            false => failure.because(why.join("; ")),
        })
    }
}
