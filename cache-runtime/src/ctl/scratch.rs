//! A cache in a namespace of its own, for measurements. Nothing of it stays.

use std::time::Duration;

use crate::cache::Cache;
use crate::common::random;
use crate::ctl::cluster::Kind;
use crate::ctl::failure::Failure;
use crate::ctl::place::Place;
use crate::ctl::plain::Plain;
use crate::redis::{Bucket, Budget, Fault, Session};

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
    pub(super) async fn begin(place: &Place, kind: &Kind, purpose: &str) -> Result<Self, Failure> {
        let namespace = format!(
            "{}cachectl-{purpose}-{:016x}",
            place.prefix,
            random::number()
        );
        let cache = place.cache_in(kind, &namespace).await?;
        Ok(Self {
            cache,
            prefix: format!("{namespace}:"),
        })
    }

    /// The connection of the cache; in a cluster, that of a bucket of keys.
    pub(super) async fn session(&self, bucket: Option<Bucket>) -> Result<Session, Failure> {
        let at = bucket.map_or(0, Bucket::index);
        let tier = self.cache.inner.shards.tiers().nth(at);
        let budget = Budget::new(self.cache.inner.config.budget);
        let session = match tier {
            Some(tier) => tier.session(&budget).await,
            None => None,
        };
        session.ok_or_else(|| Failure::problem("the connection was lost during the measurement"))
    }

    /// Waits for what is under way.
    pub(super) async fn close(&self) {
        self.cache.close(CLOSING).await;
    }

    /// Closes the cache, and deletes these keys of its namespace, by their names in Redis, and everything that it keeps for
    /// itself.
    pub(super) async fn end(
        self,
        plain: &Plain,
        keys: impl Iterator<Item = String>,
    ) -> Result<(), Failure> {
        self.close().await;
        let locks = |key: String| [format!("{key}%lock"), key];
        let unlink = |name: String| vec![b"UNLINK".to_vec(), name.into_bytes()];
        let all: Vec<String> = keys.collect();
        for keys in all.chunks(PER_COMMAND) {
            let done = plain.for_each(&self.prefix, keys.iter().cloned(), |name| {
                let mut words = vec![b"UNLINK".to_vec()];
                words.extend(locks(name).map(String::into_bytes));
                words
            });
            done.await.map_err(|fault| self.left(&fault))?;
        }
        for own in ["%ledger", "%catalogue"] {
            for (console, name) in plain.of_all(&self.prefix, own) {
                let done = console.ask::<u64>(&unlink(name)).await;
                done.map_err(|fault| self.left(&fault))?;
            }
        }
        Ok(())
    }

    fn left(&self, fault: &Fault) -> Failure {
        Failure::problem(format!(
            "what was stored for the measurement cannot be deleted: {fault}"
        ))
        .because(format!("its keys begin with `{}`", self.prefix))
        .remedy("they expire by themselves, entries within minutes, the rest within a day")
    }
}
