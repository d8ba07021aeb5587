//! Plain connections for what is compared with the cache: one to a single server, or one to each master of a cluster. Keys
//! are divided as the cache divides them.

use futures_util::future::join_all;

use crate::ctl::cluster::Kind;
use crate::ctl::explain;
use crate::ctl::failure::Failure;
use crate::ctl::place::Place;
use crate::ctl::unavailable::Unavailable;
use crate::redis::{Bucket, Console, Fault};

/// Connections to all servers.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    pub(super) consoles: Vec<Console>,
    /// In a cluster: for each bucket of keys, which of the connections.
    buckets: Vec<usize>,
}

impl Plain {
    /// An error: not all of them can be reached.
    pub(super) async fn open(place: &Place, kind: &Kind) -> Result<Self, Failure> {
        let cluster = match kind {
            // A connection of its own, as the cache has one.
            Kind::Server(_) => {
                return Ok(Self {
                    consoles: vec![place.console().await?],
                    buckets: Vec::new(),
                });
            }
            Kind::Cluster(cluster) => cluster,
        };
        let masters = &cluster.map.masters;
        let opening = masters.iter().map(async |master| {
            let opened = Console::open(&master.target, place.limit()).await;
            opened.map_err(|fault| explain::no_connection(&master.target, &fault))
        });
        let mut consoles = Vec::new();
        for opened in join_all(opening).await {
            consoles.push(opened?);
        }
        let of = |bucket| {
            masters
                .iter()
                .position(|master| master.buckets.contains(&bucket))
        };
        let buckets: Option<Vec<usize>> = Bucket::all().map(of).collect();
        let Some(buckets) = buckets else {
            let unserved = Bucket::all().filter(|bucket| of(*bucket).is_none()).count();
            let mut failure = Failure::usage(format!("{}: some keys have no master", place.target));
            failure.unavailable = vec![Unavailable::unserved(unserved)];
            return Err(failure);
        };
        Ok(Self { consoles, buckets })
    }

    /// The connection for a key, and its name in Redis. `prefix`: the namespace with its colon.
    pub(super) fn of(&self, prefix: &str, key: &str) -> (&Console, String) {
        match self.at(Bucket::of(key)) {
            None => (&self.consoles[0], format!("{prefix}{key}")),
            Some(at) => {
                let prefix = Bucket::of(key).prefix(prefix);
                (&self.consoles[at], format!("{prefix}{key}"))
            }
        }
    }

    fn at(&self, bucket: Bucket) -> Option<usize> {
        self.buckets.get(bucket.index()).copied()
    }

    /// The names in Redis of a key that every part of the namespace has, each with its connection.
    pub(super) fn of_all(&self, prefix: &str, key: &str) -> Vec<(&Console, String)> {
        if self.buckets.is_empty() {
            return vec![(&self.consoles[0], format!("{prefix}{key}"))];
        }
        (Bucket::all().zip(&self.buckets))
            .map(|(bucket, at)| {
                (
                    &self.consoles[*at],
                    format!("{}{key}", bucket.prefix(prefix)),
                )
            })
            .collect()
    }

    /// Sends a command for each of these keys, all together; the function makes the words from the key's name in Redis.
    pub(super) async fn for_each(
        &self,
        prefix: &str,
        keys: impl Iterator<Item = String>,
        words: impl Fn(String) -> Vec<Vec<u8>>,
    ) -> Result<(), Fault> {
        let mut commands: Vec<Vec<Vec<Vec<u8>>>> = vec![Vec::new(); self.consoles.len()];
        for key in keys {
            let at = self.at(Bucket::of(&key)).unwrap_or(0);
            let (_, name) = self.of(prefix, &key);
            commands[at].push(words(name));
        }
        let asking = self.consoles.iter().zip(&commands);
        let asked = join_all(asking.map(|(console, commands)| console.ask_all::<()>(commands)));
        for answers in asked.await {
            for answer in answers? {
                answer?;
            }
        }
        Ok(())
    }
}
