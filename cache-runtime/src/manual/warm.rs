//! Cache warming: loads values before requests need them.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::cache::Cache;
use crate::common::sync::is_within_runtime;
use crate::key::CacheKey;
use crate::telemetry::outcome::{Status, observe};

/// The default number of calls that run at once.
const CONCURRENCY: usize = 8;

impl Cache {
    /// Warms the cache: calls cached functions before the first request needs their values.
    ///
    /// Each item is a key, which names the call in the report, and the call itself. A value that is already cached
    /// costs one lookup. A call that fails or panics does not stop the others. Nothing runs until the builder is
    /// awaited.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use cache_runtime::cached;
    ///
    /// #[cached(ttl = "list", key = "jobs:list:<page>")]
    /// async fn list_jobs(page: u32) -> Result<Vec<u32>, String> {
    ///     if page == 2 { Err("no such page".into()) } else { Ok(vec![page]) }
    /// }
    ///
    /// let report = cache_runtime::cache()
    ///     .warm((0..3).map(|page| (list_jobs::key(page), list_jobs(page))))
    ///     .concurrency(2)
    ///     .on_progress(|progress| println!("{}/{}", progress.done, progress.total))
    ///     .await;
    /// assert_eq!((report.loaded, report.failed.len()), (2, 1));
    /// assert_eq!(report.failed[0].key.as_str(), "jobs:list:2");
    /// # }
    /// ```
    ///
    /// Cancellation: dropping it aborts the calls under way; values that were loaded stay in the cache.
    #[must_use = "nothing is loaded before this is awaited"]
    pub fn warm<I, F>(&self, calls: I) -> Warm<F>
    where
        I: IntoIterator<Item = (CacheKey, F)>,
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Warm {
            calls: calls.into_iter().collect(),
            concurrency: CONCURRENCY,
            progress: None,
        }
    }
}

/// The calls that [`Cache::warm`] is to make, and its options.
#[must_use = "nothing is loaded before this is awaited"]
pub struct Warm<F> {
    calls: Vec<(CacheKey, F)>,
    concurrency: usize,
    progress: Option<Progress>,
}

type Progress = Box<dyn FnMut(&WarmProgress) + Send>;

/// The progress of [`Cache::warm`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WarmProgress {
    /// Calls that have ended, successfully or not.
    pub done: usize,
    /// The number of all calls.
    pub total: usize,
    /// Those of `done` that failed.
    pub failed: usize,
    /// The call that has just ended.
    pub key: CacheKey,
}

/// The result of [`Cache::warm`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WarmReport {
    /// Calls whose body ran and succeeded.
    pub loaded: usize,
    /// Calls that found their value in the cache.
    pub present: usize,
    /// The calls that failed, in the order in which they ended.
    pub failed: Vec<WarmFailure>,
    /// The time it took.
    pub took: Duration,
}

/// A call of [`Cache::warm`] that failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WarmFailure {
    /// The key of the call.
    pub key: CacheKey,
    /// How it failed.
    pub why: WarmFailureKind,
}

/// How a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WarmFailureKind {
    /// Its body returned an error.
    Failed,
    /// Its body panicked.
    Panicked,
    /// It called no cached function, or the function could not use the cache.
    NotCached,
}

impl<F> Warm<F> {
    /// Sets how many calls run at once; 8 by default, at least 1.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.max(1);
        self
    }

    /// Sets a function that is called after each call, in the order in which the calls end.
    pub fn on_progress(mut self, progress: impl FnMut(&WarmProgress) + Send + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }
}

impl<F> fmt::Debug for Warm<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warm")
            .field("calls", &self.calls.len())
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

impl<F> IntoFuture for Warm<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = WarmReport;
    type IntoFuture = Pin<Box<dyn Future<Output = WarmReport> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(run(self))
    }
}

async fn run<F>(warm: Warm<F>) -> WarmReport
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let Warm {
        calls,
        concurrency,
        mut progress,
    } = warm;
    let (total, began) = (calls.len(), Instant::now());
    let mut report = WarmReport::default();
    let mut calls = calls.into_iter();
    let mut running = JoinSet::new();
    let mut done = 0;
    loop {
        let Some(ended) = next(&mut calls, &mut running, concurrency).await else {
            break;
        };
        // Panics are caught in the task, and nothing aborts it: only a runtime that shuts down ends a task early.
        let Ok((key, how)) = ended else { break };
        match how {
            Ok(Status::Miss) => report.loaded += 1,
            Ok(_) => report.present += 1,
            Err(why) => {
                tracing::warn!(key = %key, ?why, "warming could not load a value; the next call loads it");
                report.failed.push(WarmFailure {
                    key: key.clone(),
                    why,
                });
            }
        }
        done += 1;
        if let Some(progress) = &mut progress {
            progress(&WarmProgress {
                done,
                total,
                failed: report.failed.len(),
                key,
            });
        }
    }
    report.took = began.elapsed();
    tracing::info!(
        loaded = report.loaded,
        present = report.present,
        failed = report.failed.len(),
        took = ?report.took,
        "warming the cache has ended"
    );
    report
}

/// The result of one call.
type Ended = (CacheKey, Result<Status, WarmFailureKind>);

/// Waits for the next call that ends, while up to `concurrency` of them run. Outside of a tokio runtime there are no
/// tasks, so the calls run one after the other.
async fn next<F>(
    calls: &mut impl Iterator<Item = (CacheKey, F)>,
    running: &mut JoinSet<Ended>,
    concurrency: usize,
) -> Option<Result<Ended, JoinError>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    if !is_within_runtime()
        && let Some((key, call)) = calls.next()
    {
        return Some(Ok(one(key, call).await));
    }
    while running.len() < concurrency
        && let Some((key, call)) = calls.next()
    {
        let one = one(key, call);
        #[cfg(feature = "testing")]
        let one = crate::common::inherited::inherit(one);
        running.spawn(one);
    }
    running.join_next().await
}

async fn one<F: Future>(key: CacheKey, call: F) -> Ended {
    let called = observe(catching(call)).await;
    let how = match called {
        (Err(()), _) => Err(WarmFailureKind::Panicked),
        (Ok(_), observed) => match observed.calls().last() {
            Some(call) if call.failed => Err(WarmFailureKind::Failed),
            Some(call) if call.status != Status::Bypass => Ok(call.status),
            _ => Err(WarmFailureKind::NotCached),
        },
    };
    (key, how)
}

/// Runs the call; `Err` if it panicked.
async fn catching<F: Future>(call: F) -> Result<F::Output, ()> {
    let mut call = Box::pin(call);
    std::future::poll_fn(move |context| {
        // After a panic the call is only dropped, never polled again.
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(_) => std::task::Poll::Ready(Err(())),
        }
    })
    .await
}
