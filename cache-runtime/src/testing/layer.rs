//! Brings a scope to the requests of a server.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tower_layer::Layer;
use tower_service::Service;

use crate::common::inherited::{Inherited, give, give_sync};
use crate::testing::scope::Scope;

/// Runs every request in a [`Scope`]: for a test with a server, whose connections are tasks of their own.
///
/// ```
/// use axum::{Router, routing::get};
/// use cache_runtime::{cached, testing::Scope};
///
/// #[cached(ttl = "1m", key = "feed")]
/// async fn feed() -> axum::Json<Vec<u32>> {
///     axum::Json(vec![1, 2, 3])
/// }
///
/// let scope = Scope::new();
/// let app: Router = Router::new().route("/feed", get(feed)).layer(scope.layer()); // then `axum::serve(listener, app)`
/// ```
#[derive(Clone, Debug)]
pub struct ScopeLayer(Scope);

impl Scope {
    /// A layer that runs every request in this scope.
    #[must_use]
    pub fn layer(self) -> ScopeLayer {
        ScopeLayer(self)
    }
}

impl<S> Layer<S> for ScopeLayer {
    type Service = ScopeService<S>;

    fn layer(&self, inner: S) -> ScopeService<S> {
        ScopeService {
            inner,
            scope: self.0,
        }
    }
}

/// The tower service of [`ScopeLayer`].
#[derive(Clone, Debug)]
pub struct ScopeService<S> {
    inner: S,
    scope: Scope,
}

impl<S: Service<R>, R> Service<R> for ScopeService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = InScope<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> InScope<S::Future> {
        let cache = self.scope.cache();
        let answer = give_sync(cache, || self.inner.call(request));
        InScope {
            work: give(cache, answer),
        }
    }
}

pin_project! {
    /// The future of [`ScopeService`].
    pub struct InScope<F> {
        #[pin]
        work: TaskLocalFuture<Inherited, F>,
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.project().work.poll(context)
    }
}

impl<F> fmt::Debug for InScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InScope").finish_non_exhaustive()
    }
}
