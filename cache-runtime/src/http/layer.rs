//! A tower layer that adds cache headers to responses and answers conditional requests with `304`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::header::{AGE, AUTHORIZATION, CACHE_CONTROL, COOKIE, EXPIRES, Entry, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::cache::Cache;
use crate::cache::global;
use crate::cacheable::response::{age_of, says};
use crate::http::cache_status;
use crate::http::conditional::{Wanted, varies_by, vary_by};
use crate::http::etag::Strength;
use crate::http::freshness::{Audience, DEFAULT_CACHE_CONTROL, cache_control};
use crate::outage::breaker::BreakerState;
use crate::telemetry::outcome::{Observed, ObserverOptions, observe_as};

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

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
/// `(StatusCode, Json)` or a `Response`) does not identify the caller, the result is neither stored nor served from
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

#[derive(Clone, Debug)]
struct Options {
    name: String,
    each_call: bool,
    keys: bool,
    cache_control: Option<Audience>,
    vary: Vec<HeaderName>,
    etag: Strength,
    honor_no_cache: bool,
    cache: Option<Cache>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "cache".to_owned(),
            each_call: false,
            keys: false,
            cache_control: None,
            vary: Vec::new(),
            etag: Strength::default(),
            honor_no_cache: false,
            cache: None,
        }
    }
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
        CacheService {
            inner,
            options: self.options.clone(),
        }
    }
}

/// The tower service of [`CacheLayer`].
#[derive(Clone, Debug)]
pub struct CacheService<S> {
    inner: S,
    options: Arc<Options>,
}

impl<S, B, C> Service<Request<B>> for CacheService<S>
where
    S: Service<Request<B>, Response = Response<C>>,
    S::Future: Send + 'static,
    C: HttpBody<Data = Bytes> + Send + 'static,
    C::Error: Into<axum::BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let options = self.options.clone();
        let asked = Asked::of(request.method(), request.headers());
        let wish = ObserverOptions {
            fresh: options.honor_no_cache && asked.no_cache,
            keys: options.keys,
            authorized: asked.authorized,
        };
        let answer = observe_as(wish, self.inner.call(request));
        Box::pin(async move {
            let (answer, observed) = answer.await;
            let response = answer?.map(Body::new);
            Ok(options.complete(response, &asked, &observed).await)
        })
    }
}

/// The properties of a request that determine the headers of its answer.
#[derive(Debug)]
struct Asked {
    /// `None`: it is neither a `GET` nor a `HEAD`.
    wanted: Option<Wanted>,
    no_cache: bool,
    /// The request has `Authorization`.
    authorized: bool,
    /// The request has `Cookie`.
    cookies: bool,
}

impl Asked {
    fn of(method: &Method, headers: &HeaderMap) -> Self {
        let wanted = Wanted::of(method, headers);
        Self {
            no_cache: wanted.is_some() && says(headers, "no-cache"),
            wanted,
            authorized: headers.contains_key(AUTHORIZATION),
            cookies: headers.contains_key(COOKIE),
        }
    }
}

impl Asked {
    fn reads(&self) -> bool {
        self.wanted.is_some()
    }

    /// Adds the credentials of the request to `Vary`: the browser must not use a kept answer for the next user who
    /// signs in.
    fn add_vary(&self, headers: &mut HeaderMap) {
        for (is_there, name) in [(self.authorized, AUTHORIZATION), (self.cookies, COOKIE)] {
            if is_there {
                vary_by(headers, name);
            }
        }
    }
}

impl Options {
    async fn complete(
        &self,
        mut response: Response<Body>,
        asked: &Asked,
        observed: &Observed,
    ) -> Response<Body> {
        let succeeds = response.status().is_success();
        let headers = response.headers_mut();
        // Looked for before headers are added, because what this layer adds never says it.
        let no_store = says(headers, "no-store");
        self.add_vary(headers, observed);
        let Some(word) = observed.as_str() else {
            Self::add_cache_control(headers, None);
            return response;
        };
        set_if_absent(headers, &X_CACHE, Some(HeaderValue::from_static(word)));
        if let Some(status) = self.cache_status(observed) {
            // `Cache-Status` is a list: what the handler reports of another cache comes first.
            headers.append(CACHE_STATUS, status);
        }
        if asked.reads() && observed.hits > 0 {
            set_if_absent(headers, &AGE, Some(observed.age.as_secs().into()));
        }
        let value = self.cache_control.filter(|_| asked.reads() && succeeds);
        let value = value.and_then(|audience| {
            let audience = audience.of(observed, asked, headers);
            if audience == Audience::Private {
                asked.add_vary(headers);
            }
            cache_control(observed, audience, age_of(headers))
        });
        Self::add_cache_control(headers, value);
        match &asked.wanted {
            Some(wanted) if response.status() == StatusCode::OK => {
                wanted.answer(response, self.etag, no_store).await
            }
            _ => response,
        }
    }

    /// Sets `Cache-Control`: `told` if there is one, else only the browser of the user may keep the answer. If the
    /// handler set `Expires`, nothing is added.
    fn add_cache_control(headers: &mut HeaderMap, value: Option<String>) {
        if headers.contains_key(EXPIRES) {
            return;
        }
        let value = value.and_then(|value| HeaderValue::try_from(value).ok());
        set_if_absent(
            headers,
            &CACHE_CONTROL,
            Some(value.unwrap_or(DEFAULT_CACHE_CONTROL)),
        );
    }

    fn cache_status(&self, observed: &Observed) -> Option<HeaderValue> {
        let cache = self.cache.as_ref().or_else(|| global::existing());
        let away = cache
            .and_then(Cache::breaker_state)
            .is_some_and(|state| state != BreakerState::Closed);
        let value = if self.each_call {
            cache_status::of_each(&self.name, observed, self.keys, away)
        } else {
            cache_status::of_all(&self.name, observed, self.keys, away)
        };
        HeaderValue::try_from(value?).ok()
    }

    fn add_vary(&self, headers: &mut HeaderMap, observed: &Observed) {
        let of_functions = observed
            .calls()
            .iter()
            .flat_map(|call| call.vary)
            .filter_map(|name| HeaderName::try_from(*name).ok());
        for name in self.vary.iter().cloned().chain(of_functions) {
            vary_by(headers, name);
        }
    }
}

impl Audience {
    /// Public only if every function is `public`, and neither a cookie nor the credentials of the request forbid it.
    fn of(self, observed: &Observed, asked: &Asked, headers: &HeaderMap) -> Self {
        let said = observed.omitted() == 0 && observed.calls().iter().all(|call| call.public);
        let personal = headers.contains_key(SET_COOKIE)
            || asked.authorized && !varies_by(headers, &AUTHORIZATION)
            || asked.cookies && !varies_by(headers, &COOKIE);
        if said && !personal {
            self
        } else {
            Self::Private
        }
    }
}

/// Sets a header, unless the handler has set it.
fn set_if_absent(headers: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value
        && let Entry::Vacant(place) = headers.entry(name)
    {
        place.insert(value);
    }
}
