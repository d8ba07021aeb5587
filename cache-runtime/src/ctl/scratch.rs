//! A cache in a namespace of its own, for measurements. Nothing of it stays.

use std::time::Duration;

use crate::cache::Cache;
use crate::common::random;
use crate::ctl::failure::Failure;
use crate::ctl::place::Place;
use crate::redis::{Budget, Console, Session};

/// How long closing waits for work under way.
const CLOSING: Duration = Duration::from_secs(5);

/// How long what is stored lives, if this process is killed before it can clean up.
pub(super) const LIFE: Duration = Duration::from_secs(120);

/// Keys per command.
const PER_COMMAND: usize = 200;

/// A cache in a namespace inside that of the place, so that the permissions of its user reach it.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) cache: Cache,
    /// Its namespace with the colon.
    pub(super) prefix: String,
}

impl Scratch {
    pub(super) async fn begin(place: &Place, purpose: &str) -> Result<Self, Failure> {
        let namespace = format!(
            "{}cachectl-{purpose}-{:016x}",
            place.prefix,
            random::number()
        );
        let cache = place.cache_in(&namespace).await?;
        Ok(Self {
            cache,
            prefix: format!("{namespace}:"),
        })
    }

    /// The connection of the cache.
    pub(super) async fn session(&self) -> Result<Session, Failure> {
        let tier = self.cache.inner.shards.tiers().next();
        let budget = Budget::new(self.cache.inner.config.budget);
        let session = match tier {
            Some(tier) => tier.session(&budget).await,
            None => None,
        };
        session.ok_or_else(|| Failure::problem("the connection was lost during the measurement"))
    }

    /// Closes the cache, and deletes these keys of its namespace and everything that it keeps for itself.
    pub(super) async fn end(
        self,
        console: &Console,
        keys: impl Iterator<Item = String>,
    ) -> Result<(), Failure> {
        self.cache.close(CLOSING).await;
        let locks = |key: String| [format!("{key}%lock"), key];
        let names: Vec<String> = keys
            .flat_map(locks)
            .chain(["%ledger".to_owned(), "%catalogue".to_owned()])
            .map(|key| format!("{}{key}", self.prefix))
            .collect();
        for names in names.chunks(PER_COMMAND) {
            let mut words = vec!["UNLINK"];
            words.extend(names.iter().map(String::as_str));
            console.ask::<u64>(&words).await.map_err(|fault| {
                Failure::problem(format!(
                    "what was stored for the measurement cannot be deleted: {fault}"
                ))
                .because(format!("its keys begin with `{}`", self.prefix))
                .remedy("they expire by themselves, entries within minutes, the rest within a day")
            })?;
        }
        Ok(())
    }
}
