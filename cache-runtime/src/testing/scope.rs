//! A global cache of one's own, for the calls of one test.

use std::future::Future;

use tokio::task::JoinHandle;

use crate::cache::Cache;
use crate::cache::config::CacheConfig;
use crate::common::inherited::{give, give_sync, inherit};
use crate::error::Error;
use crate::key::{Pattern, PatternError};
use crate::testing::held_loads::HeldLoads;

/// How many entries the memory of [`Scope::new`] holds. A test needs few, and a process may run many tests.
const ENTRIES: usize = 1_000;

/// Runs a future with a global cache of its own, which is empty and uses memory only.
///
/// All cached calls in it, and [`cache_runtime::cache()`](crate::cache()), use this cache. So tests can run at the same
/// time in one process, and none sees the entries or the counters of another. A function with `cache = …` uses the
/// cache that is named there. [`init`](crate::init()) has no effect on it: inside, too, it makes the global cache of the
/// process.
///
/// It is a task-local. Work that the cache itself starts in the background is inside. A task that the test or the tested
/// code starts is inside if it is started with [`testing::spawn`](spawn), or with [`Scope::spawn`]; one that
/// `tokio::spawn` starts uses the process's global cache.
///
/// ```
/// use cache_runtime::{assert_hit, assert_miss, cached, testing};
///
/// #[cached(ttl = "1m", key = "square:<n>")]
/// async fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// testing::scope(async {
///     assert_miss!(square(3));
///     assert_eq!(assert_hit!(square(3)), 9);
///     tokio::time::advance(std::time::Duration::from_secs(61)).await; // with tokio's paused clock
///     assert_miss!(square(3));
/// })
/// .await;
/// # }
/// ```
pub async fn scope<F: Future>(work: F) -> F::Output {
    Scope::new().run(work).await
}

/// Starts a task in the same [`scope`] as the caller; outside of a scope like `tokio::spawn`.
///
/// # Panics
///
/// Outside of a tokio runtime, as `tokio::spawn` does.
pub fn spawn<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(inherit(work))
}

/// A global cache of its own, for what is run with it. [`scope`] is the short form.
///
/// Each scope keeps some memory until the process ends, because [`cache_runtime::cache()`](crate::cache()) returns a
/// reference without a limit.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    pub(super) cache: &'static Cache,
}

impl Default for Scope {
    fn default() -> Self {
        Self::new()
    }
}

impl Scope {
    /// Creates a scope whose cache is empty and uses memory only.
    #[must_use]
    pub fn new() -> Self {
        match Self::with(CacheConfig::default().max_entries(ENTRIES)) {
            Ok(scope) => scope,
            Err(_) => unreachable!("the defaults are valid"),
        }
    }

    /// Creates a scope with a cache of these settings, for example with the URL of a Redis that the test has started. Give
    /// each test a namespace of its own if they share a Redis.
    ///
    /// # Errors
    ///
    /// A setting is invalid, as for [`Cache::new`].
    ///
    /// ```
    /// use cache_runtime::{CacheConfig, testing::Scope};
    ///
    /// # fn main() -> Result<(), cache_runtime::Error> {
    /// let switched_off = Scope::with(CacheConfig::default().enabled(false))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with(config: CacheConfig) -> Result<Self, Error> {
        let cache = Cache::new(config)?;
        Ok(Self {
            cache: Box::leak(Box::new(cache)),
        })
    }

    /// The cache of the scope.
    #[must_use]
    pub fn cache(self) -> &'static Cache {
        self.cache
    }

    /// Runs a future in the scope. Several futures may run in it, at the same time or one after another.
    pub async fn run<F: Future>(self, work: F) -> F::Output {
        give(self.cache, work).await
    }

    /// Runs a function in the scope, on this thread: for cached functions that are not `async`, and threads of the test's own.
    ///
    /// ```
    /// use cache_runtime::{cached, testing::Scope};
    ///
    /// #[cached(ttl = "1m", key = "cube:<n>")]
    /// fn cube(n: u64) -> u64 {
    ///     n * n * n
    /// }
    ///
    /// let scope = Scope::new();
    /// std::thread::spawn(move || scope.enter(|| cube(3))).join().unwrap();
    /// assert_eq!(scope.enter(|| cube(3)), 27);
    /// assert_eq!(scope.cache().stats().loads, 1);
    /// ```
    pub fn enter<T>(self, work: impl FnOnce() -> T) -> T {
        give_sync(self.cache, work)
    }

    /// Starts a task in the scope.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as `tokio::spawn` does.
    pub fn spawn<F>(self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(give(self.cache, work))
    }

    /// Holds every load of a key that the pattern matches, from now until the result is released or dropped. A load is held
    /// at the end of its body, before its value is stored and returned. Bodies that store nothing for anybody are not held:
    /// of calls that bypass the cache, and of those that run in turn after a load that failed. A pattern that names a tag
    /// matches no load, because a load may get its tags only from its result.
    ///
    /// So a test can do something at the worst moment: remove a key while an older value is about to be stored, for
    /// example, or start more calls that share the load.
    ///
    /// # Errors
    ///
    /// The pattern is invalid, as for [`Pattern::parse`].
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    /// use cache_runtime::{cached, testing::Scope};
    ///
    /// static VERSION: AtomicU32 = AtomicU32::new(1);
    ///
    /// #[cached(ttl = "1m", key = "version")]
    /// async fn version() -> u32 {
    ///     VERSION.load(SeqCst)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let scope = Scope::new();
    /// let held = scope.hold("version")?;
    /// let reader = scope.spawn(version());
    /// held.reached().await; // the body has read 1
    /// VERSION.store(2, SeqCst);
    /// scope.run(version::invalidate()).await;
    /// held.release();
    /// assert_eq!(reader.await?, 1); // it began before the change
    /// assert_eq!(scope.run(version()).await, 2); // the older value was not stored
    /// # Ok(())
    /// # }
    /// ```
    pub fn hold(self, pattern: &str) -> Result<HeldLoads, PatternError> {
        let pattern = Pattern::parse(pattern)?;
        Ok(HeldLoads::new(self.cache, pattern))
    }
}
