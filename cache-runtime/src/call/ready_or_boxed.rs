//! The future of a read: a ready value, or a box.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cacheable::erased::{AnyResult, Erase};
use crate::telemetry::outcome::naming;

/// A read that memory has answered, or one that continues in a box, so that the caller's own future stays small.
pub(super) enum ReadyOrBoxed<R, K, F> {
    Ready(Option<R>, PhantomData<fn() -> K>),
    /// With the call's key, if its observer wants it.
    Boxed(F, Option<Arc<str>>),
}

// The value is never pinned: it is moved out.
impl<R, K, F> Unpin for ReadyOrBoxed<R, K, F> {}

impl<R, K, F> ReadyOrBoxed<R, K, F> {
    pub(super) fn ready(returned: R) -> Self {
        Self::Ready(Some(returned), PhantomData)
    }
}

impl<R, K, F> Future for ReadyOrBoxed<R, K, F>
where
    K: Erase<R>,
    F: Future<Output = AnyResult> + Unpin,
{
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        match &mut *self {
            Self::Ready(returned, _) => match returned.take() {
                Some(value) => match tokio::task::coop::poll_proceed(context) {
                    // A loop of hits must yield to other tasks, such as the one that receives removals.
                    Poll::Pending => {
                        *returned = Some(value);
                        Poll::Pending
                    }
                    Poll::Ready(proceed) => {
                        proceed.made_progress();
                        Poll::Ready(value)
                    }
                },
                // As every `async fn` does: polling a future that has ended is a bug.
                None => panic!("a cached call was polled after it had ended"),
            },
            Self::Boxed(future, name) => {
                let future: Pin<&mut F> = Pin::new(future);
                poll_named(name.as_ref(), future, context).map(K::typed)
            }
        }
    }
}

/// Does not depend on the type of the result, so it is compiled once.
fn poll_named(
    name: Option<&Arc<str>>,
    future: Pin<&mut dyn Future<Output = AnyResult>>,
    context: &mut Context<'_>,
) -> Poll<AnyResult> {
    naming(name, || future.poll(context))
}
