//! The locks, atomics and notifications of state that more than one task changes. Normally they are parking_lot's, the
//! standard library's and tokio's. In tests with `--cfg shuttle` they are those of an explorer, which chooses at each
//! of them which thread runs next.

#[cfg(not(all(test, shuttle)))]
pub(crate) use {
    parking_lot::{Mutex, RwLock},
    std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize},
    tokio::sync::Notify,
};

/// True if the caller is polled within a tokio runtime, which provides timers and tasks. Elsewhere both would panic.
pub(crate) fn is_within_runtime() -> bool {
    tokio::runtime::Handle::try_current().is_ok()
}

/// Waits for the work, at most `limit`. Outside of a runtime there is no timer, so it does not wait at all.
pub(crate) async fn at_most<T>(
    limit: std::time::Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    if !is_within_runtime() {
        return None;
    }
    tokio::time::timeout(limit, work).await.ok()
}

/// Waits for the work, at most `limit` if there is a runtime with a timer. True: the work has ended.
#[cfg(not(all(test, shuttle)))]
pub(crate) async fn within(limit: std::time::Duration, work: impl Future<Output = ()>) -> bool {
    if is_within_runtime() {
        return tokio::time::timeout(limit, work).await.is_ok();
    }
    work.await;
    true
}

/// Time stands still while schedules are explored.
#[cfg(all(test, shuttle))]
pub(crate) async fn within(_: std::time::Duration, work: impl Future<Output = ()>) -> bool {
    work.await;
    true
}

#[cfg(all(test, shuttle))]
pub(crate) use self::explored::{Mutex, Notify, RwLock};
#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

#[cfg(all(test, shuttle))]
mod explored {
    use std::sync::PoisonError;

    use shuttle::sync::atomic::{AtomicBool, Ordering};
    use shuttle::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
    use tokio::sync::futures::Notified;

    /// With parking_lot's interface: a panic elsewhere does not poison it.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct RwLock<T>(shuttle::sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// Tokio's own, which never yields inside. So it is enough that another thread may run before each step.
    #[derive(Debug)]
    pub(crate) struct Notify {
        inner: tokio::sync::Notify,
        step: AtomicBool,
    }

    impl Notify {
        pub(crate) fn new() -> Self {
            Self {
                inner: tokio::sync::Notify::new(),
                step: AtomicBool::new(false),
            }
        }

        pub(crate) fn notify_one(&self) {
            self.step();
            self.inner.notify_one();
        }

        pub(crate) fn notify_waiters(&self) {
            self.step();
            self.inner.notify_waiters();
        }

        pub(crate) fn notified(&self) -> Notified<'_> {
            self.step();
            self.inner.notified()
        }

        fn step(&self) {
            self.step.load(Ordering::SeqCst);
        }
    }
}
