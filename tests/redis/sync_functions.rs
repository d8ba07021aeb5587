//! Functions that are not `async`, beside a real Redis: their values are in one process only, and everybody's removals reach
//! them; the caller's thread never waits for Redis.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use cache_runtime::{Cache, CacheConfig, Durability, Reason, cached, observe};
use cache_tests::{Fault, FaultProxy, RedisCluster, RedisServer, eventually, wait_until};

use crate::app::{App, Db, SOON, exact, item};
use crate::p2_race::{ALL, Removal};

/// A process of a fleet, and the rates that all processes look up. Clones are the same process.
#[derive(Clone)]
struct Office {
    app: App,
    rates: Arc<Rates>,
}

struct Rates {
    value: AtomicU64,
    lookups: AtomicU32,
    held: Mutex<bool>,
    changed: Condvar,
}

impl Rates {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            value: AtomicU64::new(1),
            lookups: AtomicU32::new(0),
            held: Mutex::new(false),
            changed: Condvar::new(),
        })
    }

    fn set(&self, value: u64) {
        self.value.store(value, SeqCst);
    }

    fn lookups(&self) -> u32 {
        self.lookups.load(SeqCst)
    }

    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.changed.notify_all();
    }

    /// Sees the value of the moment it begins, and returns it when nobody holds it.
    fn look_up(&self) -> u64 {
        let value = self.value.load(SeqCst);
        self.lookups.fetch_add(1, SeqCst);
        let held = self.held.lock().unwrap();
        drop(self.changed.wait_while(held, |held| *held).unwrap());
        value
    }
}

#[cached(ttl = "5m", key = "rate:<id>", tags = ["items", "rate-of:<id>"], cache = office.app.cache, skip(office))]
fn rate(office: &Office, id: u32) -> u64 {
    office.rates.look_up()
}

#[cached(ttl = "5m", key = "named:<name>:rate", tags = ["of:<name>"], cache = office.app.cache, skip(office))]
fn rate_of(office: &Office, name: &str) -> u64 {
    office.rates.look_up()
}

#[cached(ttl = "5m", key = "bypass:<id>", outage = "bypass", cache = office.app.cache, skip(office))]
fn rate_or_body(office: &Office, id: u32) -> u64 {
    office.rates.look_up()
}

#[cached(invalidates = "rate:<id>", cache = office.app.cache)]
fn change_rate(office: &Office, id: u32, value: u64) {
    office.rates.set(value);
}

#[cached(put, ttl = "5m", key = "rate:<id>", cache = office.app.cache, skip(office, value))]
async fn put_rate(office: &Office, id: u32, value: u64) -> u64 {
    office.rates.set(value);
    value
}

impl Office {
    async fn on(server: &RedisServer, rates: &Arc<Rates>) -> Self {
        Self::of(App::on(server, &Db::new(0)).await, rates)
    }

    fn of(app: App, rates: &Arc<Rates>) -> Self {
        let rates = rates.clone();
        Self { app, rates }
    }

    fn cache(&self) -> &Cache {
        &self.app.cache
    }

    /// Looks up rates until they are kept.
    async fn keeps(&self, ids: std::ops::Range<u32>) {
        for id in ids {
            eventually(SOON, "a rate to be kept", async || {
                let before = self.rates.lookups();
                rate(self, id);
                (self.rates.lookups() == before).then_some(())
            })
            .await;
        }
    }

    /// What Redis has sent to this process by now has arrived: it reads an answer over the same connection.
    async fn has_heard(&self) {
        exact(&self.app, 1).await;
    }
}

#[tokio::test]
async fn every_removal_of_another_process_reaches_what_a_thread_keeps() {
    for round_trip in [0, 5, 40] {
        let server = RedisServer::start();
        let proxy = FaultProxy::in_front_of(&server);
        let rates = Rates::new();
        proxy.set_round_trip(Duration::from_millis(round_trip));
        let config = CacheConfig::default().redis_url(proxy.url()).budget(SOON);
        let reader = Office::of(App::connected(config, &Db::new(0)).await, &rates);
        let writer = Office::on(&server, &rates).await;
        for (value, removal) in (2..).zip(ALL) {
            reader.keeps(1..3).await;
            rates.set(value);
            let removed = removal.run(writer.cache(), "rate").await;
            assert!(removed.is_durable());
            reader.has_heard().await;
            assert_eq!(rate(&reader, 1), value, "{removal:?}, {round_trip} ms");
        }
    }
}

#[tokio::test]
async fn a_removal_during_a_load_leaves_nothing_behind() {
    let server = RedisServer::start();
    let rates = Rates::new();
    let (reader, writer) = (
        Office::on(&server, &rates).await,
        Office::on(&server, &rates).await,
    );
    for (value, removal) in (2..).zip(ALL) {
        for by_reader in [false, true] {
            reader.keeps(1..2).await;
            reader.cache().delete("rate:1").await;
            reader.has_heard().await;
            rates.hold(true);
            let begun = rates.lookups();
            let loading = {
                let reader = reader.clone();
                thread::spawn(move || rate(&reader, 1))
            };
            wait_until(SOON, "a body", || (rates.lookups() > begun).then_some(()));
            rates.set(10 * value + u64::from(by_reader));
            let remover = if by_reader { &reader } else { &writer };
            assert!(removal.run(remover.cache(), "rate").await.is_durable());
            reader.has_heard().await;
            rates.hold(false);
            loading.join().unwrap();
            let value = 10 * value + u64::from(by_reader);
            assert_eq!(rate(&reader, 1), value, "{removal:?}");
        }
    }
}

/// The first load of a process begins before anybody knows that it keeps such values. A removal by name meanwhile would not be
/// published.
#[tokio::test]
async fn a_value_is_kept_only_if_its_load_began_after_everybody_knew() {
    let server = RedisServer::start();
    let rates = Rates::new();
    let (reader, writer) = (
        Office::on(&server, &rates).await,
        Office::on(&server, &rates).await,
    );
    // On this one thread, the supervisor has sent nothing meanwhile.
    assert_eq!(rate(&reader, 1), 1);
    rates.set(2);
    assert_eq!(rate(&reader, 1), 2, "the first was not kept");
    rates.hold(true);
    let loading = {
        let reader = reader.clone();
        thread::spawn(move || rate(&reader, 1))
    };
    wait_until(SOON, "a body", || (rates.lookups() == 3).then_some(()));
    rates.set(3);
    assert!(writer.cache().delete("rate:1").await.is_durable());
    // It begins after the removal, of which its process does not hear. So it must not share that load.
    let late = asleep_in_a_call(&reader);
    let marked = || async { (!server.cli(&["ZSCORE", "%ledger", "m"]).is_nil()).then_some(()) };
    eventually(SOON, "the mark", marked).await;
    reader.has_heard().await;
    rates.hold(false);
    assert_eq!(loading.join().unwrap(), 2);
    assert_eq!(late.join().unwrap(), 3, "it shares nothing older");
    assert_eq!(rate(&reader, 1), 3, "its load began before the mark");
}

/// A thread that has called the function, and sleeps.
fn asleep_in_a_call(reader: &Office) -> thread::JoinHandle<u64> {
    let (reader, (begins, begun)) = (reader.clone(), std::sync::mpsc::channel());
    let thread = thread::spawn(move || {
        begins.send(rustix::thread::gettid()).unwrap();
        rate(&reader, 1)
    });
    let id = begun.recv().unwrap().as_raw_nonzero();
    wait_until(SOON, "a thread that sleeps", || {
        let state = std::fs::read_to_string(format!("/proc/self/task/{id}/stat")).ok()?;
        state.rsplit(") ").next()?.starts_with('S').then_some(())
    });
    thread
}

#[tokio::test]
async fn a_name_is_published_only_where_somebody_keeps_such_values() {
    let server = RedisServer::start();
    let rates = Rates::new();
    let (one, other) = (
        Office::on(&server, &rates).await,
        Office::on(&server, &rates).await,
    );
    let published = || server.commandstats().get("publish").copied().unwrap_or(0);
    let before = published();
    one.cache().delete("rate:1").await;
    assert_eq!(published(), before, "nobody keeps any");
    other.keeps(1..2).await;
    one.cache().delete("rate:1").await;
    assert_eq!(published(), before + 1);
    other.cache().delete("rate:1").await;
    assert_eq!(published(), before + 2, "all others may keep some");
}

#[tokio::test]
async fn a_lost_ledger_loses_no_removal_by_name() {
    for loss in [&["DEL", "%ledger"][..], &["FLUSHALL"]] {
        let server = RedisServer::start();
        let rates = Rates::new();
        let (reader, writer) = (
            Office::on(&server, &rates).await,
            Office::on(&server, &rates).await,
        );
        // Nobody has noticed the loss, and there is no mark.
        reader.keeps(1..2).await;
        rates.set(2);
        server.cli(loss);
        assert!(writer.cache().delete("rate:1").await.is_durable());
        reader.has_heard().await;
        assert_eq!(rate(&reader, 1), 2, "{loss:?}");
        // Another ledger has begun, which has no mark at first.
        reader.keeps(1..3).await;
        rates.set(3);
        server.cli(loss);
        assert!(
            writer
                .cache()
                .invalidate_prefix("other:")
                .await
                .is_durable()
        );
        assert!(writer.cache().delete("rate:1").await.is_durable());
        reader.has_heard().await;
        assert_eq!(rate(&reader, 1), 3, "{loss:?}");
        // And then it has.
        reader.keeps(1..2).await;
        rates.set(4);
        assert!(writer.cache().delete("rate:1").await.is_durable());
        reader.has_heard().await;
        assert_eq!(rate(&reader, 1), 4, "{loss:?}");
    }
}

#[tokio::test]
async fn a_put_of_another_process_replaces_what_a_thread_keeps() {
    let server = RedisServer::start();
    let rates = Rates::new();
    let (reader, writer) = (
        Office::on(&server, &rates).await,
        Office::on(&server, &rates).await,
    );
    reader.keeps(1..2).await;
    assert_eq!(put_rate(&writer, 1, 2).await, 2);
    reader.has_heard().await;
    assert_eq!(rate(&reader, 1), 2);
}

#[tokio::test]
async fn a_write_on_a_thread_is_queued_and_reaches_everybody() {
    let server = RedisServer::start();
    let rates = Rates::new();
    let (one, other) = (
        Office::on(&server, &rates).await,
        Office::on(&server, &rates).await,
    );
    for value in 2..6 {
        one.keeps(1..2).await;
        other.keeps(1..2).await;
        let queued = one.cache().stats().queued;
        change_rate(&one, 1, value);
        assert_eq!(one.cache().stats().queued, queued + 1);
        assert_eq!(rate(&one, 1), value, "in its own process at once");
        let follows = async || (rate(&other, 1) == value).then_some(());
        eventually(SOON, "the other process to follow", follows).await;
        let empty = async || (one.cache().journal_len() == 0).then_some(());
        eventually(SOON, "an empty journal", empty).await;
    }
}

#[tokio::test]
async fn a_write_on_a_thread_in_an_outage_is_made_when_redis_is_back() {
    let server = RedisServer::start();
    let rates = Rates::new();
    let db = Db::new(0);
    let (app, proxy) = App::behind_proxy(&server, &db).await;
    let one = Office::of(app, &rates);
    let other = Office::on(&server, &rates).await;
    other.keeps(1..2).await;
    proxy.set(Fault::Refuse);
    proxy.cut_all();
    one.app.has_lost_redis().await;
    change_rate(&one, 1, 2);
    assert_eq!(rate(&one, 1), 2);
    assert_eq!(rate(&other, 1), 1, "it cannot know yet");
    proxy.set(Fault::Pass);
    let follows = async || (rate(&other, 1) == 2).then_some(());
    eventually(SOON, "the other process to follow", follows).await;
}

/// In whichever way Redis is away: no call takes longer than its body.
#[tokio::test]
async fn a_thread_never_waits_for_redis() {
    let rates = Rates::new();
    for fault in [
        Fault::BlackHole,
        Fault::Stall,
        Fault::Refuse,
        Fault::HoleToClient,
        Fault::Delay(Duration::from_secs(1)),
    ] {
        let server = RedisServer::start();
        let (app, proxy) = App::behind_proxy(&server, &Db::new(0)).await;
        let office = Office::of(app, &rates);
        office.keeps(0..1).await;
        proxy.set(fault);
        let mut longest = Duration::ZERO;
        for id in 0..2_000 {
            let began = Instant::now();
            rate(&office, id);
            change_rate(&office, id, 1);
            longest = longest.max(began.elapsed());
            if id % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
        // One question to Redis would take at least that long; a busy machine takes less.
        assert!(
            longest < Duration::from_millis(500),
            "{fault:?}: {longest:?}"
        );
    }
    // And a server that was never there.
    let config = CacheConfig::default().redis_url("redis://127.0.0.1:1");
    let office = Office::of(App::with(config, &Db::new(0)), &rates);
    let began = Instant::now();
    rate(&office, 1);
    assert!(began.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn no_call_sends_a_command() {
    let server = RedisServer::start();
    let rates = Rates::new();
    let office = Office::on(&server, &rates).await;
    office.keeps(0..1).await;
    let commands = || {
        let stats = server.commandstats();
        let asked = ["get", "set", "mget", "evalsha", "publish"];
        asked.map(|name| stats.get(name).copied().unwrap_or(0))
    };
    let before = commands();
    let began = Instant::now();
    for id in 0..10_000 {
        rate(&office, id % 100);
    }
    let heartbeats = 2 + began.elapsed().as_secs();
    let [get, set, mget, scripts, publish] = commands();
    assert_eq!(
        [get, set, mget, publish],
        [before[0], before[1], before[2], before[4]]
    );
    assert!(scripts <= before[3] + heartbeats, "{scripts}");
    assert_eq!(server.entries(), Vec::<String>::new(), "Redis has no value");
}

#[tokio::test]
async fn a_killed_and_restarted_server_and_a_frozen_one_serve_nothing_stale() {
    let server = RedisServer::builder().snapshots().start();
    let rates = Rates::new();
    let (reader, writer) = (
        Office::on(&server, &rates).await,
        Office::on(&server, &rates).await,
    );
    for value in (2..8).step_by(2) {
        reader.keeps(1..2).await;
        server.cli(&["SAVE"]);
        server.kill9();
        reader.app.has_lost_redis().await;
        writer.app.has_lost_redis().await;
        rates.set(value);
        let removed = writer.cache().delete("rate:1").await;
        assert_eq!(removed.durability, Durability::Queued);
        assert_eq!(rate(&writer, 1), value);
        server.restart();
        let follows = async || (rate(&reader, 1) == value).then_some(());
        eventually(SOON, "the removal to be replayed", follows).await;

        reader.keeps(1..2).await;
        server.freeze();
        rates.set(value + 1);
        let removal = tokio::spawn({
            let writer = writer.clone();
            async move { writer.cache().delete("rate:1").await }
        });
        // Nobody has heard Redis for two seconds: memory says nothing, or the connection is lost and the outage begins.
        let away = async || {
            (reader.cache().breaker_state() != Some(cache_runtime::BreakerState::Closed))
                .then_some(())
        };
        eventually(SOON, "the loss of the connection", away).await;
        server.thaw();
        removal.await.unwrap();
        let follows = async || (rate(&reader, 1) == value + 1).then_some(());
        eventually(SOON, "the removal", follows).await;
    }
}

#[tokio::test]
async fn in_an_outage_the_policy_decides_as_for_all_functions() {
    let server = RedisServer::start();
    let rates = Rates::new();
    let office = Office::on(&server, &rates).await;
    office.keeps(1..2).await;
    eventually(SOON, "a rate to be kept", async || {
        let before = rates.lookups();
        rate_or_body(&office, 1);
        (rates.lookups() == before).then_some(())
    })
    .await;
    server.kill9();
    office.app.has_lost_redis().await;
    let before = rates.lookups();
    rate(&office, 1);
    assert_eq!(rates.lookups(), before, "memory answers");
    rate_or_body(&office, 1);
    assert_eq!(rates.lookups(), before + 1, "the body answers");
    // Loads fill memory meanwhile.
    assert_eq!(rate(&office, 2), rate(&office, 2));
    assert_eq!(rates.lookups(), before + 2);
    // What was loaded without Redis is not trusted when it is back.
    rates.set(2);
    server.restart();
    office.app.reaches_redis().await;
    assert_eq!(rate(&office, 2), 2);
}

#[tokio::test]
async fn what_began_to_load_in_an_outage_is_not_kept_after_it() {
    let server = RedisServer::start();
    let rates = Rates::new();
    let (reader, writer) = (
        Office::on(&server, &rates).await,
        Office::on(&server, &rates).await,
    );
    reader.keeps(1..2).await;
    server.kill9();
    reader.app.has_lost_redis().await;
    writer.app.has_lost_redis().await;
    reader.cache().delete("rate:1").await;
    let begun = rates.lookups();
    rates.hold(true);
    let loading = {
        let reader = reader.clone();
        thread::spawn(move || rate(&reader, 1))
    };
    wait_until(SOON, "a body", || (rates.lookups() > begun).then_some(()));
    server.restart();
    reader.app.reaches_redis().await;
    writer.app.reaches_redis().await;
    let empty = async || (reader.cache().journal_len() == 0).then_some(());
    eventually(SOON, "an empty journal", empty).await;
    // Its name may have been published before the reader was connected again, and is no longer.
    rates.set(2);
    rates.hold(false);
    assert_eq!(loading.join().unwrap(), 1);
    assert_eq!(rate(&reader, 1), 2);
}

#[tokio::test]
async fn where_redis_pushes_nothing_every_body_runs() {
    let server = RedisServer::builder()
        .acl("app", "secret", "~* &* +@all -subscribe")
        .start();
    let rates = Rates::new();
    let config = CacheConfig::default()
        .redis_url(server.url_as("app", "secret"))
        .budget(SOON);
    let office = Office::of(App::connected(config, &Db::new(0)).await, &rates);
    for value in 1..20 {
        rates.set(value);
        let (seen, observed) = observe(async { rate(&office, 1) }).await;
        assert_eq!(seen, value);
        assert_eq!(observed.calls()[0].reason, Reason::Unheard);
        tokio::task::yield_now().await;
    }
    assert!(server.cli(&["ZSCORE", "%ledger", "m"]).is_nil());
}

/// A user who may not publish uses Redis only while nobody listens. Then the ledger has its mark, and that of a process which
/// kept such values before.
#[tokio::test]
async fn who_may_not_publish_does_not_acknowledge_a_removal_that_others_would_not_hear_of() {
    let server = RedisServer::builder()
        .acl("quiet", "secret", "~* &* +@all -publish")
        .start();
    let rates = Rates::new();
    let config = |url: String| CacheConfig::default().redis_url(url).budget(SOON);
    let quiet = config(server.url_as("quiet", "secret"));
    let writer = Office::of(App::connected(quiet, &Db::new(0)).await, &rates);
    // The ledger with the mark of the quiet user is lost, and a reader begins another one before the writer notices.
    server.cli(&["DEL", "%ledger"]);
    let reader = Office::on(&server, &rates).await;
    reader.keeps(1..2).await;
    rates.set(2);
    let removed = writer.cache().delete("rate:1").await;
    reader.has_heard().await;
    let read = rate(&reader, 1);
    assert!(!removed.is_durable() || read == 2, "{removed:?}, {read}");
}

#[tokio::test]
async fn a_hundred_thousand_values_go_at_once_and_each_by_its_name() {
    const MANY: u32 = 100_000;
    let server = RedisServer::start();
    let rates = Rates::new();
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(SOON)
        .max_entries(2 * MANY as usize);
    let reader = Office::of(App::connected(config, &Db::new(0)).await, &rates);
    let writer = Office::on(&server, &rates).await;
    reader.keeps(0..1).await;
    for id in 1..MANY {
        rate(&reader, id);
        if id % 1000 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let kept = reader.cache().health().await.stats.memory_cache_size;
    assert!(kept >= MANY as usize, "{kept}");
    rates.set(2);
    for id in (0..MANY).step_by(1000) {
        assert!(
            writer
                .cache()
                .delete(format!("rate:{id}").as_str())
                .await
                .is_durable()
        );
    }
    reader.has_heard().await;
    let wrong = (0..MANY).step_by(1000).filter(|id| rate(&reader, *id) != 2);
    assert_eq!(wrong.count(), 0);
    assert_eq!(
        (rate(&reader, 1), rate(&reader, 99_999)),
        (1, 1),
        "no other goes"
    );
    rates.set(3);
    let began = Instant::now();
    assert!(writer.cache().invalidate_prefix("rate:").await.is_durable());
    reader.has_heard().await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let wrong = (0..MANY).step_by(77).filter(|id| rate(&reader, *id) != 3);
    assert_eq!(wrong.count(), 0);
}

#[tokio::test]
async fn odd_names_are_removed_by_themselves_and_nothing_else_is() {
    let names = [
        "Anna B",
        "o:brien",
        r"corp\shop",
        "100%",
        "a%20b",
        "Zürich 東京",
        "*",
        "#7",
        "{x}[y](z)",
        "tab\there",
        "unit\u{1e}separator",
        "k 7",
        "",
    ];
    let server = RedisServer::start();
    let rates = Rates::new();
    let (reader, writer) = (
        Office::on(&server, &rates).await,
        Office::on(&server, &rates).await,
    );
    reader.keeps(1..2).await;
    for name in names {
        rate_of(&reader, name);
    }
    for (removed, name) in names.iter().enumerate() {
        rates.set(2);
        let key = rate_of::key(name);
        assert!(writer.cache().delete(key).await.is_durable());
        reader.has_heard().await;
        assert_eq!(rate_of(&reader, name), 2, "{name}");
        for other in &names[removed + 1..] {
            assert_eq!(rate_of(&reader, other), 1, "{other} after {name}");
        }
    }
}

#[tokio::test]
async fn many_threads_and_writers_never_read_what_was_removed_before() {
    let server = RedisServer::start();
    let rates = Rates::new();
    let office = Office::on(&server, &rates).await;
    let other = Office::on(&server, &rates).await;
    office.keeps(1..2).await;
    // The process that removes is bound as soon as its removal is acknowledged.
    let ended = Arc::new(AtomicU32::new(0));
    let acknowledged = Arc::new(AtomicU64::new(1));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (office, ended, acknowledged) =
                (office.clone(), ended.clone(), acknowledged.clone());
            thread::spawn(move || {
                let mut reads = 0;
                while ended.load(SeqCst) == 0 {
                    let least = acknowledged.load(SeqCst);
                    let read = rate(&office, 1);
                    assert!(read >= least, "{read} after {least} was acknowledged");
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    for value in 2..300 {
        rates.set(value);
        let removal = ALL[value as usize % ALL.len()];
        assert!(removal.run(office.cache(), "rate").await.is_durable());
        acknowledged.store(value, SeqCst);
        if value % 50 == 0 {
            assert_eq!(item(&other.app, 1).await, 0);
        }
    }
    ended.store(1, SeqCst);
    for reader in readers {
        assert!(reader.join().unwrap() > 0);
    }
    assert!(rates.lookups() > 0 && office.cache().stats().memory_hits > 0);
}

#[tokio::test]
async fn in_a_cluster_each_bucket_is_marked_and_removals_reach_all() {
    let cluster = RedisCluster::start();
    let rates = Rates::new();
    let nodes: Vec<String> = cluster
        .nodes()
        .iter()
        .map(|node| format!("127.0.0.1:{}", node.port()))
        .collect();
    let config = || {
        CacheConfig::default()
            .redis_url(format!("redis://{}", nodes.join(",")))
            .budget(SOON)
    };
    let reader = Office::of(App::connected(config(), &Db::new(0)).await, &rates);
    let writer = Office::of(App::connected(config(), &Db::new(0)).await, &rates);
    reader.keeps(0..40).await;
    for value in 2..4 {
        rates.set(value);
        for id in 0..40 {
            assert!(
                writer
                    .cache()
                    .delete(format!("rate:{id}").as_str())
                    .await
                    .is_durable()
            );
        }
        for id in 0..40 {
            let follows = async || (rate(&reader, id) == value).then_some(());
            eventually(SOON, "the removal by name", follows).await;
        }
        reader.keeps(0..40).await;
    }
    for removal in [Removal::Prefix, Removal::Glob, Removal::Tag, Removal::Clear] {
        let value = rates.value.load(SeqCst) + 1;
        rates.set(value);
        removal.run(writer.cache(), "rate").await;
        let follows = async || (rate(&reader, 1) == value).then_some(());
        eventually(SOON, "the removal", follows).await;
        reader.keeps(0..2).await;
    }
    // A slot moves to another master. Its bucket is connected anew, and marked there.
    put_rate(&writer, 1, 100).await;
    let name = eventually(SOON, "the key in Redis", async || {
        let keys = cluster.keys();
        keys.into_iter().find(|name| name.ends_with("}rate:1"))
    })
    .await;
    let slot = cluster.slot_of(&name);
    for turn in 0..6 {
        cluster.move_slot(slot, turn % 3);
        reader.keeps(1..2).await;
        let value = 101 + turn as u64;
        rates.set(value);
        writer.cache().delete("rate:1").await;
        let follows = async || (rate(&reader, 1) == value).then_some(());
        eventually(SOON, "the removal by name", follows).await;
    }
}
