//! What may be served when: stale values, early refreshes, time-outs, warming. Memory only, and time is turned by hand;
//! the same with Redis and several processes is in `tests/redis/serving.rs`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};
use cache_runtime::{
    Cache, CacheConfig, CacheKey, Reason, Status, TimedOut, WarmFailureKind, cached, observe,
};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, advance, sleep};

/// A source of values: what it gives, how long it takes, whether it fails, how often it was asked.
#[derive(Clone)]
struct Source(Arc<State>);

struct State {
    cache: Cache,
    runs: AtomicU32,
    fails: AtomicBool,
    takes: Mutex<Duration>,
    /// Bodies that may end; each takes one.
    gate: Semaphore,
    gated: AtomicBool,
}

impl Source {
    fn new() -> Self {
        Self(Arc::new(State {
            cache: Cache::new(CacheConfig::default()).unwrap(),
            runs: AtomicU32::new(0),
            fails: AtomicBool::new(false),
            takes: Mutex::new(Duration::ZERO),
            gate: Semaphore::new(0),
            gated: AtomicBool::new(false),
        }))
    }

    fn runs(&self) -> u32 {
        self.0.runs.load(SeqCst)
    }

    fn fail(&self, fails: bool) {
        self.0.fails.store(fails, SeqCst);
    }

    fn take(&self, time: Duration) {
        *self.0.takes.lock() = time;
    }

    /// The number of the run.
    async fn load(&self) -> Result<u32, Failure> {
        let run = self.0.runs.fetch_add(1, SeqCst) + 1;
        let takes = *self.0.takes.lock();
        if !takes.is_zero() {
            sleep(takes).await;
        }
        if self.0.gated.load(SeqCst) {
            self.0.gate.acquire().await.unwrap().forget();
        }
        if self.0.fails.load(SeqCst) {
            return Err(Failure::Broken(run));
        }
        Ok(run)
    }

    #[cached(ttl = "60s", stale = "30s", key = "stale:<id>", cache = self.0.cache)]
    async fn stale(&self, id: u32) -> Result<u32, Failure> {
        let _ = id;
        self.load().await
    }

    #[cached(ttl = "60s", stale_on_error = "1h", key = "on_error:<id>", cache = self.0.cache)]
    async fn on_error(&self, id: u32) -> Result<u32, Failure> {
        let _ = id;
        self.load().await
    }

    #[cached(ttl = "60s", stale_on_error = "1h", retry = "5s", timeout = "2s", key = "retried:<id>", cache = self.0.cache)]
    async fn retried(&self, id: u32) -> Result<u32, Failure> {
        let _ = id;
        self.load().await
    }

    #[cached(ttl = "60s", timeout = "2s", key = "hard:<id>", cache = self.0.cache)]
    async fn hard(&self, id: u32) -> Result<u32, Failure> {
        let _ = id;
        self.load().await
    }

    #[cached(
        ttl = "60s",
        stale_on_error = "1h",
        soft_timeout = "100ms",
        timeout = "10s",
        key = "soft:<id>",
        cache = self.0.cache
    )]
    async fn soft(&self, id: u32) -> Result<u32, Failure> {
        let _ = id;
        self.load().await
    }

    #[cached(ttl = "60s", stale_on_error = "1h", timeout = "2s", key = "plain:<id>", cache = self.0.cache)]
    async fn plain(&self, id: u32) -> u32 {
        let _ = id;
        self.load().await.unwrap_or(0)
    }

    #[cached(ttl = "60s", early, key = "early:<id>", tags = ["all"], cache = self.0.cache)]
    async fn early(&self, id: u32) -> Result<u32, Failure> {
        let _ = id;
        self.load().await
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Failure {
    Broken(u32),
    Slow,
}

impl From<TimedOut> for Failure {
    fn from(_: TimedOut) -> Self {
        Self::Slow
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Lets every task run that can, without turning time.
async fn settled() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_is_served_at_once_and_refreshed_once_behind_the_callers_back() {
    let source = Source::new();
    assert_eq!(source.stale(1).await, Ok(1));
    advance(61 * SECOND).await;
    source.0.gated.store(true, SeqCst);
    // 22: a refresh is running, and others get the old value at once.
    for _ in 0..5 {
        let (value, observed) = observe(source.stale(1)).await;
        assert_eq!((value, observed.as_str()), (Ok(1), Some("STALE")));
        let call = observed.calls()[0];
        assert_eq!(
            (call.status, call.reason),
            (Status::Stale, Reason::Refreshing)
        );
        assert_eq!(call.age, 61 * SECOND);
        settled().await;
    }
    assert_eq!(source.runs(), 2, "one refresh");
    source.0.gate.add_permits(1);
    settled().await;
    let (value, observed) = observe(source.stale(1)).await;
    assert_eq!((value, observed.as_str()), (Ok(2), Some("HIT")));
    assert_eq!(source.0.cache.stats().refreshes, 1);
}

#[tokio::test(start_paused = true)]
async fn past_the_stale_window_the_body_runs_first() {
    let source = Source::new();
    assert_eq!(source.stale(1).await, Ok(1));
    advance(90 * SECOND).await;
    assert_eq!(source.stale(1).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_failing_refresh_leaves_the_stale_value_until_its_window_ends() {
    let source = Source::new();
    assert_eq!(source.stale(1).await, Ok(1));
    source.fail(true);
    advance(61 * SECOND).await;
    for _ in 0..10 {
        assert_eq!(source.stale(1).await, Ok(1));
        settled().await;
    }
    let tried = source.runs() - 1;
    assert!(
        (1..=4).contains(&tried),
        "{tried} refreshes that failed, without a pause between them"
    );
    advance(30 * SECOND).await;
    assert_eq!(source.stale(1).await, Err(Failure::Broken(tried + 2)));
}

#[tokio::test(start_paused = true)]
async fn the_caller_goes_away_and_the_refresh_completes() {
    let source = Source::new();
    assert_eq!(source.stale(1).await, Ok(1));
    advance(61 * SECOND).await;
    source.0.gated.store(true, SeqCst);
    {
        let call = source.stale(1);
        tokio::pin!(call);
        // Polled once and dropped: the hit, and the start of the refresh.
        let _ = futures_poll(call.as_mut()).await;
    }
    settled().await;
    source.0.gate.add_permits(1);
    settled().await;
    assert_eq!((source.stale(1).await, source.runs()), (Ok(2), 2));
}

/// One poll.
async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_during_a_refresh_wins() {
    for how in ["key", "prefix", "glob", "clear"] {
        let source = Source::new();
        assert_eq!(source.stale(1).await, Ok(1));
        advance(61 * SECOND).await;
        source.0.gated.store(true, SeqCst);
        assert_eq!(source.stale(1).await, Ok(1));
        settled().await;
        assert_eq!(source.runs(), 2, "the refresh has begun");
        let cache = &source.0.cache;
        let _ = match how {
            "key" => cache.delete("stale:1").await,
            "prefix" => cache.invalidate_prefix("stale:").await,
            "glob" => cache.invalidate_pattern("*:1").await.unwrap(),
            _ => cache.clear().await,
        };
        source.0.gate.add_permits(2);
        settled().await;
        assert_eq!(cache.get::<u32>("stale:1").await, None, "{how}");
        assert_eq!(source.stale(1).await, Ok(3), "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refreshed_entry_is_still_removed_by_its_tags() {
    let source = Source::new();
    source.take(SECOND);
    assert_eq!(source.early(1).await, Ok(1));
    // One load before its end everybody refreshes.
    advance(59 * SECOND).await;
    assert_eq!(source.early(1).await, Ok(1));
    sleep(2 * SECOND).await;
    assert_eq!(source.early(1).await, Ok(2));
    assert_eq!(source.0.cache.invalidate_tag("all").await.removed, 1);
    assert_eq!(source.early(1).await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn an_early_refresh_serves_the_old_value_and_loads_once() {
    let source = Source::new();
    source.take(SECOND);
    assert_eq!(source.early(1).await, Ok(1));
    advance(59 * SECOND).await;
    for _ in 0..10 {
        let (value, observed) = observe(source.early(1)).await;
        assert_eq!((value, observed.as_str()), (Ok(1), Some("HIT")));
        settled().await;
    }
    assert_eq!(source.runs(), 2);
    sleep(2 * SECOND).await;
    let (value, observed) = observe(source.early(1)).await;
    assert_eq!((value, observed.as_str()), (Ok(2), Some("HIT")));
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_stands_in_for_a_body_that_fails_until_its_window_ends() {
    let source = Source::new();
    assert_eq!(source.on_error(1).await, Ok(1));
    advance(61 * SECOND).await;
    source.fail(true);
    let (value, observed) = observe(source.on_error(1)).await;
    assert_eq!((value, observed.as_str()), (Ok(1), Some("STALE")));
    assert_eq!(observed.calls()[0].reason, Reason::BodyFailed);
    assert_eq!(source.runs(), 2, "the body ran first");
    advance(3598 * SECOND).await;
    assert_eq!(source.on_error(1).await, Ok(1));
    advance(2 * SECOND).await;
    assert_eq!(source.on_error(1).await, Err(Failure::Broken(4)));
}

#[tokio::test(start_paused = true)]
async fn everybody_who_waits_for_a_failing_body_gets_the_stale_value() {
    let source = Source::new();
    assert_eq!(source.on_error(1).await, Ok(1));
    advance(61 * SECOND).await;
    source.fail(true);
    source.take(SECOND);
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.on_error(1).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(1));
    }
    assert_eq!(source.runs(), 2, "one body for all");
}

#[tokio::test(start_paused = true)]
async fn a_success_that_cannot_be_shared_is_no_failure() {
    #[cached(ttl = "60s", stale_on_error = "1h", key = "cookie", cache = source.0.cache, skip(source, cookie))]
    async fn answer(source: &Source, cookie: bool) -> Response {
        let run = source.load().await.unwrap_or(0).to_string();
        if cookie {
            ([(SET_COOKIE, run)], "").into_response()
        } else {
            run.into_response()
        }
    }

    let source = Source::new();
    answer(&source, false).await;
    advance(61 * SECOND).await;
    source.take(SECOND);
    // One leads, two wait; nobody gets another's cookie, nor the answer from before.
    let ask = || answer(&source, true);
    let answers = tokio::join!(ask(), ask(), ask());
    let mut cookies: Vec<_> = [answers.0, answers.1, answers.2]
        .iter()
        .map(|answer| answer.headers()[SET_COOKIE].to_str().unwrap().to_owned())
        .collect();
    cookies.sort();
    assert_eq!(cookies, ["2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn an_invalidated_value_stands_in_for_nothing() {
    let source = Source::new();
    assert_eq!(source.on_error(1).await, Ok(1));
    advance(61 * SECOND).await;
    source.fail(true);
    source.0.gated.store(true, SeqCst);
    let call = tokio::spawn({
        let source = source.clone();
        async move { source.on_error(1).await }
    });
    settled().await;
    let _ = source.0.cache.delete("on_error:1").await;
    source.0.gate.add_permits(1);
    assert_eq!(call.await.unwrap(), Err(Failure::Broken(2)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_without_an_old_value_is_a_time_out_in_time() {
    let source = Source::new();
    source.take(60 * SECOND);
    let began = Instant::now();
    assert_eq!(source.hard(1).await, Err(Failure::Slow));
    assert_eq!(began.elapsed(), 2 * SECOND);
    assert_eq!(source.0.cache.stats().timed_out, 1);
    // Those who wait for the same body are told at the same time.
    let began = Instant::now();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.hard(2).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Err(Failure::Slow));
    }
    assert_eq!(began.elapsed(), 2 * SECOND);
    assert_eq!(source.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_with_an_old_value_gives_that_softly_and_its_own_to_the_next() {
    let source = Source::new();
    assert_eq!(source.soft(1).await, Ok(1));
    advance(61 * SECOND).await;
    source.take(SECOND);
    let began = Instant::now();
    let (value, observed) = observe(source.soft(1)).await;
    assert_eq!((value, observed.as_str()), (Ok(1), Some("STALE")));
    assert_eq!(observed.calls()[0].reason, Reason::BodySlow);
    assert_eq!(began.elapsed(), Duration::from_millis(100));
    // One who comes while it runs does not wait longer either.
    let began = Instant::now();
    assert_eq!(source.soft(1).await, Ok(1));
    assert_eq!(began.elapsed(), Duration::from_millis(100));
    sleep(SECOND).await;
    assert_eq!((source.soft(1).await, source.runs()), (Ok(2), 2));
}

#[tokio::test(start_paused = true)]
async fn a_soft_time_out_without_an_old_value_waits_for_the_body() {
    let source = Source::new();
    source.take(SECOND);
    assert_eq!(source.soft(1).await, Ok(1));
    source.take(60 * SECOND);
    let began = Instant::now();
    assert_eq!(
        source.soft(2).await,
        Err(Failure::Slow),
        "and past the hard end there is an error"
    );
    assert_eq!(began.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_cannot_say_so_waits_unless_an_old_value_is_there() {
    let source = Source::new();
    source.take(60 * SECOND);
    assert_eq!(source.plain(1).await, 1, "the first one must wait");
    advance(61 * SECOND).await;
    let began = Instant::now();
    assert_eq!(source.plain(1).await, 1);
    assert_eq!(began.elapsed(), 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn most_callers_of_a_load_go_away_and_it_completes_for_the_rest() {
    let source = Source::new();
    source.0.gated.store(true, SeqCst);
    let mut calls: Vec<_> = (0..20)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.stale(1).await })
        })
        .collect();
    settled().await;
    let last = calls.split_off(19);
    for call in calls {
        call.abort();
    }
    settled().await;
    source.0.gate.add_permits(2);
    for call in last {
        assert!(call.await.unwrap().is_ok());
    }
}

/// Arguments that are borrowed are cloned for the refresh, and only for that.
static CLONES: AtomicU32 = AtomicU32::new(0);
static TITLES: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

#[derive(Debug)]
struct Db(&'static str);

impl Clone for Db {
    fn clone(&self) -> Self {
        CLONES.fetch_add(1, SeqCst);
        Self(self.0)
    }
}

#[cached(ttl = "60s", stale = "1h", key = "title:<text>:<list>", skip(db))]
async fn borrowing(db: &Db, text: &str, list: &[u32]) -> String {
    *TITLES.lock().entry(text.to_owned()).or_default() += 1;
    format!("{} {text} {list:?} {}", db.0, TITLES.lock()[text])
}

#[tokio::test(start_paused = true)]
async fn borrowed_arguments_are_cloned_for_a_load_and_never_for_a_hit() {
    let db = Db("db");
    assert_eq!(borrowing(&db, "a", &[1, 2]).await, "db a [1, 2] 1");
    let after_load = CLONES.load(SeqCst);
    for _ in 0..10 {
        assert_eq!(borrowing(&db, "a", &[1, 2]).await, "db a [1, 2] 1");
    }
    assert_eq!(CLONES.load(SeqCst), after_load);
    advance(61 * SECOND).await;
    {
        let text = String::from("a");
        assert_eq!(borrowing(&db, &text, &[1, 2]).await, "db a [1, 2] 1");
    }
    settled().await;
    assert_eq!(borrowing(&Db("db"), "a", &[1, 2]).await, "db a [1, 2] 2");
}

#[tokio::test(start_paused = true)]
async fn too_many_refreshes_are_shed_and_the_old_values_served() {
    let cache = Cache::new(CacheConfig::default().max_background_loads(4)).unwrap();

    #[cached(ttl = "60s", stale = "1h", key = "bounded:<id>", cache = cache, skip(cache, gate))]
    async fn bounded(cache: &Cache, gate: &Arc<Semaphore>, id: u32) -> u32 {
        gate.acquire().await.unwrap().forget();
        id
    }

    let gate = Arc::new(Semaphore::new(20));
    for id in 0..20 {
        bounded(&cache, &gate, id).await;
    }
    advance(61 * SECOND).await;
    for id in 0..20 {
        assert_eq!(bounded(&cache, &gate, id).await, id);
        settled().await;
    }
    assert_eq!(cache.stats().shed, 16);
    // They finish before the cache is closed.
    gate.add_permits(4);
    cache.close(SECOND).await;
    assert_eq!(cache.stats().refreshes, 4);
}

#[tokio::test(start_paused = true)]
async fn warming_loads_what_is_missing_and_tells_what_failed() {
    let cache = Cache::new(CacheConfig::default()).unwrap();

    #[cached(ttl = "60s", key = "warm:<id>", cache = cache, skip(cache))]
    async fn page(cache: Cache, id: u32) -> Result<u32, String> {
        sleep(Duration::from_millis(10)).await;
        match id {
            3 => Err("no such page".to_owned()),
            4 => panic!("a page that panics"),
            id => Ok(id),
        }
    }

    assert_eq!(page(cache.clone(), 0).await, Ok(0));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let calls = (0..6).map(|id| {
        (
            CacheKey::new(&format!("warm:{id}")),
            page(cache.clone(), id),
        )
    });
    let report = cache
        .warm(calls)
        .concurrency(2)
        .on_progress({
            let seen = seen.clone();
            move |progress| seen.lock().push((progress.done, progress.total))
        })
        .await;
    assert_eq!((report.loaded, report.present), (3, 1));
    let mut failed: Vec<_> = report
        .failed
        .iter()
        .map(|failed| (failed.key.to_string(), failed.why))
        .collect();
    failed.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        failed,
        [
            ("warm:3".to_owned(), WarmFailureKind::Failed),
            ("warm:4".to_owned(), WarmFailureKind::Panicked),
        ]
    );
    assert_eq!(
        *seen.lock(),
        [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]
    );
}

#[tokio::test(start_paused = true)]
async fn lifetimes_are_spread_by_jitter() {
    let cache = Cache::new(CacheConfig::default()).unwrap();
    let runs = Arc::new(AtomicU32::new(0));

    #[cached(ttl = "100s", jitter = "50%", key = "spread:<id>", cache = cache, skip(cache, runs))]
    async fn spread(cache: &Cache, runs: &AtomicU32, id: u32) -> u32 {
        runs.fetch_add(1, SeqCst);
        id
    }

    for id in 0..100 {
        spread(&cache, &runs, id).await;
    }
    advance(75 * SECOND).await;
    for id in 0..100 {
        spread(&cache, &runs, id).await;
    }
    let again = runs.load(SeqCst) - 100;
    assert!(
        (20..=80).contains(&again),
        "{again} of 100 have ended after three quarters"
    );
    advance(100 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_failed_is_asked_again_after_a_second_and_by_one_call() {
    let source = Source::new();
    assert_eq!(source.on_error(1).await, Ok(1));
    advance(120 * SECOND).await;
    source.fail(true);
    for round in 1..4 {
        for _ in 0..20 {
            assert_eq!(source.on_error(1).await, Ok(1), "the older value");
        }
        assert_eq!(source.runs(), 1 + round);
        advance(SECOND).await;
    }
    assert_eq!(
        source.on_error(2).await,
        Err(Failure::Broken(5)),
        "nothing stands in for another key"
    );
    source.fail(false);
    assert_eq!(source.on_error(1).await, Ok(6));
    assert_eq!(source.on_error(1).await, Ok(6));
    assert_eq!(source.runs(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_costs_one_call_its_time_out() {
    let source = Source::new();
    assert_eq!(source.retried(1).await, Ok(1));
    advance(120 * SECOND).await;
    source.take(3600 * SECOND);
    let began = Instant::now();
    for _ in 0..8 {
        assert_eq!(source.retried(1).await, Ok(1));
    }
    assert_eq!(began.elapsed(), 2 * SECOND);
    advance(5 * SECOND).await;
    let attempt = tokio::spawn({
        let source = source.clone();
        async move { source.retried(1).await }
    });
    settled().await;
    let began = Instant::now();
    assert_eq!(source.retried(1).await, Ok(1), "not even while one asks");
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(attempt.await.unwrap(), Ok(1));
    assert_eq!(source.runs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_removal_ends_the_value_that_stands_in_for_a_failed_source() {
    let source = Source::new();
    assert_eq!(source.on_error(1).await, Ok(1));
    advance(120 * SECOND).await;
    source.fail(true);
    assert_eq!(source.on_error(1).await, Ok(1));
    let _ = source.0.cache.delete("on_error:1").await;
    assert_eq!(source.on_error(1).await, Err(Failure::Broken(3)));
}
