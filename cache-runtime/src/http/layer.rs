//! A tower layer that tells how the cached calls behind a response went, and spares the client what it has already.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::header::{
    AGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE,
    ETAG, EXPIRES, SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use tower_layer::Layer;
use tower_service::Service;

use crate::cache::Cache;
use crate::cache::global;
use crate::cacheable::response::{LONGEST_BODY, age_of, buffer, says};
use crate::http::cache_status;
use crate::http::etag::{self, Strength};
use crate::http::freshness::{Audience, UNTOLD, cache_control};
use crate::outage::breaker::BreakerState;
use crate::telemetry::outcome::{Observed, ObserverOptions, observe_as};

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Tells clients how the cached calls behind a response went, and spares them what they have already.
///
/// | header | says |
/// |---|---|
/// | `X-Cache` | `MISS` where a body ran or was waited for, `BYPASS` where the cache could not be used, `STALE` where a value was past its lifetime, `HIT` where every cached call was a hit |
/// | `Cache-Status` | the same in the words of RFC 9211: `cache; hit; ttl=42`, `cache; fwd=uri-miss; ttl=60; stored`, `cache; fwd=miss; ttl=60; collapsed`; `detail=breaker-open` while Redis is away |
/// | `Age` | seconds since the oldest of the values was loaded |
/// | `ETag` | of the body; `If-None-Match` is answered with `304` and no body |
/// | `Cache-Control` | `private, no-cache`; where asked, what the functions say: [`cache_control`](Self::cache_control) |
/// | `Vary` | the request headers that functions name (`vary`), those of [`vary`](Self::vary), and the credentials of a request whose answer its browser may keep |
///
/// What a handler sets itself stands. An `ETag` is for successful answers of cached calls to `GET` and `HEAD`, with a body of
/// known size of up to 1 MiB; streams go through untouched.
///
/// **Caches in between.** A proxy or CDN may keep an answer that says nothing about it for a time of its own choice, and give
/// it to other users. So every answer that passes through and has neither `Cache-Control` nor `Expires` gets `private,
/// no-cache`: errors, answers to other methods, and those that no cached function had a part in. Files and other content for
/// everyone then need a `Cache-Control` of their own, set inside of this layer. Layers that answer
/// requests themselves (time-outs, authentication) or set cookies belong inside of it, too: outside, their answers would have
/// no `Cache-Control`, and their cookies could be added to an answer that says `public`.
///
/// For whom an answer is, and which request headers it depends on, its function says: `public` and `vary` of
/// [`#[cached]`](macro@crate::cached). Only where every cached call says `public` is an answer so, and never one that sets
/// a cookie, nor one to a request with `Authorization` or `Cookie` unless `Vary` names that header.
///
/// **Credentials.** The result of a cached handler (`Json`, `(StatusCode, Json)`, a `Response`) is neither stored for nor
/// served to a request with `Authorization` if its key holds nothing of who asks: it goes uncached, with
/// `Cache-Status: cache; fwd=bypass; detail=credentials` and one warning in the log. A key holds who asks through an
/// argument whose type is marked with [`IdentifiesCaller`](crate::IdentifiesCaller); `vary = "authorization"` says so where a
/// type cannot be marked, and `public` that all who may ask get the same. Authorization itself belongs before the handler: a
/// hit skips the body and whatever it checks.
///
/// **Cookies.** A request with `Cookie` is answered from the cache like any other: browsers send cookies that identify nobody,
/// so their presence proves nothing. Two users get the same answer exactly if their calls have the same key. Where a cookie
/// tells who asks, the extractor that reads it must be an argument of the function, and in its key. An argument that is neither
/// in the key nor skipped by name does not compile; what a body reads from elsewhere, a task-local for example, is not seen.
/// An answer with `Set-Cookie` is never stored, and an answer to a request with `Cookie` is never `public` unless its `Vary`
/// names the header (`vary = "cookie"`).
///
/// **Compression** belongs outside of this layer, or there is no `ETag`, for lack of a known size. A layer that compresses
/// whatever has no known size does so with the empty body of a `304`, too, and adds a `Content-Encoding` that contradicts the
/// answer which the client has. tower-http's does; tell it not to:
///
/// ```text
/// let changed = |status: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| status != StatusCode::NOT_MODIFIED;
/// router
///     .layer(CacheLayer::new().vary(["accept-encoding"]))
///     .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(changed)))
/// ```
///
/// A layer on a route reports that route's calls, and one around the whole router leaves them alone.
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
    /// A layer that adds `X-Cache`, `Cache-Status`, `Age`, a weak `ETag`, and `Cache-Control: private, no-cache`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }

    /// Makes `Cache-Control` from the lifetimes of the functions that were called: `public, max-age=60,
    /// stale-while-revalidate=30, stale-if-error=3600` where all of them say `public`, else `private, …`, for the reader's own
    /// browser alone, and with `Vary` by the credentials of the request. The windows are those of `stale` and `stale_on_error`. Where a result is not to be kept, `no-cache`
    /// stands in place of `max-age`. It is for successful answers to `GET` and `HEAD`; all others stay `private, no-cache`.
    ///
    /// What a browser or a CDN holds is out of reach of every invalidation, for up to `max-age` and the windows after it.
    #[must_use]
    pub fn cache_control(self) -> Self {
        self.with(|options| options.cache_control = Some(Audience::Public))
    }

    /// The same, but never `public`, whatever the functions say: for routes that add to their answers what is not for all.
    #[must_use]
    pub fn private(self) -> Self {
        self.with(|options| options.cache_control = Some(Audience::Private))
    }

    /// Request headers that answers depend on, for `Vary`, beside those that functions (`vary`) and handlers name. A name
    /// that cannot be one is left out.
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

    /// Makes `ETag`s strong: equal bytes. Only where no layer further out, and no proxy, changes them: compression does.
    #[must_use]
    pub fn strong_etag(self) -> Self {
        self.with(|options| options.etag = Strength::Strong)
    }

    /// Makes no `ETag`s. One that a handler sets still gets its `304`.
    #[must_use]
    pub fn without_etag(self) -> Self {
        self.with(|options| options.etag = Strength::Off)
    }

    /// Lets clients ask past the cache: the cached reads behind a `GET` with `Cache-Control: no-cache` get no value that
    /// stood when they came, but its successor, which those who ask at the same time share. Every browser's reload can do
    /// that: only for clients that may cost you a load after another.
    #[must_use]
    pub fn honor_no_cache(self) -> Self {
        self.with(|options| options.honor_no_cache = true)
    }

    /// The name before each answer's `Cache-Status`; `cache` unless set.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with(|options| options.name = name.into())
    }

    /// A `Cache-Status` member for each cached call, named by its function, up to 16; without it there is one for all of
    /// them together, that of the call that went furthest from a hit.
    #[must_use]
    pub fn each_call(self) -> Self {
        self.with(|options| options.each_call = true)
    }

    /// Names the keys in `Cache-Status`. Keys hold what they are made of, user ids and searches: for development.
    #[must_use]
    pub fn keys(self) -> Self {
        self.with(|options| options.keys = true)
    }

    /// The cache whose breaker shows in `Cache-Status`; the global one unless set.
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

/// The service that [`CacheLayer`] makes.
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
            Ok(options.dress(response, &asked, &observed).await)
        })
    }
}

/// What of a request matters to its answer.
#[derive(Debug)]
struct Asked {
    reads: bool,
    no_cache: bool,
    /// With `Authorization`.
    authorized: bool,
    /// With `Cookie`.
    cookies: bool,
    /// `If-None-Match` alone.
    known: HeaderMap,
}

impl Asked {
    fn of(method: &Method, headers: &HeaderMap) -> Self {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let mut known = HeaderMap::new();
        if reads {
            for value in headers.get_all(http::header::IF_NONE_MATCH) {
                known.append(http::header::IF_NONE_MATCH, value.clone());
            }
        }
        Self {
            reads,
            no_cache: reads && says(headers, "no-cache"),
            authorized: headers.contains_key(AUTHORIZATION),
            cookies: headers.contains_key(COOKIE),
            known,
        }
    }
}

impl Asked {
    /// The credentials that it bears: what its browser keeps must not answer whoever signs in there next.
    fn add_vary(&self, headers: &mut HeaderMap) {
        for (is_there, name) in [(self.authorized, AUTHORIZATION), (self.cookies, COOKIE)] {
            if is_there {
                vary_by(headers, name);
            }
        }
    }
}

impl Options {
    async fn dress(
        &self,
        mut response: Response<Body>,
        asked: &Asked,
        observed: &Observed,
    ) -> Response<Body> {
        let succeeds = response.status().is_success();
        let headers = response.headers_mut();
        self.add_vary(headers, observed);
        let Some(word) = observed.as_str() else {
            Self::add_cache_control(headers, None);
            return response;
        };
        set_if_absent(headers, &X_CACHE, Some(HeaderValue::from_static(word)));
        if let Some(status) = self.cache_status(observed) {
            // A list: whatever the handler's own call to another cache said stands before it.
            headers.append(CACHE_STATUS, status);
        }
        if asked.reads && observed.hits > 0 {
            set_if_absent(headers, &AGE, Some(observed.age.as_secs().into()));
        }
        let told = self.cache_control.filter(|_| asked.reads && succeeds);
        let told = told.and_then(|audience| {
            let audience = audience.of(observed, asked, headers);
            if audience == Audience::Private {
                asked.add_vary(headers);
            }
            cache_control(observed, audience, age_of(headers))
        });
        Self::add_cache_control(headers, told);
        if asked.reads && response.status() == StatusCode::OK {
            self.with_etag(response, asked).await
        } else {
            response
        }
    }

    /// What the functions tell, or that nobody but the one who asked may keep the answer. `Expires` is a handler's own word
    /// on the matter, too.
    fn add_cache_control(headers: &mut HeaderMap, told: Option<String>) {
        if headers.contains_key(EXPIRES) {
            return;
        }
        let told = told.and_then(|told| HeaderValue::try_from(told).ok());
        set_if_absent(headers, &CACHE_CONTROL, Some(told.unwrap_or(UNTOLD)));
    }

    fn cache_status(&self, observed: &Observed) -> Option<HeaderValue> {
        let cache = self.cache.as_ref().or_else(|| global::existing());
        let away = cache
            .and_then(Cache::breaker_state)
            .is_some_and(|state| state != BreakerState::Closed);
        let told = if self.each_call {
            cache_status::of_each(&self.name, observed, self.keys, away)
        } else {
            cache_status::of_all(&self.name, observed, self.keys, away)
        };
        HeaderValue::try_from(told?).ok()
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

    async fn with_etag(&self, response: Response<Body>, asked: &Asked) -> Response<Body> {
        let mut response = response;
        if !response.headers().contains_key(ETAG) {
            let short = HttpBody::size_hint(response.body())
                .exact()
                .is_some_and(|length| (1..=LONGEST_BODY as u64).contains(&length));
            if self.etag == Strength::Off || !short || says(response.headers(), "no-store") {
                return response;
            }
            let body;
            (response, body) = buffer(response, LONGEST_BODY).await;
            let etag = body.and_then(|body| etag::of(&body, self.etag));
            set_if_absent(response.headers_mut(), &ETAG, etag);
        }
        let has_it = response
            .headers()
            .get(ETAG)
            .is_some_and(|etag| etag::matches(&asked.known, etag));
        if has_it {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::new(Nothing);
            for name in [CONTENT_LENGTH, CONTENT_TYPE, CONTENT_ENCODING] {
                response.headers_mut().remove(name);
            }
        }
        response
    }
}

/// The body of a `304`. It does not tell its length, or the framework would: `Content-Length: 0`, which there means that
/// the answer which the client has is empty.
struct Nothing;

impl HttpBody for Nothing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

impl Audience {
    /// Public only where every function says so, and nothing about the exchange says otherwise.
    fn of(self, observed: &Observed, asked: &Asked, headers: &HeaderMap) -> Self {
        let said = observed.untold() == 0 && observed.calls().iter().all(|call| call.public);
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

fn vary_by(headers: &mut HeaderMap, name: HeaderName) {
    if !varies_by(headers, &name) {
        headers.append(VARY, HeaderValue::from_name(name));
    }
}

/// Does `Vary` name the header?
fn varies_by(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers
        .get_all(VARY)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|other| other == "*" || other.eq_ignore_ascii_case(name.as_str()))
}

/// A handler's own word stands.
fn set_if_absent(headers: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value
        && !headers.contains_key(name)
    {
        headers.insert(name, value);
    }
}
