//! The parts of a cache that work independently of each other: one, or in a Redis Cluster one for each bucket of keys.

use std::ptr;
use std::slice;
use std::sync::{Arc, OnceLock};

use crate::cache::config::CacheConfig;
use crate::common::background::Background;
use crate::error::Error;
use crate::key::Pattern;
use crate::local::memory::Memory;
use crate::local::{CLOSED_FENCE, Local};
use crate::redis::{BUCKETS, Bucket, Budget, LacksSaid, Lease, Session, Target, Tier};
use crate::telemetry::stats::Counters;

/// A part of the cache: the memory and the flights of its keys, and their place in Redis. Nothing that happens to one
/// part, such as the loss of its connection, affects another.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) local: Arc<Local<Box<Lease>>>,
    /// `None`: no Redis is configured, memory is the only tier.
    pub(crate) tier: Option<Arc<Tier>>,
}

/// All parts of a cache.
#[derive(Debug)]
pub(crate) struct Shards {
    /// The only part, unless Redis is a cluster.
    whole: Shard,
    /// The parts in a cluster, by bucket.
    buckets: OnceLock<Vec<Shard>>,
    lacks_said: Arc<LacksSaid>,
}

impl Shard {
    /// A session with Redis; `None` in an outage, or if no Redis is configured. Only in a process that has just started
    /// does this wait for a connection, within the budget.
    pub(crate) async fn session(&self, budget: &Budget) -> Option<Session> {
        match &self.tier {
            Some(tier) => tier.session(budget).await,
            None => None,
        }
    }

    /// A session without waiting for a connection.
    pub(crate) fn session_now(&self) -> Option<Session> {
        self.tier.as_ref()?.session_now()
    }

    /// The fence, and the session. The fence is read before the session, so that a switch between Redis and outage in
    /// between is noticed in either direction.
    ///
    /// Without a session a load fills memory, unless there is a connection that only was not heard lately: the fence is one
    /// that nothing passes then. When the connection is heard again, memory is trusted without having been emptied, and
    /// Redis pushes nothing about a key that it has not been asked for.
    pub(crate) async fn fence_and_session(&self, budget: &Budget) -> (u64, Option<Session>) {
        self.session(budget).await;
        let fence = self.local.fence();
        match self.session_now() {
            None if self.has_connection() => (CLOSED_FENCE, None),
            session => (fence, session),
        }
    }

    /// True if this part has a connection to Redis, heard lately or not: only reads over it fill memory.
    pub(crate) fn has_connection(&self) -> bool {
        let tier = self.tier.as_ref();
        tier.is_some_and(|tier| tier.has_connection())
    }
}

impl Shards {
    /// # Errors
    ///
    /// A setting of Redis or of its journal is invalid.
    pub(crate) fn new(
        config: &CacheConfig,
        target: Option<Target>,
        counters: &Arc<Counters>,
        background: &Arc<Background>,
    ) -> Result<Self, Error> {
        let lacks_said = Arc::default();
        let builder = ShardBuilder {
            config,
            counters,
            background,
            lacks_said: &lacks_said,
        };
        let (server, cluster) = match target {
            Some(target) if target.is_cluster() => (None, Some(target)),
            target => (target, None),
        };
        Ok(Self {
            whole: builder.shard(server, None)?,
            buckets: match cluster {
                Some(cluster) => OnceLock::from(builder.buckets(&cluster)?),
                None => OnceLock::new(),
            },
            lacks_said,
        })
    }

    /// Divides the cache into buckets, after its server has turned out to be a node of a cluster. Redis has not been used
    /// until now; what is in memory is forgotten.
    ///
    /// # Errors
    ///
    /// The journals of the new parts cannot be kept.
    pub(crate) fn become_cluster(
        &self,
        config: &CacheConfig,
        counters: &Arc<Counters>,
        background: &Arc<Background>,
    ) -> Result<(), Error> {
        let Some(tier) = &self.whole.tier else {
            return Ok(());
        };
        let Some(cluster) = tier.target.as_cluster() else {
            return Ok(());
        };
        let builder = ShardBuilder {
            config,
            counters,
            background,
            lacks_said: &self.lacks_said,
        };
        let buckets = builder.buckets(&cluster)?;
        for tier in buckets.iter().filter_map(|bucket| bucket.tier.as_ref()) {
            tier.open(false);
        }
        if self.buckets.set(buckets).is_err() {
            return Ok(());
        }
        // From here on nobody adds a removal to the old journal without looking at the new ones afterwards. The new parts
        // do not read from Redis before they have what was in it.
        self.pass_on(&self.whole, &tier.waiting_removals());
        tier.hand_over();
        tier.open(false);
        for tier in self.tiers() {
            tier.open(true);
        }
        self.whole.local.everything_changed();
        Ok(())
    }

    /// Journals removals in a part of the cache, whose tier this is. If the cache was divided meanwhile, the new parts have
    /// them, too.
    pub(crate) fn journal(&self, shard: &Shard, tier: &Arc<Tier>, patterns: &[Pattern]) {
        tier.journal(patterns);
        self.pass_on(shard, patterns);
    }

    fn pass_on(&self, shard: &Shard, patterns: &[Pattern]) {
        if !ptr::eq(shard, &self.whole) || self.buckets.get().is_none() || patterns.is_empty() {
            return;
        }
        for (shard, patterns) in self.divide(patterns) {
            if let Some(tier) = &shard.tier {
                tier.journal(&patterns);
            }
            shard.local.remove(&patterns, None);
        }
    }

    /// The part that a key belongs to.
    #[inline] // it is on the path of a memory hit
    pub(crate) fn of(&self, key: &str) -> &Shard {
        match self.buckets.get() {
            None => &self.whole,
            Some(buckets) => &buckets[Bucket::of(key).index()],
        }
    }

    pub(crate) fn all(&self) -> &[Shard] {
        match self.buckets.get() {
            None => slice::from_ref(&self.whole),
            Some(buckets) => buckets,
        }
    }

    /// Divides patterns among the parts: a named key concerns its own part, every other pattern concerns all of them.
    pub(crate) fn divide(&self, patterns: &[Pattern]) -> Vec<(&Shard, Vec<Pattern>)> {
        let Some(buckets) = self.buckets.get() else {
            return vec![(&self.whole, patterns.to_vec())];
        };
        let mut parts: Vec<(&Shard, Vec<Pattern>)> =
            buckets.iter().map(|shard| (shard, Vec::new())).collect();
        for pattern in patterns {
            match pattern {
                Pattern::Key(key) => parts[Bucket::of(key).index()].1.push(pattern.clone()),
                _ => {
                    for (_, part) in &mut parts {
                        part.push(pattern.clone());
                    }
                }
            }
        }
        parts.retain(|(_, part)| !part.is_empty());
        parts
    }

    pub(crate) fn tiers(&self) -> impl Iterator<Item = &Arc<Tier>> {
        self.all().iter().filter_map(|shard| shard.tier.as_ref())
    }

    /// Whether a Redis is configured.
    pub(crate) fn have_redis(&self) -> bool {
        self.whole.tier.is_some() || self.buckets.get().is_some()
    }
}

/// Builds parts of a cache from its settings.
struct ShardBuilder<'a> {
    config: &'a CacheConfig,
    counters: &'a Arc<Counters>,
    background: &'a Arc<Background>,
    lacks_said: &'a Arc<LacksSaid>,
}

impl ShardBuilder<'_> {
    fn buckets(&self, cluster: &Target) -> Result<Vec<Shard>, Error> {
        Bucket::all()
            .map(|bucket| self.shard(Some(cluster.of_bucket(bucket)), Some(bucket)))
            .collect()
    }

    /// A part with its share of the memory.
    fn shard(&self, target: Option<Target>, bucket: Option<Bucket>) -> Result<Shard, Error> {
        let config = self.config;
        let share = bucket.map_or(1, |_| BUCKETS);
        let memory = Memory::new(
            config.max_entries.div_ceil(share),
            config.max_bytes.div_ceil(share as u64),
        );
        let flights = config.max_flights.div_ceil(share);
        let local = Arc::new(Local::new(memory, flights, config.budget));
        let mut settings = config.redis_settings();
        settings.lacks_said = self.lacks_said.clone();
        if let Some(bucket) = bucket {
            settings.prefix = bucket.prefix(&settings.prefix);
        }
        let tier = target.map(|target| {
            let (local, counters) = (local.clone(), self.counters.clone());
            Tier::new(target, settings, local, counters, self.background.clone())
        });
        Ok(Shard {
            local,
            tier: tier.transpose()?,
        })
    }
}
