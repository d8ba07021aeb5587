//! An answer in JSON whose hits are sent as they are stored.

use std::any::type_name;
use std::fmt;
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::cacheable::Preparing;
use crate::cacheable::prepared::{Draft, Form, Known, KnownBody, Prepared};
use crate::entry::survives_json;
use crate::error::Error;

/// A value that is stored and sent as JSON text: like [`axum::Json`], but a hit is neither decoded nor serialized.
///
/// Use it as the result of a `#[cached]` handler or service, alone or inside `Result`. When a body has made a value, it
/// is serialized and hashed once. The cache stores the text with its `ETag`, in memory and in Redis. A hit sends these
/// bytes, and [`CacheLayer`](crate::http::CacheLayer) sends the stored `ETag`. Use `Json<T>` instead if most callers need
/// the value and not the text.
///
/// `when`, tags and patterns with `<result.…>`, `none_ttl` (with `CachedJson<Option<T>>`) and errors work as for
/// `Json<T>`. If a function changes from `Json<T>` to `CachedJson<T>`, each finds the other's entries to be misses.
///
/// **Changes of the type.** A hit sends the text that was stored. If only `Serialize` changes, by `skip_serializing` for
/// example, stored texts are still sent as they are until they expire: remove them, or change the key.
///
/// **Compression.** With the feature `compression`, a text of at least 1 KiB
/// ([`precompress_from`](crate::CacheConfig::precompress_from)) is also compressed once, with gzip, and with zstd if the
/// feature `zstd` is on, and stored in these forms if they are smaller. `CacheLayer` sends the form that the client
/// prefers (`Accept-Encoding`), with its own `ETag` and `Vary: Accept-Encoding`. Without the layer, the text is sent.
///
/// **Limits.** The stored form counts towards `CACHE_MAX_VALUE_BYTES`; if only the text fits, it is stored without
/// compressed forms. A value that JSON does not represent (NaN, `Some(None)`) is sent, and not stored. `codec` has no
/// effect, because the text is JSON in any case.
///
/// ```
/// use axum::{Router, extract::Path, routing::get};
/// use cache_runtime::{cached, http::{CacheLayer, CachedJson}};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Job {
///     id: u32,
///     title: String,
/// }
///
/// #[cached(ttl = "5m", key = "jobs:<id>", public)]
/// async fn job(Path(id): Path<u32>) -> CachedJson<Job> {
///     CachedJson::new(Job { id, title: format!("job {id}") })
/// }
///
/// let app: Router = Router::new().route("/jobs/{id}", get(job)).layer(CacheLayer::new());
/// ```
///
/// In a service, the value is decoded when it is asked for:
///
/// ```
/// # use cache_runtime::{cached, http::CachedJson};
/// #[cached(ttl = "1m", key = "primes:<below>")]
/// async fn primes(below: u32) -> CachedJson<Vec<u32>> {
///     let is_prime = |n: &u32| (2..*n).all(|d| n % d != 0);
///     CachedJson::new((2..below).filter(is_prime).collect())
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
/// primes(10).await;
/// let hit = primes(10).await;
/// assert_eq!(hit.json()?, "[2,3,5,7]"); // the stored text
/// assert_eq!(hit.into_inner()?, [2, 3, 5, 7]); // decoded now
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CachedJson<T> {
    /// Empty until a stored text is decoded.
    value: OnceLock<T>,
    /// `None` until the value is about to be stored.
    stored: Option<Arc<Stored<T>>>,
}

/// The prepared text of a `T`, as memory keeps it.
pub(super) struct Stored<T> {
    prepared: Prepared,
    /// Set where the type is known to be `Deserialize`, so that looking at the value asks for no bound.
    decode: fn(&[u8]) -> serde_json::Result<T>,
}

impl<T> Stored<T> {
    pub(super) fn new(prepared: Prepared) -> Self
    where
        T: DeserializeOwned,
    {
        Self {
            prepared,
            decode: |text| serde_json::from_slice(text),
        }
    }

    pub(super) fn prepared(&self) -> &Prepared {
        &self.prepared
    }
}

impl<T> KnownBody for Stored<T> {
    fn body(&self) -> &Bytes {
        self.prepared.text()
    }

    fn etag(&self) -> &HeaderValue {
        self.prepared.etag()
    }

    fn forms(&self) -> &[Form] {
        self.prepared.forms()
    }
}

impl<T> CachedJson<T> {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            value: OnceLock::from(value),
            stored: None,
        }
    }

    pub(super) fn of_stored(stored: Arc<Stored<T>>) -> Self {
        Self {
            value: OnceLock::new(),
            stored: Some(stored),
        }
    }

    pub(super) fn stored(&self) -> Option<&Arc<Stored<T>>> {
        self.stored.as_ref()
    }

    /// The value, if it need not be decoded.
    pub(super) fn known(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value. The first call after a hit decodes the stored text; further calls return the same value.
    ///
    /// # Errors
    ///
    /// The type's `Deserialize` does not accept the text that its `Serialize` wrote. A value that has just been made, and
    /// not come from the cache, is returned as it is.
    pub fn value(&self) -> Result<&T, Error> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = self.decode()?;
        Ok(self.value.get_or_init(|| value))
    }

    /// The value, decoded if it came from the cache.
    ///
    /// # Errors
    ///
    /// As for [`value`](Self::value).
    pub fn into_inner(mut self) -> Result<T, Error> {
        match self.value.take() {
            Some(value) => Ok(value),
            None => self.decode(),
        }
    }

    /// The JSON text: the stored one, or the value serialized now if it was not stored. A stored text is not copied.
    ///
    /// # Errors
    ///
    /// The type's `Serialize` fails.
    pub fn json(&self) -> Result<Bytes, Error>
    where
        T: Serialize,
    {
        match (&self.stored, self.value.get()) {
            (Some(stored), _) => Ok(stored.prepared.text().clone()),
            (None, Some(value)) => serde_json::to_vec(value)
                .map(Bytes::from)
                .map_err(|why| Error::codec(why.to_string())),
            (None, None) => unreachable!("there is a value or a text"),
        }
    }

    fn decode(&self) -> Result<T, Error> {
        let Some(stored) = &self.stored else {
            unreachable!("there is a value or a text");
        };
        // serde's own message may contain a part of the value.
        (stored.decode)(stored.prepared.text()).map_err(|why| {
            Error::codec(format!(
                "`{}` cannot be read from the JSON that it was written as (line {}, column {}): its `Deserialize` must \
                 accept what its `Serialize` writes",
                type_name::<T>(),
                why.line(),
                why.column()
            ))
        })
    }

    /// Serializes, hashes and compresses the value, unless that has been done. Large texts are compressed on another
    /// thread. If the value cannot be stored as JSON, nothing changes.
    pub(super) async fn prepare(mut self, how: Preparing) -> Self
    where
        T: Serialize + DeserializeOwned,
    {
        if self.stored.is_none()
            && let Some(draft) = self.value.get().and_then(draft)
            && let Some(prepared) = with_forms(draft, how, &COMPRESSING).await
        {
            self.stored = Some(Arc::new(Stored::new(prepared)));
        }
        self
    }
}

fn draft<T: Serialize>(value: &T) -> Option<Draft> {
    let draft = Draft::new(|packed| serde_json::to_writer(packed, value))?;
    survives_json(value).then_some(draft)
}

/// Compressing this much takes about a quarter of a millisecond. For more, the runtime's thread is not held up.
const COMPRESSED_IN_PLACE: usize = 16 << 10;

/// How many large texts may be compressed at the same time.
static COMPRESSING: Semaphore = Semaphore::const_new(4);

async fn with_forms(
    mut draft: Draft,
    how: Preparing,
    compressing: &'static Semaphore,
) -> Option<Prepared> {
    let length = draft.text_length();
    if cfg!(not(feature = "compression"))
        || length < how.precompress_from
        || length > how.max_value_bytes
    {
        return draft.seal();
    }
    let runtime = Handle::try_current().ok();
    let Some(runtime) = runtime.filter(|_| length > COMPRESSED_IN_PLACE) else {
        draft.add_forms(how.max_value_bytes);
        return draft.seal();
    };
    // When many entries are loaded at once, some are stored without compressed forms: no call waits for the compression of
    // others.
    let Ok(turn) = compressing.try_acquire() else {
        return draft.seal();
    };
    let compress = move || {
        let _turn = turn;
        draft.add_forms(how.max_value_bytes);
        draft.seal()
    };
    // An error: the runtime is shutting down.
    runtime.spawn_blocking(compress).await.ok().flatten()
}

impl<T> From<T> for CachedJson<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for CachedJson<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CachedJson");
        if let Some(value) = self.value.get() {
            shown.field("value", value);
        }
        if let Some(stored) = &self.stored {
            shown.field("stored_bytes", &stored.prepared.packed().len());
        }
        shown.finish()
    }
}

impl<T: Serialize + 'static> IntoResponse for CachedJson<T> {
    /// The JSON text with `Content-Type: application/json`; `500` if the type's `Serialize` fails, as for `Json`.
    fn into_response(self) -> Response {
        let body = match self.json() {
            Ok(body) => body,
            Err(why) => {
                return (StatusCode::INTERNAL_SERVER_ERROR, why.to_string()).into_response();
            }
        };
        let mut response = Response::new(Body::from(body));
        // With those that the layer and the server add, so that the map does not have to grow.
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *response.headers_mut() = headers;
        if let Some(stored) = self.stored {
            response.extensions_mut().insert(Known(stored));
        }
        response
    }
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use super::*;

    const HOW: Preparing = Preparing {
        precompress_from: 0,
        max_value_bytes: usize::MAX,
    };

    async fn forms(length: usize, compressing: &'static Semaphore) -> usize {
        let draft = draft(&"a".repeat(length)).unwrap();
        let prepared = with_forms(draft, HOW, compressing).await.unwrap();
        prepared.forms().len()
    }

    #[tokio::test]
    async fn no_call_waits_for_the_compression_of_others() {
        static NO_TURN: Semaphore = Semaphore::const_new(0);
        static TURNS: Semaphore = Semaphore::const_new(2);
        let large = 4 * COMPRESSED_IN_PLACE;
        assert!(forms(1_000, &NO_TURN).await > 0, "in place");
        assert_eq!(forms(large, &NO_TURN).await, 0);
        assert!(forms(large, &TURNS).await > 0);
        assert_eq!(TURNS.available_permits(), 2, "the turn is given back");
    }
}
