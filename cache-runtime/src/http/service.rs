//! The tower service of the layer, and its future.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::http::conditional::Completed;
use crate::http::headers::{Asked, Options};
use crate::telemetry::outcome::Observer;

/// The tower service of [`CacheLayer`](crate::http::CacheLayer).
#[derive(Clone, Debug)]
pub struct CacheService<S> {
    inner: S,
    options: Arc<Options>,
}

impl<S> CacheService<S> {
    pub(super) fn new(inner: S, options: Arc<Options>) -> Self {
        Self { inner, options }
    }
}

impl<S, B, C> Service<Request<B>> for CacheService<S>
where
    S: Service<Request<B>, Response = Response<C>>,
    C: HttpBody<Data = Bytes> + Send + 'static,
    C::Error: Into<axum::BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = AnswerFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let asked = Asked::of(request.method(), request.headers());
        AnswerFuture::new(self.inner.call(request), self.options.clone(), asked)
    }
}

pin_project! {
    /// The future of [`CacheService`]: the inner service's answer with cache headers.
    pub struct AnswerFuture<F> {
        // Not boxed: it would be moved once more, it is large, and a router boxes the whole future anyway.
        #[pin]
        inner: F,
        progress: Progress,
    }
}

enum Progress {
    /// It has not been polled.
    Created(Arc<Options>, Asked),
    /// The inner service has been polled.
    Observing(Arc<Options>, Asked, Observer),
    /// The body of the answer is being read.
    Reading(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
    Ended,
}

impl<F> AnswerFuture<F> {
    pub(super) fn new(inner: F, options: Arc<Options>, asked: Asked) -> Self {
        Self {
            inner,
            progress: Progress::Created(options, asked),
        }
    }
}

impl<F, C, E> Future for AnswerFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
    C: HttpBody<Data = Bytes> + Send + 'static,
    C::Error: Into<axum::BoxError>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Progress::Reading(reading) = this.progress {
            return reading.as_mut().poll(context).map(Ok);
        }
        let (options, asked, observer) = match mem::replace(this.progress, Progress::Ended) {
            // The observer is created only now, because the task of a surrounding one polls this.
            Progress::Created(options, asked) => {
                let observer = Observer::new(options.observed(&asked));
                (options, asked, observer)
            }
            Progress::Observing(options, asked, observer) => (options, asked, observer),
            Progress::Reading(_) | Progress::Ended => panic!("polled after it was ready"),
        };
        let inner = this.inner;
        let answer = match observer.watch(|| inner.poll(context)) {
            Poll::Ready(answer) => answer?,
            Poll::Pending => {
                *this.progress = Progress::Observing(options, asked, observer);
                return Poll::Pending;
            }
        };
        match options.complete(answer.map(Body::new), asked, &observer.finish()) {
            Completed::Whole(response) => Poll::Ready(Ok(response)),
            Completed::Reading(mut reading) => {
                let read = reading.as_mut().poll(context);
                *this.progress = Progress::Reading(reading);
                Poll::Ready(Ok(ready!(read)))
            }
        }
    }
}

impl<F> fmt::Debug for AnswerFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerFuture").finish_non_exhaustive()
    }
}
