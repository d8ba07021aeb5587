//! The operations of [`Cache`] that a program calls by name.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::cache::{Cache, Hit, Request, Turn};
use crate::entry::{self, CodecKind, Draft, Stamp, Stored, TypeOps, type_ops};
use crate::error::Error;
use crate::flight::{Joined, Outcome};
use crate::key::{CacheKey, Pattern};
use crate::memory::{Copy, Kept, after};
use crate::outcome::{CallOutcome, HitTier, Status, Why, note};
use crate::redis::{Fault, Sealed, Session};
use crate::stats::{BY_HAND, Counters, bump};
use crate::token;
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
    /// checks that no removal came while the value was computed. In an outage it goes to memory only.
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
            return Ok(());
        };
        let ops = type_ops::<T>();
        let kept: Kept = Some(Arc::new(value.clone()));
        let (codec, payload) = self.encode(&kept, ops)?;
        let draft = Draft {
            id: token::random(),
            stamp: Stamp::default(),
            ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
            load_ms: 0,
            template: key.template(),
            fingerprint: (ops.fingerprint)(),
            codec,
            none: false,
            packed: None,
            tags: &[],
            payload: &payload,
        };
        self.put_sealed(&key, draft, ttl, kept).await;
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
            Turn::Hit(mut hit) => match restore(hit.kept.take()) {
                Some(value) => {
                    note(|| CallOutcome {
                        tier: Some(hit.tier),
                        age: hit.aged.age,
                        ttl: hit.aged.ttl,
                        ..by_hand(Status::Hit, Why::Fresh)
                    });
                    self.count_read(Some(hit.tier));
                    return Ok(value);
                }
                None => None,
            },
            Turn::Shared(Outcome::Value(kept), was_loaded) => match restore(kept) {
                Some(value) => {
                    let why = if was_loaded { Why::Fresh } else { Why::Shared };
                    note(|| by_hand(Status::Coalesced, why));
                    self.count_by_hand(|counters| &counters.coalesced);
                    return Ok(value);
                }
                None => None,
            },
            Turn::Lead(loading) => Some(loading),
            // Another's failure is not ours to tell: its error is of a type we do not know.
            Turn::Shared(..) | Turn::Alone(..) | Turn::Solo(_) => None,
        };
        let why = loading
            .as_ref()
            .map_or(Why::Shared, |loading| loading.why());
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
                let kept = Some(Arc::new(value.clone()) as _);
                match ttl {
                    Some(ttl) => loading.store(kept, ttl, Vec::new()),
                    None => loading.end(Outcome::Value(kept), false),
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

    /// True when a usable entry of any type stands at the key.
    pub async fn exists(&self, key: impl Into<CacheKey>) -> bool {
        let key = key.into();
        if self
            .inner
            .tier
            .as_ref()
            .is_none_or(|tier| tier.session_now().is_none())
        {
            return self
                .inner
                .local
                .memory
                .get(key.as_str(), Instant::now())
                .is_some_and(|copy| copy.age() < copy.ttl);
        }
        let Some(tier) = &self.inner.tier else {
            return false;
        };
        let budget = self.budget();
        let Some(session) = tier.session(&budget).await else {
            return false;
        };
        if session.is_shut(key.as_str(), std::iter::empty()) {
            return false;
        }
        let bytes = budget
            .spend_on(&session, pin!(session.get(key.as_str())))
            .await
            .ok()
            .flatten();
        let now = u64::try_from(session.link.server_millis()).unwrap_or(0);
        let key = key.as_str();
        bytes.is_some_and(|bytes| match entry::parse(&bytes, session.namespace()) {
            Stored::Entry(entry) => {
                entry.deadline_ms() > now
                    && entry.stamp.key == entry::key_hash(key)
                    && session.stands(&entry.stamp, key, entry.tags())
                    && session.is_current()
            }
            _ => false,
        })
    }

    /// The values at several keys, in their order, in one round trip for those that memory does not hold.
    pub async fn get_many<T>(&self, keys: &[CacheKey]) -> Vec<Option<T>>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let ops = type_ops::<T>();
        let mut found: HashMap<&str, Hit> = HashMap::new();
        for key in keys {
            if let Some(hit) = self.recall(&Request::plain(key, ops)) {
                found.insert(key.as_str(), hit);
            }
        }
        let missing: Vec<&CacheKey> = keys
            .iter()
            .filter(|key| !found.contains_key(key.as_str()))
            .collect();
        if let Some(tier) = self.inner.tier.as_ref().filter(|_| !missing.is_empty()) {
            let budget = self.budget();
            if let Some(session) = tier.session(&budget).await {
                let missing: Vec<&CacheKey> = missing
                    .into_iter()
                    .filter(|key| !session.is_shut(key.as_str(), std::iter::empty()))
                    .collect();
                let names: Vec<&str> = missing.iter().map(|key| key.as_str()).collect();
                let reading = pin!(session.get_many(&names));
                let values = match names.is_empty() {
                    true => Vec::new(),
                    false => budget.spend_on(&session, reading).await.unwrap_or_default(),
                };
                for (key, bytes) in missing.iter().zip(values) {
                    let usable = bytes.and_then(|bytes| {
                        self.read_bytes(&bytes, &Request::plain(key, ops), &session)
                    });
                    if let Some(usable) = usable {
                        found.insert(key.as_str(), usable.hit());
                    }
                }
            }
        }
        keys.iter()
            .map(|key| {
                let hit = found.get(key.as_str());
                self.count_read(hit.map(|hit| hit.tier));
                restore(hit?.kept.clone())
            })
            .collect()
    }

    /// [`Cache::set`] for several pairs.
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
        let ttl = ttl.into();
        for (key, value) in pairs {
            self.set(key.clone(), value, ttl).await?;
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

    fn encode(&self, kept: &Kept, ops: &'static TypeOps) -> Result<(CodecKind, Vec<u8>), Error> {
        let (codec, payload) = match kept {
            Some(value) => ops
                .encode_as(&**value, CodecKind::Bincode)
                .map_err(|why| Error::codec(why.to_string()))?,
            None => (CodecKind::Bincode, Vec::new()),
        };
        if payload.len() > self.inner.config.max_value_bytes {
            bump(&self.inner.counters.stores_refused);
            return Err(Error::codec(format!(
                "the value has {} bytes, CACHE_MAX_VALUE_BYTES allows {}",
                payload.len(),
                self.inner.config.max_value_bytes
            )));
        }
        Ok((codec, payload))
    }

    async fn put_sealed(&self, key: &CacheKey, mut draft: Draft<'_>, ttl: Duration, kept: Kept) {
        let removal = [Pattern::key(key)];
        if let Some(tier) = &self.inner.tier {
            let budget = self.budget();
            if let Some(session) = tier.session(&budget).await {
                draft.stamp = session.stamp(key.as_str());
                let overwriting = pin!(self.overwrite(&session, key, &draft, ttl));
                if budget.spend_on(&session, overwriting).await.is_ok() {
                    // Stored, or refused because something stands there that is not ours.
                    self.inner.local.remove(&removal, None);
                    return;
                }
            }
            // Whatever stands in Redis is older than this.
            tier.journal(&removal);
        }
        self.inner.local.remove(&removal, None);
        let fence = self.inner.local.fence();
        if self
            .inner
            .tier
            .as_ref()
            .is_some_and(|tier| tier.session_now().is_some())
        {
            // Redis is back already: memory is filled by reads alone.
            return;
        }
        if let Joined::Lead(lead) = self.inner.local.flights.join(key, &[], &[]) {
            let now = Instant::now();
            let copy = Copy {
                value: kept.clone(),
                template: key.template(),
                tags: Box::default(),
                bytes: draft.payload.len(),
                version: 0,
                ttl,
                took: Duration::ZERO,
                expires: after(now, ttl),
                filled: now,
                aged: Duration::ZERO,
            };
            let local = &self.inner.local;
            local.fill(lead.flight(), fence, key.as_str(), copy, || true);
            lead.found(Outcome::Value(kept));
        }
    }

    async fn overwrite(
        &self,
        session: &Session,
        key: &CacheKey,
        draft: &Draft<'_>,
        life: Duration,
    ) -> Result<bool, Fault> {
        let (head, rest) = draft.seal();
        let sealed = Sealed {
            head,
            rest: &rest,
            life,
            tags: draft.tags,
        };
        session.overwrite(key.as_str(), &sealed).await
    }

    /// Memory, then Redis; a reply goes into memory if no load of the key is under way, whose flight would guard it.
    async fn get_hit(&self, request: &Request<'_>) -> Option<Hit> {
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

    /// Counts a read by the tier that answered it.
    fn count_read(&self, tier: Option<HitTier>) {
        self.count_by_hand(match tier {
            Some(HitTier::Memory) => |counters| &counters.memory_hits,
            Some(HitTier::Redis) => |counters| &counters.redis_hits,
            None => |counters| &counters.misses,
        });
    }
}

fn by_hand(status: Status, why: Why) -> CallOutcome {
    CallOutcome {
        function: None,
        status,
        tier: None,
        age: Duration::ZERO,
        ttl: Duration::ZERO,
        stale: Duration::ZERO,
        stale_on_error: Duration::ZERO,
        stored: false,
        why,
        failed: false,
        public: false,
        vary: &[],
    }
}

fn restore<T: Clone + Send + Sync + 'static>(kept: Kept) -> Option<T> {
    kept?.downcast::<T>().ok().map(Arc::unwrap_or_clone)
}
