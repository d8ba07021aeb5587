//! Manual reads and writes on a [`Cache`].

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::cache::load::Load;
use crate::cache::shards::Shard;
use crate::cache::transaction;
use crate::cache::{Cache, Hit, ReadOutcome, Request};
use crate::common::random;
use crate::entry::{self, CodecKind, Draft, Head, TypeOps, type_ops};
use crate::error::Error;
use crate::key::{CacheKey, Pattern};
use crate::local::flight::{Flight, Joined, Outcome};
use crate::local::memory::{MemoryEntry, StoredValue, after};
use crate::redis::{Fault, Lease, Sealed, Session};
use crate::telemetry::events::record;
use crate::telemetry::outcome::{CallOutcome, HitTier, Reason, Status};
use crate::telemetry::stats::{BY_HAND, Counters, add, bump};
use crate::ttl::Ttl;

impl Cache {
    /// The value at a key, from memory or Redis. `None` if there is no value, if it is of another type, or if Redis
    /// cannot be asked.
    ///
    /// It also reads values that `#[cached]` has stored, if the type is the same.
    pub async fn get<T>(&self, key: impl Into<CacheKey>) -> Option<T>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let key = key.into();
        let request = Request::plain(&key, type_ops::<T>());
        let hit = match self.why_not_read() {
            None => self.get_hit(&request).await,
            Some(_) => None,
        };
        self.count_read(hit.as_ref().map(|hit| hit.tier));
        restore(hit?.kept)
    }

    /// Stores a value at a key and replaces the entry that is there. Unlike a load of `#[cached]`, this does not check
    /// whether the key was removed while the value was computed. If Redis is unavailable or does not answer in time,
    /// the value is stored in memory only, and the entry in Redis is removed once Redis is back; this is done for at
    /// most half as many keys as the journal holds. With a TTL of zero nothing is stored, and the entry is removed. The same
    /// holds inside of [`deferred`](crate::deferred()), where the removal waits for the commit, and inside of a function that
    /// invalidates the key: the value may be rolled back.
    ///
    /// # Errors
    ///
    /// The value cannot be encoded, or is larger than `CACHE_MAX_VALUE_BYTES`. An unreachable Redis is no error.
    pub async fn set<T>(
        &self,
        key: impl Into<CacheKey>,
        value: &T,
        ttl: impl Into<Ttl>,
    ) -> Result<(), Error>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let key = key.into();
        let Some(ttl) = self.lifetime(ttl.into()) else {
            let _ = self.remove(vec![Pattern::key(&key)], None).await;
            return Ok(());
        };
        let put = self.encode(key, value)?;
        self.put_all(vec![put], ttl).await;
        Ok(())
    }

    /// The value at a key; if there is none, runs the loader and stores its value. Concurrent calls share one load,
    /// with the same guarantees as `#[cached]`.
    ///
    /// # Errors
    ///
    /// The error of the loader; nothing is stored then.
    pub async fn get_or_load<T, E, F, Fut>(
        &self,
        key: impl Into<CacheKey>,
        ttl: impl Into<Ttl>,
        load: F,
    ) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let (key, ttl) = (key.into(), self.lifetime(ttl.into()));
        if let Some(why) = self.why_not_read() {
            record(|| by_hand(Status::Bypass, why));
            self.count_by_hand(|counters| &counters.bypasses);
            return Box::pin(load()).await;
        }
        let request = Request::plain(&key, type_ops::<T>());
        let loading = match Box::pin(self.read(&request, &self.budget())).await {
            ReadOutcome::Hit(mut hit) => match restore(hit.kept.take()) {
                Some(value) => {
                    record(|| CallOutcome {
                        tier: Some(hit.tier),
                        age: hit.aged.age,
                        ttl: hit.aged.ttl,
                        ..by_hand(Status::Hit, Reason::Fresh)
                    });
                    self.count_read(Some(hit.tier));
                    return Ok(value);
                }
                None => None,
            },
            ReadOutcome::Coalesced(outcome, was_loaded) => {
                match outcome.into_value().and_then(restore) {
                    Some(value) => {
                        let why = if was_loaded {
                            Reason::Fresh
                        } else {
                            Reason::Shared
                        };
                        record(|| by_hand(Status::Coalesced, why));
                        self.count_by_hand(|counters| &counters.coalesced);
                        return Ok(value);
                    }
                    // Another call's error cannot be returned: its type is unknown here.
                    None => None,
                }
            }
            ReadOutcome::Load(loading) => Some(loading),
            ReadOutcome::RunLimited(flight, _) => {
                return self.load_in_turn(&key, &flight, load).await;
            }
            ReadOutcome::RunUncached(_) => None,
        };
        let why = loading
            .as_ref()
            .map_or(Reason::Shared, |loading| loading.reason());
        record(|| CallOutcome {
            ttl: ttl.unwrap_or_default(),
            ..by_hand(Status::Miss, why)
        });
        self.count_by_hand(|counters| &counters.misses);
        match loading {
            Some(loading) => self.load_by_hand(loading, ttl, load).await,
            None => Box::pin(load()).await,
        }
    }

    /// Runs the loader, and stores its value for `ttl`; without one, only the calls that wait get it.
    async fn load_by_hand<T, E, F, Fut>(
        &self,
        loading: Box<Load>,
        ttl: Option<Duration>,
        load: F,
    ) -> Result<T, E>
    where
        T: Clone + Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        match loading.run(Box::pin(load())).await {
            Ok(value) if loading.was_changed_meanwhile(&[]) => {
                loading.end(Outcome::Unshared, false);
                Ok(value)
            }
            Ok(value) => {
                let kept: Arc<dyn Any + Send + Sync> = Arc::new(value.clone());
                match ttl {
                    Some(ttl) => loading.store(Some(kept), ttl, Vec::new()),
                    None => loading.end(Outcome::Unstored(kept), false),
                }
                Ok(value)
            }
            Err(error) => {
                self.count_by_hand(|counters| &counters.load_failures);
                loading.end(Outcome::Failed, true);
                Err(error)
            }
        }
    }

    /// Loads after a load whose result could not be shared. Only a few run at a time, and all waiters get the first
    /// value.
    async fn load_in_turn<T, E, F, Fut>(
        &self,
        key: &CacheKey,
        flight: &Flight<Box<Lease>>,
        load: F,
    ) -> Result<T, E>
    where
        T: Clone + Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let turn = flight.turn().await;
        if let Err(outcome) = &turn
            && let Some(value) = outcome.clone().into_value().and_then(restore)
        {
            record(|| by_hand(Status::Coalesced, Reason::Shared));
            self.count_by_hand(|counters| &counters.coalesced);
            return Ok(value);
        }
        record(|| by_hand(Status::Miss, Reason::Shared));
        self.count_by_hand(|counters| &counters.misses);
        let loaded = Box::pin(load()).await;
        if let Ok(value) = &loaded
            && !transaction::may_be_due_by_any_tag(self, key.as_str())
        {
            flight.share(Outcome::Unstored(Arc::new(value.clone())));
        }
        loaded
    }

    /// Whether a fresh entry of any type is stored at the key and was not removed. If Redis is unavailable: whether
    /// memory holds one that [`Cache::get`] would return. The value is not decoded, so it may be of another type than
    /// the reader expects.
    pub async fn exists(&self, key: impl Into<CacheKey>) -> bool {
        let key = key.into();
        if self.why_not_read().is_some() || transaction::may_be_due_by_any_tag(self, key.as_str()) {
            return false;
        }
        let budget = self.budget();
        let Some(session) = self.shard(key.as_str()).session(&budget).await else {
            return self.is_in_memory(&key);
        };
        if session.is_shut(key.as_str(), std::iter::empty()) {
            return false;
        }
        let key = key.as_str();
        let label = budget
            .spend_on(&session, pin!(session.get_label(key)))
            .await
            .ok()
            .flatten();
        let now = u64::try_from(session.link.server_millis()).unwrap_or(0);
        let label = label
            .as_deref()
            .and_then(|bytes| entry::label(bytes, session.namespace()));
        label.is_some_and(|label| {
            label.deadline_ms > now
                && label.stamp.key == entry::key_hash(key)
                && label
                    .tags
                    .is_some_and(|tags| session.is_valid(&label.stamp, key, tags))
                && session.is_current()
        })
    }

    /// The values at several keys, in the same order. Keys that are not in memory are read from Redis in batches of a
    /// thousand, one round trip each. Each batch has the budget of one call; after a batch that was not answered in
    /// time, no further ones are sent.
    pub async fn get_many<T>(&self, keys: &[CacheKey]) -> Vec<Option<T>>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let ops = type_ops::<T>();
        if self.why_not_read().is_some() {
            keys.iter().for_each(|_| self.count_read(None));
            return keys.iter().map(|_| None).collect();
        }
        let mut found: HashMap<&str, Hit> = HashMap::new();
        for key in keys
            .iter()
            .filter(|key| !transaction::may_be_due_by_any_tag(self, key.as_str()))
        {
            if let Some(hit) = self.look_in_memory(&Request::plain(key, ops)) {
                found.insert(key.as_str(), hit);
            }
        }
        let missing: Vec<&CacheKey> = keys
            .iter()
            .filter(|key| {
                !found.contains_key(key.as_str())
                    && !transaction::may_be_due_by_any_tag(self, key.as_str())
            })
            .collect();
        let parts = self.by_shard(missing, |key| key.as_str());
        let reading = parts.into_iter().map(async |(shard, keys)| {
            let mut found = Vec::new();
            for some in keys.chunks(ASKED) {
                let Some(read) = self.read_many(shard, some, ops).await else {
                    break;
                };
                found.extend(read);
            }
            found
        });
        for read in join_all(reading).await {
            found.extend(read);
        }
        keys.iter()
            .map(|key| {
                let hit = found.get(key.as_str());
                self.count_read(hit.map(|hit| hit.tier));
                restore(hit?.kept.clone())
            })
            .collect()
    }

    /// Reads several keys from Redis. `None`: Redis cannot be asked, or did not answer in time.
    async fn read_many<'k>(
        &self,
        shard: &Shard,
        keys: &[&'k CacheKey],
        ops: &'static TypeOps,
    ) -> Option<Vec<(&'k str, Hit)>> {
        let budget = self.budget();
        let session = shard.session(&budget).await?;
        let open: Vec<&CacheKey> = keys
            .iter()
            .copied()
            .filter(|key| !session.is_shut(key.as_str(), std::iter::empty()))
            .collect();
        let names: Vec<&str> = open.iter().map(|key| key.as_str()).collect();
        if names.is_empty() {
            return Some(Vec::new());
        }
        let reading = pin!(session.get_many(&names));
        let values = budget.spend_on(&session, reading).await.ok()?;
        let hits = open.into_iter().zip(values).filter_map(|(key, bytes)| {
            let usable = self.read_bytes(&bytes?, &Request::plain(key, ops), &session)?;
            Some((key.as_str(), usable.hit()))
        });
        Some(hits.collect())
    }

    /// [`Cache::set`] for several pairs, in few round trips. Each batch of 250 has the budget of one call. If Redis
    /// does not acknowledge a batch in time, this batch and all later ones are handled as if Redis were unavailable.
    ///
    /// # Errors
    ///
    /// The error of the first value that cannot be stored; the values before it are stored.
    pub async fn set_many<T>(
        &self,
        pairs: &[(CacheKey, T)],
        ttl: impl Into<Ttl>,
    ) -> Result<(), Error>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let Some(ttl) = self.lifetime(ttl.into()) else {
            let keys = pairs.iter().map(|(key, _)| Pattern::key(key)).collect();
            let _ = self.remove(keys, None).await;
            return Ok(());
        };
        // In batches, so that not all values have to be encoded in memory at once.
        for pairs in pairs.chunks(BATCH) {
            let mut puts = Vec::with_capacity(pairs.len());
            let mut error = None;
            for (key, value) in pairs {
                match self.encode(key.clone(), value) {
                    Ok(put) => puts.push(put),
                    Err(why) => {
                        error = Some(why);
                        break;
                    }
                }
            }
            self.put_all(puts, ttl).await;
            if let Some(error) = error {
                return Err(error);
            }
        }
        Ok(())
    }

    fn count_by_hand(&self, which: fn(&Counters) -> &AtomicU64) {
        bump(which(&self.inner.counters));
        bump(which(&BY_HAND));
    }

    /// The TTL of a value; `None`: it must not be stored.
    pub(crate) fn lifetime(&self, ttl: Ttl) -> Option<Duration> {
        ttl.resolve(self.inner.config.default_ttl)
    }

    fn encode<T>(&self, key: CacheKey, value: &T) -> Result<Put, Error>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let ops = type_ops::<T>();
        let value: Arc<dyn Any + Send + Sync> = Arc::new(value.clone());
        let (codec, payload) = ops
            .encode_as(&*value, CodecKind::DEFAULT)
            .map_err(|why| Error::codec(why.to_string()))?;
        if payload.len() > self.inner.config.max_value_bytes {
            bump(&self.inner.counters.stores_refused);
            return Err(Error::codec(format!(
                "the encoded value has {} bytes, but CACHE_MAX_VALUE_BYTES allows only {}",
                payload.len(),
                self.inner.config.max_value_bytes
            )));
        }
        Ok(Put {
            key,
            value,
            ops,
            codec,
            payload,
        })
    }

    /// Stores values at their keys: in Redis, or in memory while Redis is unavailable.
    async fn put_all(&self, puts: Vec<Put>, ttl: Duration) {
        if !self.is_enabled() {
            // Other processes may use the cache, and the values that are stored are outdated.
            let keys = puts.iter().map(|put| Pattern::key(&put.key)).collect();
            let _ = self.remove(keys, None).await;
            return;
        }
        let (due, puts): (Vec<Put>, Vec<Put>) = puts.into_iter().partition(|put| {
            transaction::is_active() || transaction::is_due(self, put.key.as_str(), &[])
        });
        if !due.is_empty() {
            // The data that these values were computed from may be rolled back.
            let keys = due.iter().map(|put| Pattern::key(&put.key)).collect();
            let _ = self.remove(keys, None).await;
        }
        let parts = self.by_shard(puts, |put| put.key.as_str());
        join_all(
            parts
                .into_iter()
                .map(|(shard, puts)| self.put_in(shard, puts, ttl)),
        )
        .await;
    }

    async fn put_in(&self, shard: &Shard, puts: Vec<Put>, ttl: Duration) {
        let removals: Vec<Pattern> = puts.iter().map(|put| Pattern::key(&put.key)).collect();
        if let Some(tier) = &shard.tier {
            let budget = self.budget();
            if let Some(session) = tier.session(&budget).await {
                let overwriting = pin!(overwrite(&session, &puts, ttl));
                if budget.spend_on(&session, overwriting).await.is_ok() {
                    // Stored, or refused because the key holds something that is not an entry of this cache.
                    shard.local.remove(&removals, None);
                    return;
                }
            }
            // The entries in Redis are now outdated, so their removal is journalled. But a full journal becomes one
            // removal of everything, so manual writes use only half of it and leave the rest for removals.
            if tier.journal_len() + removals.len() <= self.inner.config.journal_bound / 2 {
                bump(&self.inner.counters.queued);
                self.inner.shards.journal(shard, tier, &removals);
            } else {
                add(&self.inner.counters.stores_lost, removals.len() as u64);
            }
        }
        shard.local.remove(&removals, None);
        let fence = shard.local.fence();
        if shard.has_connection() {
            // Then only reads fill memory.
            return;
        }
        for put in puts {
            keep_by_hand(shard, put, ttl, fence);
        }
    }

    /// Divides items among the parts of the cache that their keys belong to.
    fn by_shard<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> &str,
    ) -> Vec<(&Shard, Vec<T>)> {
        let mut parts: Vec<(&Shard, Vec<T>)> = Vec::new();
        for item in items {
            let shard = self.shard(key(&item));
            match parts.iter_mut().find(|(of, _)| std::ptr::eq(*of, shard)) {
                Some((_, part)) => part.push(item),
                None => parts.push((shard, vec![item])),
            }
        }
        parts
    }

    /// Looks in memory, then in Redis. A value from Redis goes into memory unless a load of the key is under way: the
    /// flight guards against removals in between.
    pub(crate) async fn get_hit(&self, request: &Request<'_>) -> Option<Hit> {
        if transaction::may_be_due_by_any_tag(self, request.key.as_str()) {
            return None;
        }
        if let Some(hit) = self.look_in_memory(request) {
            return Some(hit);
        }
        let shard = self.shard(request.key.as_str());
        let budget = self.budget();
        let (fence, session) = shard.fence_and_session(&budget).await;
        let session = session?;
        let lead = match shard.local.flights.join(request.key, &[], &[]) {
            Joined::Lead(lead) => Some(lead),
            Joined::Wait(_) | Joined::Other | Joined::Full => None,
        };
        let found = self.read_redis(request, &session, &budget).await?;
        if let Some(lead) = lead {
            self.fill_memory(&lead.flight().clone(), fence, request, &found, &session);
            lead.found(Outcome::Value(found.kept.clone()));
        }
        Some(found.hit())
    }

    /// Counts a read by the tier that answered it.
    fn count_read(&self, tier: Option<HitTier>) {
        match tier {
            Some(HitTier::Memory) => {
                self.inner.counters.memory_hits.bump();
                BY_HAND.memory_hits.bump();
            }
            Some(HitTier::Redis) => self.count_by_hand(|counters| &counters.redis_hits),
            None => self.count_by_hand(|counters| &counters.misses),
        }
    }
}

/// The number of keys that one round trip reads.
const ASKED: usize = 1_000;

/// The number of pairs that one round trip stores.
const BATCH: usize = 250;

/// An encoded value that is to be stored at a key.
struct Put {
    key: CacheKey,
    value: Arc<dyn Any + Send + Sync>,
    ops: &'static TypeOps,
    codec: CodecKind,
    payload: Vec<u8>,
}

/// Keeps a value in memory, which is the cache while Redis is not in use.
fn keep_by_hand(shard: &Shard, put: Put, ttl: Duration, fence: u64) {
    let Joined::Lead(lead) = shard.local.flights.join(&put.key, &[], &[]) else {
        return;
    };
    let now = Instant::now();
    let kept: StoredValue = Some(put.value);
    let copy = MemoryEntry {
        value: kept.clone(),
        ops: put.ops,
        template: put.key.template(),
        tags: Box::default(),
        bytes: put.payload.len(),
        version: 0,
        ttl,
        took: Duration::ZERO,
        expires: after(now, ttl),
        filled: now,
        aged: Duration::ZERO,
    };
    shard
        .local
        .fill(lead.flight(), fence, put.key.as_str(), copy, || true);
    lead.found(Outcome::Value(kept));
}

async fn overwrite(session: &Session, puts: &[Put], life: Duration) -> Result<(), Fault> {
    let drafts: Vec<(Head, Vec<u8>)> = puts.iter().map(|put| put.seal(session, life)).collect();
    let entries: Vec<(&str, Sealed<'_>)> = puts
        .iter()
        .zip(&drafts)
        .map(|(put, (head, rest))| {
            let sealed = Sealed {
                head: *head,
                rest,
                life,
                tags: &[],
            };
            (put.key.as_str(), sealed)
        })
        .collect();
    session.overwrite_each(&entries).await
}

impl Put {
    fn seal(&self, session: &Session, life: Duration) -> (Head, Vec<u8>) {
        let draft = Draft {
            id: random::bytes(),
            stamp: session.stamp(self.key.as_str()),
            ttl_ms: u64::try_from(life.as_millis()).unwrap_or(u64::MAX),
            load_ms: 0,
            template: self.key.template(),
            fingerprint: (self.ops.fingerprint)(),
            codec: self.codec,
            none: false,
            packed: None,
            tags: &[],
            payload: &self.payload,
        };
        draft.seal()
    }
}

fn by_hand(status: Status, reason: Reason) -> CallOutcome {
    CallOutcome {
        function: None,
        status,
        tier: None,
        age: Duration::ZERO,
        ttl: Duration::ZERO,
        stale: Duration::ZERO,
        stale_on_error: Duration::ZERO,
        stored: false,
        reason,
        failed: false,
        public: false,
        vary: &[],
    }
}

fn restore<T: Clone + Send + Sync + 'static>(kept: StoredValue) -> Option<T> {
    kept?.downcast::<T>().ok().map(Arc::unwrap_or_clone)
}
