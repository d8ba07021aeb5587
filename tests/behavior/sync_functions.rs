//! Functions that are not `async`, without Redis: who runs the body, who waits for it, and what is kept.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cache_runtime::{Cache, CacheConfig, HitTier, Reason, Status, cached, deferred, observe};
use cache_tests::wait_until;

/// What is never reached on a healthy machine, however busy.
const SOON: Duration = Duration::from_secs(20);

/// A source of values that can be held up.
struct Source {
    cache: Cache,
    value: AtomicU64,
    bodies: AtomicU32,
    now: AtomicU32,
    most: AtomicU32,
    held: Mutex<bool>,
    changed: Condvar,
}

impl Source {
    fn new() -> Arc<Self> {
        Self::with(CacheConfig::default())
    }

    fn with(config: CacheConfig) -> Arc<Self> {
        Arc::new(Self {
            cache: Cache::new(config).unwrap(),
            value: AtomicU64::new(1),
            bodies: AtomicU32::new(0),
            now: AtomicU32::new(0),
            most: AtomicU32::new(0),
            held: Mutex::new(false),
            changed: Condvar::new(),
        })
    }

    fn bodies(&self) -> u32 {
        self.bodies.load(SeqCst)
    }

    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.changed.notify_all();
    }

    /// Sees the value of the moment it begins, and returns it when nobody holds it.
    fn read(&self) -> u64 {
        let value = self.value.load(SeqCst);
        self.bodies.fetch_add(1, SeqCst);
        let now = self.now.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(held, |held| *held).unwrap());
        self.now.fetch_sub(1, SeqCst);
        value
    }

    fn reached_by(&self, bodies: u32) {
        wait_until(SOON, "a body that begins", || {
            (self.bodies() >= bodies).then_some(())
        });
    }
}

#[cached(ttl = "5m", key = "value:<id>", tags = ["values", "of:<id>"], cache = source.cache, skip(source))]
fn value(source: &Source, id: u32) -> u64 {
    source.read()
}

fn in_thread<T: Send + 'static>(
    source: &Arc<Source>,
    call: impl FnOnce(&Source) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let source = source.clone();
    thread::spawn(move || call(&source))
}

fn block_on<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(work)
}

#[test]
fn a_hit_does_not_run_the_body_and_needs_no_runtime() {
    let source = Source::new();
    assert_eq!((value(&source, 1), value(&source, 1)), (1, 1));
    assert_eq!(value(&source, 2), 1);
    assert_eq!(source.bodies(), 2);
    let stats = source.cache.stats();
    assert_eq!((stats.memory_hits, stats.misses, stats.loads), (1, 2, 2));
}

#[test]
fn of_many_threads_one_runs_the_body() {
    let source = Source::new();
    source.hold(true);
    let threads: Vec<_> = (0..64)
        .map(|_| in_thread(&source, |source| value(source, 1)))
        .collect();
    source.reached_by(1);
    // Some come while the body runs, and share it all the same, because nothing was removed meanwhile.
    let later = in_thread(&source, |source| value(source, 1));
    source.hold(false);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 1);
    }
    assert_eq!(later.join().unwrap(), 1);
    assert_eq!(source.bodies(), 1);
}

type Remove = fn(&Cache);

#[test]
fn each_kind_of_removal_takes_what_was_kept_and_what_is_loaded() {
    let removals: [(&str, Remove); 6] = [
        ("key", |cache| _ = block_on(cache.delete("value:1"))),
        ("prefix", |cache| {
            _ = block_on(cache.invalidate_prefix("value:"));
        }),
        ("glob", |cache| {
            _ = block_on(cache.invalidate_pattern("*:1"));
        }),
        ("tag", |cache| _ = block_on(cache.invalidate_tag("of:1"))),
        ("tags", |cache| {
            _ = block_on(cache.invalidate_all_tags(&["values", "of:1"]));
        }),
        ("clear", |cache| _ = block_on(cache.clear())),
    ];
    for (what, remove) in removals {
        let source = Source::new();
        assert_eq!(value(&source, 1), 1);
        source.value.store(2, SeqCst);
        remove(&source.cache);
        assert_eq!(value(&source, 1), 2, "{what}");
        remove(&source.cache);
        // During a load: its caller gets what it has read, and nobody else does.
        source.hold(true);
        let loading = in_thread(&source, |source| value(source, 1));
        source.reached_by(3);
        source.value.store(3, SeqCst);
        remove(&source.cache);
        let after = in_thread(&source, |source| value(source, 1));
        source.reached_by(4);
        source.hold(false);
        assert_eq!(
            (loading.join().unwrap(), after.join().unwrap()),
            (2, 3),
            "{what}"
        );
        assert_eq!(value(&source, 1), 3, "{what}");
        assert_eq!(source.bodies(), 4, "{what}");
    }
}

#[cached(ttl = "5m", key = "panics:<id>", cache = source.cache, skip(source))]
fn panics_first(source: &Source, id: u32) -> u64 {
    let value = source.read();
    assert!(source.bodies() > 1, "the first body panics");
    value
}

#[test]
fn if_a_body_panics_a_waiting_thread_leads_next() {
    let source = Source::new();
    source.hold(true);
    let first = in_thread(&source, |source| {
        catch_unwind(AssertUnwindSafe(|| panics_first(source, 1))).is_err()
    });
    source.reached_by(1);
    let others: Vec<_> = (0..8)
        .map(|_| in_thread(&source, |source| panics_first(source, 1)))
        .collect();
    source.hold(false);
    assert!(first.join().unwrap());
    for other in others {
        assert_eq!(other.join().unwrap(), 1);
    }
    assert_eq!(source.bodies(), 2);
}

#[cached(ttl = "5m", key = "recursion:<id>", cache = source.cache, skip(source, depth))]
fn recursion(source: &Source, id: u32, depth: u32) -> u64 {
    source.read();
    if depth == 0 {
        return 0;
    }
    recursion(source, id, depth - 1) + 1
}

#[test]
fn a_body_that_calls_its_own_key_runs_again() {
    let source = Source::new();
    let began = Instant::now();
    assert_eq!(recursion(&source, 1, 3), 3);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "it waits for nobody"
    );
    assert_eq!(source.bodies(), 4);
    assert_eq!(recursion(&source, 1, 3), 3);
    assert_eq!(source.bodies(), 4);
}

/// Two bodies that call each other's key, as they come to do if a pool of threads runs other work while it waits.
#[cached(ttl = "5m", key = "crossed:<id>", cache = source.cache, skip(source, both, calls))]
fn crossed(source: &Source, both: &Arc<Barrier>, id: u32, calls: bool) -> u32 {
    source.bodies.fetch_add(1, SeqCst);
    if calls {
        both.wait();
        return crossed(source, both, 1 - id, false) + 1;
    }
    7
}

#[test]
fn threads_that_wait_for_each_other_go_on_after_a_while() {
    let source = Source::new();
    let both = Arc::new(Barrier::new(2));
    let began = Instant::now();
    let threads = [0, 1].map(|id| {
        let both = both.clone();
        in_thread(&source, move |source| crossed(source, &both, id, true))
    });
    for thread in threads {
        // The one that goes on without the other runs the other's body, or has its result.
        let returned = thread.join().unwrap();
        assert!((8..=9).contains(&returned), "{returned}");
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[test]
fn a_body_that_hangs_lets_one_other_thread_go_on_at_a_time() {
    let source = Source::new();
    source.hold(true);
    let began = Instant::now();
    let threads: Vec<_> = (0..8)
        .map(|_| in_thread(&source, |source| value(source, 1)))
        .collect();
    source.reached_by(2);
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(9), "{waited:?}");
    assert_eq!(source.bodies(), 2);
    source.hold(false);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 1);
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Shared;

#[derive(Debug, PartialEq)]
struct Own;

#[cached(ttl = "5m", key = "shared:<id>", cache = source.cache, skip(source))]
fn fails_shared(source: &Source, id: u32) -> Result<u64, Shared> {
    source.read();
    Err(Shared)
}

#[cached(ttl = "5m", key = "own:<id>", cache = source.cache, skip(source))]
fn fails_own(source: &Source, id: u32) -> Result<u64, Own> {
    source.read();
    thread::sleep(Duration::from_millis(2));
    Err(Own)
}

#[test]
fn an_error_that_can_be_cloned_is_shared_and_none_is_kept() {
    let source = Source::new();
    source.hold(true);
    let begun = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..32)
        .map(|_| {
            let begun = begun.clone();
            in_thread(&source, move |source| {
                begun.fetch_add(1, SeqCst);
                fails_shared(source, 1)
            })
        })
        .collect();
    // Some may come to wait only after the error. They run the body for themselves.
    let all = || (begun.load(SeqCst) == 32 && source.bodies() == 1).then_some(());
    wait_until(SOON, "all to begin", all);
    source.hold(false);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Err(Shared));
    }
    assert!(source.bodies() < 32, "{}", source.bodies());
    let before = source.bodies();
    assert_eq!(fails_shared(&source, 1), Err(Shared));
    assert_eq!(source.bodies(), before + 1);
}

#[test]
fn after_an_error_that_cannot_be_shared_a_few_bodies_run_at_a_time() {
    let source = Source::new();
    source.hold(true);
    let threads: Vec<_> = (0..64)
        .map(|_| in_thread(&source, |source| fails_own(source, 1)))
        .collect();
    source.reached_by(1);
    source.hold(false);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Err(Own));
    }
    let most = source.most.load(SeqCst);
    assert!(most <= 17, "{most} bodies at once");
}

#[cached(ttl = "5m", none_ttl = "1m", key = "maybe:<id>", cache = source.cache, skip(source))]
fn maybe(source: &Source, id: u32) -> Option<u64> {
    source.read();
    id.is_multiple_of(2).then_some(u64::from(id))
}

#[cached(ttl = "5m", key = "even:<id>", when = |value: &u32| value.is_multiple_of(2), cache = source.cache, skip(source))]
fn even_only(source: &Source, id: u32) -> u32 {
    source.read();
    id
}

#[cached(ttl = |value: &u64| Duration::from_secs(*value), key = "lives:<id>", cache = source.cache, skip(source))]
fn lives(source: &Source, id: u64) -> u64 {
    source.read();
    id
}

#[test]
fn the_options_about_values_are_those_of_async_functions() {
    let source = Source::new();
    for _ in 0..2 {
        assert_eq!((maybe(&source, 1), maybe(&source, 2)), (None, Some(2)));
    }
    assert_eq!(source.bodies(), 2);
    for _ in 0..2 {
        assert_eq!((even_only(&source, 1), even_only(&source, 2)), (1, 2));
    }
    assert_eq!(source.bodies(), 5);
    for _ in 0..2 {
        assert_eq!((lives(&source, 0), lives(&source, 60)), (0, 60));
    }
    assert_eq!(source.bodies(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_value_lives_as_long_as_its_ttl() {
    let source = Source::new();
    value(&source, 1);
    tokio::time::advance(Duration::from_secs(299)).await;
    value(&source, 1);
    assert_eq!(source.bodies(), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    value(&source, 1);
    assert_eq!(source.bodies(), 2);
}

/// Neither the body nor its arguments can be sent to another thread, and arguments are borrowed.
#[cached(ttl = "5m", key = "local:<name>", skip(count, cache), cache = cache)]
fn of_this_thread(cache: &Cache, count: &Rc<Cell<u32>>, name: &str) -> String
where
    Cache: Clone,
{
    let again = count.clone();
    again.set(again.get() + 1);
    name.to_uppercase()
}

struct Rates<T> {
    source: Arc<Source>,
    factor: T,
}

impl<T: Copy + Into<u64> + Send + Sync + 'static> Rates<T> {
    #[cached(ttl = "5m", key = "rate:<id>", cache = self.source.cache)]
    fn rate(&self, id: u32) -> u64 {
        self.source.read() * self.factor.into()
    }

    #[cached(ttl = "5m", key = "twice:<id>", cache = self.source.cache, companions = "twice")]
    fn twice(&mut self, id: u32) -> Result<u64, Own> {
        if id == 0 {
            return Err(Own);
        }
        let value = self.rate(id) * 2;
        Ok(value)
    }
}

#[test]
fn methods_generics_and_what_is_of_one_thread_work() {
    let (source, count) = (Source::new(), Rc::new(Cell::new(0)));
    for _ in 0..2 {
        assert_eq!(of_this_thread(&source.cache, &count, "a b"), "A B");
    }
    assert_eq!(count.get(), 1);
    let mut small = Rates {
        source: source.clone(),
        factor: 3_u8,
    };
    let large = Rates {
        source: source.clone(),
        factor: 5_u32,
    };
    for _ in 0..2 {
        assert_eq!((small.rate(1), large.rate(1)), (3, 5));
        assert_eq!((small.twice(1), small.twice(0)), (Ok(6), Err(Own)));
    }
    assert_eq!(source.bodies(), 2);
}

#[test]
fn companions_do_on_the_thread_what_the_function_does() {
    let source = Source::new();
    assert_eq!(value::key(7).as_str(), "value:7");
    assert_eq!(value(&source, 7), 1);
    source.value.store(2, SeqCst);
    assert_eq!(value::uncached(&source, 7), 2);
    assert_eq!(value(&source, 7), 1);
    assert_eq!(value::refresh(&source, 7), 2);
    assert_eq!((value(&source, 7), source.bodies()), (2, 3));
    source.value.store(3, SeqCst);
    assert_eq!(block_on(value::invalidate(&source, 7)).removed, 1);
    assert_eq!(value(&source, 7), 3);
    assert_eq!(block_on(value::invalidate_all(&source)).removed, 1);
    assert_eq!(value(&source, 7), 3);
    assert_eq!(source.bodies(), 5);
}

#[cached(invalidates = "value:<id>", cache = source.cache)]
fn change(source: &Source, id: u32, to: u64) -> Result<u64, Own> {
    source.value.store(to, SeqCst);
    let seen = value(source, id);
    if to == 0 { Err(Own) } else { Ok(seen) }
}

#[cached(invalidates = "value:<id>", cache = source.cache, skip(source))]
async fn change_async(source: &Source, id: u32, to: u64) -> u64 {
    source.value.store(to, SeqCst);
    value(source, id)
}

#[tokio::test]
async fn inside_a_writer_and_a_transaction_calls_go_past_the_cache() {
    let source = Source::new();
    assert_eq!(value(&source, 1), 1);
    assert_eq!(change(&source, 1, 2), Ok(2), "it reads what it has written");
    assert_eq!(value(&source, 1), 2, "and removes it");
    assert_eq!(change_async(&source, 1, 3).await, 3);
    assert_eq!(value(&source, 1), 3);
    assert_eq!(change(&source, 1, 0), Err(Own));
    assert_eq!(value(&source, 1), 3, "what failed removes nothing");
    let (seen, observed) = observe(async {
        deferred(async {
            change(&source, 1, 4)?;
            Ok::<_, Own>(value(&source, 1))
        })
        .await
    })
    .await;
    assert_eq!(seen, Ok(4));
    let reasons: Vec<Reason> = observed.calls().iter().map(|call| call.reason).collect();
    assert!(reasons.contains(&Reason::InTransaction), "{reasons:?}");
    assert_eq!(value(&source, 1), 4, "the removal came at its end");
    source.value.store(5, SeqCst);
    let rolled_back = deferred(async {
        assert_eq!(value::refresh(&source, 1), 5);
        Err::<(), _>(Own)
    });
    assert_eq!(rolled_back.await, Err(Own));
    assert_eq!(
        value(&source, 1),
        4,
        "what only the transaction saw is not kept"
    );
}

#[cached(invalidates = "value:<result>", cache = source.cache)]
fn change_what_it_returns(source: &Source, to: u64) -> u64 {
    source.value.store(to, SeqCst);
    to
}

#[cached(invalidates = "value:<id>", cache = source.cache)]
fn change_and_panic(source: &Source, id: u32) {
    source.value.store(9, SeqCst);
    panic!("after the change of {id}");
}

#[test]
fn a_write_removes_by_its_result_and_also_if_it_panics() {
    let source = Source::new();
    assert_eq!((value(&source, 5), value(&source, 6)), (1, 1));
    assert_eq!(change_what_it_returns(&source, 5), 5);
    assert_eq!((value(&source, 5), value(&source, 6)), (5, 1));
    let panicked = catch_unwind(AssertUnwindSafe(|| change_and_panic(&source, 6)));
    assert!(panicked.is_err());
    assert_eq!((value(&source, 5), value(&source, 6)), (5, 9));
}

/// An `async` function and one that is not, with the same keys. The first may be a task of the thread that calls the second.
#[cached(ttl = "5m", key = "both:<id>", cache = source.cache, skip(source))]
async fn both_async(source: &Source, id: u32) -> u64 {
    tokio::task::yield_now().await;
    source.read()
}

#[cached(ttl = "5m", key = "both:<id>", cache = source.cache, skip(source))]
fn both_sync(source: &Source, id: u32) -> u64 {
    source.read()
}

#[tokio::test]
async fn a_thread_never_waits_for_a_task() {
    let source = Source::new();
    let mut first = std::pin::pin!(both_async(&source, 1));
    // The load of the task has begun, and goes on only if this thread does.
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    assert!(first.as_mut().poll(&mut context).is_pending());
    let began = Instant::now();
    assert_eq!(both_sync(&source, 1), 1);
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(first.await, 1);
    // And each reads what the other has kept.
    assert_eq!(
        (both_sync(&source, 1), both_async(&source, 1).await),
        (1, 1)
    );
    assert_eq!(source.bodies(), 2);
}

#[tokio::test]
async fn a_call_is_observed_counted_and_listed() {
    let source = Source::new();
    let (_, observed) = observe(async { value(&source, 1) }).await;
    let call = observed.calls()[0];
    assert_eq!((call.status, call.reason), (Status::Miss, Reason::Absent));
    assert_eq!((call.stored, call.ttl), (true, Duration::from_secs(300)));
    let (_, observed) = observe(async { value(&source, 1) }).await;
    let call = observed.calls()[0];
    assert_eq!(
        (call.status, call.tier),
        (Status::Hit, Some(HitTier::Memory))
    );
    let listed = cache_runtime::functions();
    let of_value = listed.iter().find(|(name, _)| name.ends_with("::value"));
    let (_, stats) = of_value.expect("the function is listed");
    assert!(stats.memory_hits > 0 && stats.misses > 0, "{stats:?}");
    assert_eq!(source.cache.health().await.stats.memory_cache_size, 1);
}

#[test]
fn a_cache_that_is_switched_off_runs_every_body() {
    let source = Source::with(CacheConfig::default().enabled(false));
    assert_eq!((value(&source, 1), value(&source, 1)), (1, 1));
    let stats = source.cache.stats();
    assert_eq!((stats.bypasses, stats.loads), (2, 2));
    value::refresh(&source, 1);
    value(&source, 1);
    assert_eq!(source.bodies(), 4, "a refresh keeps nothing either");
}

#[test]
fn a_cache_in_shadow_mode_runs_every_body() {
    let source = Source::with(CacheConfig::default().shadow(true));
    for _ in 0..2 {
        value(&source, 1);
        value::refresh(&source, 1);
    }
    assert_eq!((source.bodies(), source.cache.stats().memory_hits), (4, 0));
}

#[cached(ttl = "5m", key = "global:<id>")]
fn of_the_global_cache(id: u32) -> u32 {
    GLOBAL.fetch_add(1, SeqCst);
    id
}

static GLOBAL: AtomicU32 = AtomicU32::new(0);

#[tokio::test]
async fn a_scope_of_a_test_has_its_own_values() {
    use cache_runtime::testing::{Scope, scope};
    for bodies in 1..=2 {
        scope(async {
            of_the_global_cache(1);
            of_the_global_cache(1);
        })
        .await;
        assert_eq!(GLOBAL.load(SeqCst), bodies);
    }
    let tested = Scope::new();
    let thread =
        thread::spawn(move || tested.enter(|| (of_the_global_cache(1), of_the_global_cache(1))));
    thread.join().unwrap();
    assert_eq!(GLOBAL.load(SeqCst), 3);
    // A load can be held on a thread.
    let held = tested.hold("global:2").unwrap();
    let thread = thread::spawn(move || tested.enter(|| of_the_global_cache(2)));
    held.reached().await;
    tested.cache().delete("global:2").await;
    held.release();
    thread.join().unwrap();
    tested.enter(|| of_the_global_cache(2));
    assert_eq!(
        GLOBAL.load(SeqCst),
        5,
        "what was removed meanwhile is not kept"
    );
}

/// Calls a cached function when its thread ends.
struct AtTheEnd(Arc<Source>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        value(&self.0, 1);
    }
}

thread_local! {
    static AT_THE_END: Cell<Option<AtTheEnd>> = const { Cell::new(None) };
}

#[test]
fn the_last_destructor_of_a_thread_may_call_a_cached_function() {
    let source = Source::new();
    let last = AtTheEnd(source.clone());
    in_thread(&source, |source| {
        // Set first, so it is dropped last: what the library keeps for this thread is gone by then.
        AT_THE_END.set(Some(last));
        value(source, 2);
    })
    .join()
    .unwrap();
    assert_eq!(source.bodies(), 2);
}
