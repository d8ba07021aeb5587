//! A tower layer that tells how the cached calls behind a response went, and spares the client what it has already.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::header::{
    AGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    EXPIRES, SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use tower_layer::Layer;
use tower_service::Service;

use super::cache_status;
use super::etag::{self, Strength};
use super::freshness::{Audience, cache_control};
use crate::breaker::BreakerState;
use crate::cache::Cache;
use crate::cacheable::http::{Buffered, LONGEST_BODY, buffer};
use crate::global;
use crate::outcome::{Observed, Wish, observe_as};

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
/// | `Cache-Control`, `Vary` | where asked: [`cache_control`](Self::cache_control), [`vary`](Self::vary) |
///
/// Responses without cached calls stay as they are, but for `Vary`. What a handler sets itself stands. `Age`, `ETag` and
/// `Cache-Control` are for successful answers to `GET` and `HEAD`. An `ETag` needs a body of known size of up to 1 MiB;
/// streams go through untouched.
///
/// A layer on a route reports that route's calls, and one around the whole router leaves them alone: so each route can say
/// for whom its answers are.
///
/// ```
/// use axum::{Router, routing::get};
/// use cache_runtime::http::CacheLayer;
///
/// let app: Router = Router::new()
///     .route("/feed", get(|| async { "everybody's" }).layer(CacheLayer::new().public()))
///     .route("/me", get(|| async { "mine" }).layer(CacheLayer::new().private().vary(["cookie"])))
///     .layer(CacheLayer::new());
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
    /// A layer that adds `X-Cache`, `Cache-Status`, `Age` and a weak `ETag`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }

    /// Adds `Cache-Control` from the lifetimes and `stale` windows of the functions that were called, for the reader's own
    /// browser: `private, max-age=60, stale-while-revalidate=30`. Where a result is not to be kept, `private, no-cache`.
    ///
    /// What a browser or a CDN holds is out of reach of every invalidation, for up to `max-age`.
    #[must_use]
    pub fn cache_control(self) -> Self {
        self.with(|options| {
            options.cache_control.get_or_insert_default();
        })
    }

    /// The same, for caches on the way as well: `public, max-age=…`. Only where an answer is the same for everybody, or
    /// [`vary`](Self::vary) names what it depends on.
    ///
    /// An answer that sets a cookie is `private` all the same, and so is one to a request with `Authorization`, unless
    /// `vary` names that header.
    #[must_use]
    pub fn public(self) -> Self {
        self.with(|options| options.cache_control = Some(Audience::Public))
    }

    /// `Cache-Control: private`, as [`cache_control`](Self::cache_control) has it.
    #[must_use]
    pub fn private(self) -> Self {
        self.with(|options| options.cache_control = Some(Audience::Private))
    }

    /// Request headers that answers depend on (whose values are in keys, say), for `Vary`. Added to what a handler names
    /// itself; a name that cannot be one is left out.
    ///
    /// ```
    /// # use cache_runtime::http::CacheLayer;
    /// let layer = CacheLayer::new().public().vary(["accept-language", "cookie"]);
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

    /// Lets clients ask past the cache: the cached reads behind a `GET` with `Cache-Control: no-cache` run their bodies and
    /// refresh what stands. Every browser's reload can do that: only for clients that may cost you a load each time.
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
        let wish = Wish {
            fresh: options.honor_no_cache && asked.no_cache,
            keys: options.keys,
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
    authorized: bool,
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
            known,
        }
    }
}

/// Does `Cache-Control` hold the directive?
fn says(headers: &HeaderMap, directive: &str) -> bool {
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(directive))
}

impl Options {
    async fn dress(
        &self,
        mut response: Response<Body>,
        asked: &Asked,
        observed: &Observed,
    ) -> Response<Body> {
        let headers = response.headers_mut();
        self.add_vary(headers);
        let Some(word) = observed.as_str() else {
            return response;
        };
        set_if_absent(headers, &X_CACHE, Some(HeaderValue::from_static(word)));
        if let Some(status) = self.cache_status(observed) {
            // A list: whatever the handler's own call to another cache said stands before it.
            headers.append(CACHE_STATUS, status);
        }
        if !asked.reads || !response.status().is_success() {
            return response;
        }
        let headers = response.headers_mut();
        if observed.hits > 0 {
            set_if_absent(headers, &AGE, Some(observed.age.as_secs().into()));
        }
        if let Some(audience) = self.cache_control
            && !headers.contains_key(EXPIRES)
        {
            let audience = self.audience(audience, asked, headers);
            let control = cache_control(observed, audience)
                .and_then(|control| HeaderValue::try_from(control).ok());
            set_if_absent(headers, &CACHE_CONTROL, control);
        }
        if response.status() == StatusCode::OK {
            self.with_etag(response, asked).await
        } else {
            response
        }
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

    fn audience(&self, wanted: Audience, asked: &Asked, headers: &HeaderMap) -> Audience {
        let personal = headers.contains_key(SET_COOKIE)
            || asked.authorized && !self.vary.contains(&AUTHORIZATION);
        if personal { Audience::Private } else { wanted }
    }

    fn add_vary(&self, headers: &mut HeaderMap) {
        for name in &self.vary {
            let named = headers
                .get_all(VARY)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .map(str::trim)
                .any(|other| other == "*" || other.eq_ignore_ascii_case(name.as_str()));
            if !named {
                headers.append(VARY, HeaderValue::from_name(name.clone()));
            }
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
            response = buffer(response, LONGEST_BODY).await;
            let etag = response
                .extensions()
                .get()
                .and_then(|Buffered(body)| etag::of(body, self.etag));
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

/// A handler's own word stands.
fn set_if_absent(headers: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value
        && !headers.contains_key(name)
    {
        headers.insert(name, value);
    }
}
