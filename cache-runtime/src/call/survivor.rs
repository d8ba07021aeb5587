//! A load that others wait for continues when its own caller is dropped.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;

use crate::cache::Cache;
use crate::local::flight::Flight;
use crate::redis::Lease;

/// A load that owns its data, so that it can continue in a separate task, and the place for its result.
pub(super) struct Movable<T> {
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    result: Arc<Mutex<Option<T>>>,
}

impl<T: Send + 'static> Movable<T> {
    pub(super) fn new(load: impl Future<Output = T> + Send + 'static) -> Self {
        let result = Arc::new(Mutex::new(None));
        let slot = result.clone();
        let work = Box::pin(async move {
            let loaded = load.await;
            *slot.lock() = Some(loaded);
        });
        Self { work, result }
    }
}

/// A load whose caller may be dropped. If others wait for it then, it continues in a separate task.
pub(super) struct Survivor<T> {
    /// `None` after it has ended.
    load: Option<Movable<T>>,
    cache: Cache,
    flight: Arc<Flight<Box<Lease>>>,
}

impl<T> Survivor<T> {
    pub(super) fn new(load: Movable<T>, cache: Cache, flight: Arc<Flight<Box<Lease>>>) -> Self {
        Self {
            load: Some(load),
            cache,
            flight,
        }
    }
}

impl<T> Future for Survivor<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(load) = &mut self.load else {
            panic!("a load was polled after it had ended");
        };
        ready!(load.work.as_mut().poll(context));
        let result = load.result.lock().take();
        self.load = None;
        Poll::Ready(
            result.unwrap_or_else(|| unreachable!("it has ended, so it has left its result")),
        )
    }
}

impl<T> Drop for Survivor<T> {
    fn drop(&mut self) {
        if let Some(load) = self.load.take()
            && self.flight.has_waiters()
            && !std::thread::panicking()
            && let Some(room) = self.cache.inner.loads.room()
        {
            // The waiters get the result from the flight.
            room.spawn(load.work);
        }
    }
}
