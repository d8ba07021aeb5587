//! The operations of [`Cache`] that a program calls by name.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::cache::transaction;
use crate::cache::{Cache, Hit, ReadOutcome, Request};
use crate::common::random;
use crate::entry::{self, CodecKind, Draft, Head, TypeOps, type_ops};
use crate::error::Error;
use crate::key::{CacheKey, Pattern};
use crate::local::flight::{Flight, Joined, Outcome};
use crate::local::memory::{Copy, Kept, after};
use crate::redis::{Fault, Lease, Sealed, Session};
use crate::telemetry::outcome::{CallOutcome, HitTier, Reason, Status, note};
use crate::telemetry::stats::{BY_HAND, Counters, add, bump};
use crate::ttl::Ttl;

impl Cache {
    /// The value at a key, from memory or Redis. `None`: absent, of another type, or Redis cannot be asked.
    ///
    /// It reads what `#[cached]` has stored, too, if the type is the same.
    pub async fn get<T>(&self, key: impl Into<CacheKey>) -> Option<T>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let key = key.into();
        let request = Request::plain(&key, type_ops::<T>());
        let hit = self.get_hit(&request).await;
        self.count_read(hit.as_ref().map(|hit| hit.tier));
        restore(hit?.kept)
    }

    /// Puts a value at a key, whatever of ours stands there. The caller's word: unlike a load of `#[cached]`, nothing
    /// checks that no removal came while the value was computed. In an outage, or if Redis does not answer in time, it goes to
    /// memory only, and what Redis holds of the key is removed once Redis is back; but for no more keys than half of what the
    /// journal holds.
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
        let Some(ttl) = self.lifetime(ttl.into()) else {
            return Ok(());
        };
        let put = self.encode(key.into(), value)?;
        self.put_all(vec![put], ttl).await;
        Ok(())
    }

    /// The value at a key, or the loader's, which is then stored: [`Cache::get`] and `#[cached]` in one, with one load
    /// for all who ask at the same time, and the same promises.
    ///
    /// # Errors
    ///
    /// The loader's own error; nothing is stored then.
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
        let request = Request::plain(&key, type_ops::<T>());
        let loading = match Box::pin(self.read(&request, &self.budget())).await {
            ReadOutcome::Hit(mut hit) => match restore(hit.kept.take()) {
                Some(value) => {
                    note(|| CallOutcome {
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
                        note(|| by_hand(Status::Coalesced, why));
                        self.count_by_hand(|counters| &counters.coalesced);
                        return Ok(value);
                    }
                    // Another's failure is not ours to tell: its error is of a type we do not know.
                    None => None,
                }
            }
            ReadOutcome::Load(loading) => Some(loading),
            ReadOutcome::RunLimited(flight, _) => return self.load_in_turn(&flight, load).await,
            ReadOutcome::RunUncached(_) => None,
        };
        let why = loading
            .as_ref()
            .map_or(Reason::Shared, |loading| loading.reason());
        note(|| CallOutcome {
            ttl: ttl.unwrap_or_default(),
            ..by_hand(Status::Miss, why)
        });
        self.count_by_hand(|counters| &counters.misses);
        let Some(loading) = loading else {
            return Box::pin(load()).await;
        };
        match loading.run(Box::pin(load())).await {
            Ok(value) => {
                let kept: Arc<dyn std::any::Any + Send + Sync> = Arc::new(value.clone());
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

    /// Loads after a load whose result could not be shared: a few at a time, and the first value is that of all who wait.
    async fn load_in_turn<T, E, F, Fut>(&self, flight: &Flight<Box<Lease>>, load: F) -> Result<T, E>
    where
        T: Clone + Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let turn = flight.turn().await;
        if let Err(outcome) = &turn
            && let Some(value) = outcome.clone().into_value().and_then(restore)
        {
            note(|| by_hand(Status::Coalesced, Reason::Shared));
            self.count_by_hand(|counters| &counters.coalesced);
            return Ok(value);
        }
        note(|| by_hand(Status::Miss, Reason::Shared));
        self.count_by_hand(|counters| &counters.misses);
        let loaded = Box::pin(load()).await;
        if let Ok(value) = &loaded {
            flight.rescue(Outcome::Unstored(Arc::new(value.clone())));
        }
        loaded
    }

    /// True when an entry of any type stands at the key, is fresh, and was not removed; in an outage, when memory holds one
    /// that [`Cache::get`] would still return. Its value is neither read nor checked:
    /// it may be of another type than a reader wants.
    pub async fn exists(&self, key: impl Into<CacheKey>) -> bool {
        let key = key.into();
        if self.is_due_by_hand(&key) {
            return false;
        }
        let budget = self.budget();
        let session = match &self.inner.tier {
            Some(tier) => tier.session(&budget).await,
            None => None,
        };
        let Some(session) = session else {
            return self.is_remembered(&key);
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
                    .is_some_and(|tags| session.stands(&label.stamp, key, tags))
                && session.is_current()
        })
    }

    /// The values at several keys, in their order, in one round trip for each thousand that memory does not hold. Each of
    /// these has the budget of one call; after one that was not answered in time the others are not asked for.
    pub async fn get_many<T>(&self, keys: &[CacheKey]) -> Vec<Option<T>>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let ops = type_ops::<T>();
        let mut found: HashMap<&str, Hit> = HashMap::new();
        for key in keys.iter().filter(|key| !self.is_due_by_hand(key)) {
            if let Some(hit) = self.recall(&Request::plain(key, ops)) {
                found.insert(key.as_str(), hit);
            }
        }
        let missing: Vec<&CacheKey> = keys
            .iter()
            .filter(|key| !found.contains_key(key.as_str()) && !self.is_due_by_hand(key))
            .collect();
        for some in missing.chunks(ASKED) {
            let Some(read) = self.read_many(some, ops).await else {
                break;
            };
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

    /// Reads some keys from Redis. `None`: Redis cannot be asked, or did not answer in time.
    async fn read_many<'k>(
        &self,
        keys: &[&'k CacheKey],
        ops: &'static TypeOps,
    ) -> Option<Vec<(&'k str, Hit)>> {
        let tier = self.inner.tier.as_ref()?;
        let budget = self.budget();
        let session = tier.session(&budget).await?;
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

    /// [`Cache::set`] for several pairs, in few round trips. Each batch of 250 has the budget of one call; what Redis does not
    /// acknowledge in time counts as if Redis were away, and so does all that follows.
    ///
    /// # Errors
    ///
    /// The first value that cannot be stored; those before it are.
    pub async fn set_many<T>(
        &self,
        pairs: &[(CacheKey, T)],
        ttl: impl Into<Ttl>,
    ) -> Result<(), Error>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let Some(ttl) = self.lifetime(ttl.into()) else {
            return Ok(());
        };
        // A batch at a time, so that the bytes of all need not be held at once.
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

    /// How long a value lives; `None`: it shall not be stored.
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
            .encode_as(&*value, CodecKind::Bincode)
            .map_err(|why| Error::codec(why.to_string()))?;
        if payload.len() > self.inner.config.max_value_bytes {
            bump(&self.inner.counters.stores_refused);
            return Err(Error::codec(format!(
                "the value has {} bytes, CACHE_MAX_VALUE_BYTES allows {}",
                payload.len(),
                self.inner.config.max_value_bytes
            )));
        }
        Ok(Put {
            key,
            value,
            fingerprint: (ops.fingerprint)(),
            codec,
            payload,
        })
    }

    /// Puts values at their keys: into Redis, or into memory while Redis is away.
    async fn put_all(&self, puts: Vec<Put>, ttl: Duration) {
        let removals: Vec<Pattern> = puts.iter().map(|put| Pattern::key(&put.key)).collect();
        if let Some(tier) = &self.inner.tier {
            let budget = self.budget();
            if let Some(session) = tier.session(&budget).await {
                let overwriting = pin!(overwrite(&session, &puts, ttl));
                if budget.spend_on(&session, overwriting).await.is_ok() {
                    // Stored, or refused because something stands there that is not ours.
                    self.inner.local.remove(&removals, None);
                    return;
                }
            }
            // Whatever stands in Redis is older than this. But a value that is put by hand is not worth what the journal is for:
            // half of its room is left for removals, as at its bound it becomes one removal of everything.
            if tier.journal_len() + removals.len() <= self.inner.config.journal_bound / 2 {
                tier.journal(&removals);
            } else {
                add(&self.inner.counters.stores_lost, removals.len() as u64);
            }
        }
        self.inner.local.remove(&removals, None);
        let fence = self.inner.local.fence();
        let tier = self.inner.tier.as_ref();
        if tier.is_some_and(|tier| tier.session_now().is_some()) {
            // Redis is back already: memory is filled by reads alone.
            return;
        }
        for put in puts {
            self.keep_by_hand(put, ttl, fence);
        }
    }

    fn keep_by_hand(&self, put: Put, ttl: Duration, fence: u64) {
        let Joined::Lead(lead) = self.inner.local.flights.join(&put.key, &[], &[]) else {
            return;
        };
        let now = Instant::now();
        let kept: Kept = Some(put.value);
        let copy = Copy {
            value: kept.clone(),
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
        let local = &self.inner.local;
        local.fill(lead.flight(), fence, put.key.as_str(), copy, || true);
        lead.found(Outcome::Value(kept));
    }

    /// Memory, then Redis; a reply goes into memory if no load of the key is under way, whose flight would guard it.
    async fn get_hit(&self, request: &Request<'_>) -> Option<Hit> {
        if self.is_due_by_hand(request.key) {
            return None;
        }
        if let Some(hit) = self.recall(request) {
            return Some(hit);
        }
        let tier = self.inner.tier.as_ref()?;
        let budget = self.budget();
        let _ = tier.session(&budget).await?;
        let fence = self.inner.local.fence();
        let session = tier.session_now()?;
        let lead = match self.inner.local.flights.join(request.key, &[], &[]) {
            Joined::Lead(lead) => Some(lead),
            Joined::Wait(_) | Joined::Other | Joined::Full => None,
        };
        let found = self.read_redis(request, &session, &budget).await?;
        if let Some(lead) = lead {
            self.fill_near(&lead.flight().clone(), fence, request, &found, &session);
            lead.found(Outcome::Value(found.kept.clone()));
        }
        Some(found.hit())
    }

    /// Inside a transaction: the key is to be removed at its end, or may be, as the tags of its entry are not known.
    fn is_due_by_hand(&self, key: &CacheKey) -> bool {
        transaction::may_be_due(self, key.as_str(), &[], &[String::new()])
    }

    /// Counts a read by the tier that answered it.
    fn count_read(&self, tier: Option<HitTier>) {
        self.count_by_hand(match tier {
            Some(HitTier::Memory) => |counters| &counters.memory_hits,
            Some(HitTier::Redis) => |counters| &counters.redis_hits,
            None => |counters| &counters.misses,
        });
    }
}

/// Keys that are asked for in one round trip.
const ASKED: usize = 1_000;

/// Pairs that are stored in one round trip.
const BATCH: usize = 250;

/// A value on its way to a key.
struct Put {
    key: CacheKey,
    value: Arc<dyn Any + Send + Sync>,
    fingerprint: u64,
    codec: CodecKind,
    payload: Vec<u8>,
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
            fingerprint: self.fingerprint,
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

fn restore<T: Clone + Send + Sync + 'static>(kept: Kept) -> Option<T> {
    kept?.downcast::<T>().ok().map(Arc::unwrap_or_clone)
}
