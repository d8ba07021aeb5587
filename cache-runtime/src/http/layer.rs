//! A tower layer that adds cache headers to responses and answers conditional requests with `304`.

use std::sync::Arc;

use http::HeaderName;
use tower_layer::Layer;

use crate::cache::Cache;
use crate::http::etag::Strength;
use crate::http::freshness::Audience;
use crate::http::headers::Options;
use crate::http::service::CacheService;

/// Adds headers that say how the cached calls behind a response went, and answers conditional requests with `304`.
///
/// | header | value |
/// |---|---|
/// | `X-Cache` | `MISS` if a body ran or was waited for, `BYPASS` if the cache could not be used, `STALE` if a value was past its TTL, `HIT` if every cached call was a hit |
/// | `Cache-Status` | the same as defined by RFC 9211: `cache; hit; ttl=42`, `cache; fwd=uri-miss; ttl=60; stored`, `cache; fwd=miss; ttl=60; collapsed`; `detail=breaker-open` while Redis is unavailable |
/// | `Age` | seconds since the oldest of the values was loaded |
/// | `ETag` | a hash of the body, stored with a [`CachedJson`](crate::http::CachedJson) or `Response`; a matching `If-None-Match` is answered with `304` and no body |
/// | `Cache-Control` | `private, no-cache`; with [`cache_control`](Self::cache_control), derived from the options of the functions |
/// | `Vary` | the request headers that functions name (`vary`), those of [`vary`](Self::vary), the credentials of the request if the browser may keep the answer, and `Accept-Encoding` if the answer is stored compressed, too |
///
/// Headers that a handler sets are kept. An `ETag` is added to successful answers of cached calls to `GET` and `HEAD`
/// whose body has a known size of up to 1 MiB; streams are passed on unchanged.
///
/// **Proxies and CDNs.** A proxy or CDN may keep an answer without cache headers for a time that it chooses, and serve
/// it to other users. So every answer that has neither `Cache-Control` nor `Expires` gets `private, no-cache`: also
/// errors, answers to other methods, and answers without any cached function. Files and other public content need
/// their own `Cache-Control`, set inside this layer. Put layers that answer requests themselves (time-outs,
/// authentication) or set cookies inside this layer, too. Outside, their answers would have no `Cache-Control`, and
/// their cookies could be added to a `public` answer.
///
/// The functions declare for whom an answer is and which request headers it depends on: `public` and `vary` of
/// [`#[cached]`](macro@crate::cached). An answer is `public` only if every cached call is, it sets no cookie, and its
/// `Vary` names `Authorization` and `Cookie` if the request has them.
///
/// **Credentials.** If a request has `Authorization` and the key of a cached handler (one that returns `Json`,
/// `Html`, `(StatusCode, Json)` or a `Response`) does not identify the caller, the result is neither stored nor served from
/// the cache. The answer then has `Cache-Status: cache; fwd=bypass; detail=credentials`, and the log gets one warning.
/// A key identifies the caller through an argument whose type implements
/// [`IdentifiesCaller`](crate::IdentifiesCaller). If the type cannot implement it, use `vary = "authorization"`; if
/// all callers get the same answer, use `public`. Check permissions before the handler: a hit skips the body and all
/// checks in it.
///
/// **Cookies.** A request with `Cookie` is answered from the cache like any other: browsers also send cookies that
/// identify nobody. Two users get the same answer exactly if their calls have the same key. If a cookie identifies the
/// caller, the extractor that reads it must be an argument of the function and part of its key. An argument that is
/// neither in the key nor skipped by name does not compile; but what a body reads from elsewhere, such as a
/// task-local, is not checked. An answer with `Set-Cookie` is never stored, and an answer to a request with `Cookie`
/// is never `public` unless its `Vary` names the header (`vary = "cookie"`).
///
/// **Compression.** With the feature `compression`, a [`CachedJson`](crate::http::CachedJson) is stored compressed, and this
/// layer sends the form that `Accept-Encoding` prefers, with `Content-Encoding` and `Vary: Accept-Encoding`. Each form has
/// its own `ETag`. A `304` names a form that the client has and accepts. If a handler sets `ETag` or `Content-Encoding`
/// itself, the text is sent uncompressed.
///
/// A layer that compresses all other answers goes outside this layer: inside, the size of the body is unknown and there is
/// no `ETag`. Some compression layers, such as tower-http's, also compress the empty body of a `304` and add a
/// `Content-Encoding` that contradicts the answer which the client has. Exclude `304` there:
///
/// ```text
/// let changed = |status: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| status != StatusCode::NOT_MODIFIED;
/// router
///     .layer(CacheLayer::new().vary(["accept-encoding"]))
///     .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(changed)))
/// ```
///
/// A layer on a route reports the calls of that route; a layer around the whole router then does not report them
/// again.
///
/// ```
/// use axum::{Json, Router, extract::Path, routing::get};
/// use cache_runtime::{cached, http::CacheLayer};
///
/// #[cached(ttl = "30s", stale = "1m", key = "feed", public)]
/// async fn feed() -> Json<Vec<u32>> {
///     Json(vec![1, 2, 3])
/// }
///
/// #[cached(ttl = "1m", key = "tag:<tag>")]
/// async fn tag(Path(tag): Path<String>) -> Json<String> {
///     Json(tag)
/// }
///
/// let app: Router = Router::new()
///     .route("/feed", get(feed)) // Cache-Control: public, max-age=30, stale-while-revalidate=60
///     .route("/tags/{tag}", get(tag)) // Cache-Control: private, max-age=60
///     .layer(CacheLayer::new().cache_control());
/// ```
#[derive(Clone, Debug, Default)]
pub struct CacheLayer {
    options: Arc<Options>,
}

impl CacheLayer {
    /// Creates a layer that adds `X-Cache`, `Cache-Status`, `Age`, a weak `ETag`, and `Cache-Control: private,
    /// no-cache`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }

    /// Derives `Cache-Control` from the TTLs of the functions that were called: `public, max-age=60,
    /// stale-while-revalidate=30, stale-if-error=3600` if all of them are `public`; else `private, …`, which only the
    /// browser of the user may keep, with the credentials of the request in `Vary`. The stale times come from `stale`
    /// and `stale_on_error`. If a result is not to be cached, `no-cache` replaces `max-age`. This applies to
    /// successful answers to `GET` and `HEAD`; all others have `private, no-cache`.
    ///
    /// Invalidations do not reach browsers and CDNs: they may serve an answer for `max-age` and the stale times after
    /// it.
    #[must_use]
    pub fn cache_control(self) -> Self {
        self.with(|options| options.cache_control = Some(Audience::Public))
    }

    /// Like [`cache_control`](Self::cache_control), but never `public`: for routes that add content for one user to
    /// their answers.
    #[must_use]
    pub fn private(self) -> Self {
        self.with(|options| options.cache_control = Some(Audience::Private))
    }

    /// Adds request headers to `Vary` that answers depend on, besides those that functions (`vary`) and handlers name.
    /// An invalid name is ignored.
    ///
    /// ```
    /// # use cache_runtime::http::CacheLayer;
    /// let layer = CacheLayer::new().cache_control().vary(["accept-language", "cookie"]);
    /// ```
    #[must_use]
    pub fn vary<H>(self, headers: impl IntoIterator<Item = H>) -> Self
    where
        H: TryInto<HeaderName>,
    {
        self.with(|options| {
            let names = headers.into_iter().filter_map(|name| name.try_into().ok());
            options.vary.extend(names);
        })
    }

    /// Makes `ETag`s strong, which means equal bytes. Use it only if no outer layer and no proxy changes the bytes, as
    /// compression does. Those of stored compressed forms stay weak: another version of the compressor may make other bytes
    /// of the same text.
    #[must_use]
    pub fn strong_etag(self) -> Self {
        self.with(|options| options.etag = Strength::Strong)
    }

    /// Adds no `ETag`s. An `ETag` that a handler sets is still answered with `304`.
    #[must_use]
    pub fn without_etag(self) -> Self {
        self.with(|options| options.etag = Strength::Off)
    }

    /// Lets clients request a newer value: the cached reads behind a `GET` with `Cache-Control: no-cache` do not
    /// return the value that is stored when they begin, but its successor. Concurrent requests share one load. Every
    /// reload in a browser can send this header, so use it only for clients that may cause a load with each request.
    #[must_use]
    pub fn honor_no_cache(self) -> Self {
        self.with(|options| options.honor_no_cache = true)
    }

    /// Sets the cache name in `Cache-Status`; the default is `cache`.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with(|options| options.name = name.into())
    }

    /// Adds a `Cache-Status` member for each cached call, named by its function, up to 16. By default there is one
    /// member for all calls, which describes the call that was furthest from a hit.
    #[must_use]
    pub fn each_call(self) -> Self {
        self.with(|options| options.each_call = true)
    }

    /// Adds the keys to `Cache-Status`. Use it in development only: keys contain user ids, searches and the like.
    #[must_use]
    pub fn keys(self) -> Self {
        self.with(|options| options.keys = true)
    }

    /// Sets the cache whose breaker is shown in `Cache-Status`; the default is the global cache.
    #[must_use]
    pub fn cache(self, cache: &Cache) -> Self {
        self.with(|options| options.cache = Some(cache.clone()))
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = CacheService<S>;

    fn layer(&self, inner: S) -> CacheService<S> {
        CacheService::new(inner, self.options.clone())
    }
}
