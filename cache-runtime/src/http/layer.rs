//! A tower layer that tells how the cached calls behind a response went.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::outcome::observe;

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Adds `X-Cache: HIT`, `MISS` or `BYPASS` to responses whose handler made cached calls: `HIT` when all of them were
/// hits, `MISS` when a body ran. Responses without cached calls stay as they are.
///
/// ```
/// use axum::{Router, routing::get};
/// use cache_runtime::http::CacheLayer;
///
/// let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(CacheLayer::new());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheLayer(());

impl CacheLayer {
    /// The layer.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = CacheService<S>;

    fn layer(&self, inner: S) -> CacheService<S> {
        CacheService { inner }
    }
}

/// The service that [`CacheLayer`] makes.
#[derive(Clone, Copy, Debug)]
pub struct CacheService<S> {
    inner: S,
}

impl<S, B, C> Service<Request<B>> for CacheService<S>
where
    S: Service<Request<B>, Response = Response<C>>,
    S::Future: Send + 'static,
{
    type Response = Response<C>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<C>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = observe(self.inner.call(request));
        Box::pin(async move {
            let (answer, observed) = answer.await;
            let mut response = answer?;
            if let Some(word) = observed.as_str() {
                response
                    .headers_mut()
                    .insert(X_CACHE, HeaderValue::from_static(word));
            }
            Ok(response)
        })
    }
}
