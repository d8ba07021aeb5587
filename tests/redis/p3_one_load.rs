//! P3: one load a key, in a process and in the fleet; and no convoy where it fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cache_runtime::{CacheConfig, HitTier, Status, cached};
use cache_tests::{ChildProcess, Fault, RedisServer, eventually};
use tokio::task::JoinHandle;

use crate::app::{App, Db, SOON, item, item_in_task, others_run, put_item, timed};

fn callers(app: &App, many: usize, id: u32) -> Vec<JoinHandle<u64>> {
    (0..many).map(|_| item_in_task(app, id)).collect()
}

async fn all_return(callers: Vec<JoinHandle<u64>>, value: u64) {
    for caller in callers {
        assert_eq!(caller.await.unwrap(), value);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_callers_in_each_of_4_processes_one_runs_the_body() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let mut apps = Vec::new();
    for _ in 0..4 {
        apps.push(App::on(&server, &db).await);
    }
    db.gate.close();
    let everybody: Vec<_> = apps.iter().flat_map(|app| callers(app, 200, 1)).collect();
    db.gate.reached_by(1).await;
    let others_wait =
        async || (apps.iter().map(|app| app.cache.stats().waits).sum::<u64>() == 3).then_some(());
    eventually(SOON, "the other three processes to wait", others_wait).await;
    // Longer than a lease lives: it is renewed while the load runs.
    tokio::time::sleep(Duration::from_millis(1800)).await;
    assert_eq!(db.gate.arrived(), 1);
    db.gate.open();
    all_return(everybody, 7).await;
    assert_eq!(db.reads(), 1);
}

/// Those who share a lookup in Redis were once told that the value was new: a proxy kept it past its time.
#[tokio::test]
async fn calls_that_share_a_lookup_are_told_the_age_of_what_it_found() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let (writer, reader) = (App::on(&server, &db).await, App::on(&server, &db).await);
    assert_eq!(item(&writer, 1).await, 7);
    writer.has_stored(1).await;
    let call = || cache_runtime::observe(item(&reader, 1));
    let told = tokio::join!(call(), call(), call());
    for (value, observed) in [told.0, told.1, told.2] {
        let call = observed.calls()[0];
        assert_eq!((value, call.status), (7, Status::Hit), "{call:?}");
        assert_eq!(call.tier, Some(HitTier::Redis), "{call:?}");
    }
    assert_eq!(db.reads(), 1);
}

#[cached(ttl = "5m", none_ttl = "7s", key = "nobody:<id>", cache = app.cache, skip(app))]
async fn nobody(app: &App, id: u32) -> Option<u64> {
    app.db.read().await;
    None
}

#[tokio::test]
async fn calls_that_share_an_absence_are_told_how_long_it_lives() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(7)).await;
    let call = || cache_runtime::observe(nobody(&app, 1));
    let told = tokio::join!(call(), call());
    for (value, observed) in [told.0, told.1] {
        assert_eq!(value, None);
        assert_eq!(observed.calls()[0].ttl, Duration::from_secs(7));
    }
    assert_eq!(app.db.reads(), 1);
}

/// Errors that those who waited may share, and errors that they may not.
#[derive(Clone, Debug, PartialEq)]
struct Shared;
#[derive(Debug, PartialEq)]
struct Own;

#[cached(ttl = "5m", key = "shared:<id>", cache = app.cache, skip(app))]
async fn fails_shared(app: &App, id: u32) -> Result<u64, Shared> {
    app.db.read().await;
    Err(Shared)
}

#[cached(ttl = "5m", key = "own:<id>", cache = app.cache, skip(app))]
async fn fails_own(app: &App, id: u32) -> Result<u64, Own> {
    app.db.read().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    Err(Own)
}

#[tokio::test]
async fn a_body_that_fails_runs_once_a_process_where_the_error_can_be_shared() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let mut apps = Vec::new();
    for _ in 0..4 {
        apps.push(App::on(&server, &db).await);
    }
    db.gate.close();
    let call = |app: &App| {
        let app = app.clone();
        tokio::spawn(async move { fails_shared(&app, 1).await })
    };
    let everybody: Vec<_> = apps
        .iter()
        .flat_map(|app| (0..200).map(|_| call(app)))
        .collect();
    db.gate.reached_by(1).await;
    let others_wait =
        async || (apps.iter().map(|app| app.cache.stats().waits).sum::<u64>() == 3).then_some(());
    eventually(SOON, "the other three processes to wait", others_wait).await;
    others_run().await;
    let began = Instant::now();
    db.gate.open();
    for caller in everybody {
        assert_eq!(caller.await.unwrap(), Err(Shared));
    }
    assert_eq!(db.reads(), 4, "one a process");
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "the others do not wait for a lease to run out"
    );
}

#[tokio::test]
async fn a_body_that_fails_alone_runs_a_few_at_a_time_and_never_one_by_one() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(7)).await;
    let call = |_| {
        let app = app.clone();
        tokio::spawn(async move { fails_own(&app, 1).await })
    };
    let everybody: Vec<_> = (0..200).map(call).collect();
    let (_, took) = timed(async {
        for caller in everybody {
            assert_eq!(caller.await.unwrap(), Err(Own));
        }
    })
    .await;
    assert_eq!(app.db.reads(), 200);
    // One by one they would take four seconds; sixteen at a time, a quarter of one.
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(
        app.db.most_at_once() <= 20,
        "{} at once",
        app.db.most_at_once()
    );
}

/// Fails while there is nothing to find.
#[cached(ttl = "5m", key = "heals:<id>", cache = app.cache, skip(app))]
async fn heals(app: &App, id: u32) -> Result<u64, Own> {
    match app.db.read().await {
        0 => Err(Own),
        value => Ok(value),
    }
}

#[tokio::test]
async fn after_a_failure_the_first_that_succeeds_serves_the_rest() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(0)).await;
    app.db.gate.close();
    let call = |_| {
        let app = app.clone();
        tokio::spawn(async move { heals(&app, 1).await })
    };
    let everybody: Vec<_> = (0..200).map(call).collect();
    app.db.gate.reached_by(1).await;
    others_run().await;
    app.db.commit(7);
    app.db.gate.open();
    let mut failed = 0;
    for caller in everybody {
        failed += u32::from(caller.await.unwrap().is_err());
    }
    assert_eq!(failed, 1);
    assert!(app.db.reads() <= 1 + 16, "{} runs", app.db.reads());
}

#[tokio::test]
async fn a_dropped_leader_costs_one_more_run() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let (app, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    db.gate.close();
    let leader = callers(&app, 1, 1).remove(0);
    db.gate.reached_by(1).await;
    let waiters: Vec<_> = callers(&app, 20, 1)
        .into_iter()
        .chain(callers(&other, 20, 1))
        .collect();
    eventually(SOON, "a wait", async || {
        (other.cache.stats().waits == 1).then_some(())
    })
    .await;
    leader.abort();
    db.gate.reached_by(2).await;
    others_run().await;
    assert_eq!(db.gate.arrived(), 2, "one waiter took over, with the lease");
    db.gate.open();
    all_return(waiters, 7).await;
    assert_eq!(db.reads(), 2);
    app.has_stored(1).await;
    assert_eq!(
        (item(&other, 1).await, db.reads()),
        (7, 2),
        "and it was stored"
    );
}

#[tokio::test]
async fn a_load_completes_for_the_rest_when_most_callers_go_away() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(7)).await;
    app.db.gate.close();
    let mut everybody = callers(&app, 50, 1);
    app.db.gate.reached_by(1).await;
    others_run().await;
    let rest = everybody.split_off(49);
    for caller in everybody {
        caller.abort();
    }
    others_run().await;
    app.db.gate.open();
    all_return(rest, 7).await;
    assert!(app.db.reads() <= 2, "{} runs", app.db.reads());
    app.has_stored(1).await;
}

#[tokio::test]
async fn the_lease_of_a_cancelled_holder_is_released_at_once() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let (holder, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    db.gate.close();
    let held = callers(&holder, 1, 1).remove(0);
    db.gate.reached_by(1).await;
    let waiting = callers(&other, 1, 1);
    eventually(SOON, "a wait", async || {
        (other.cache.stats().waits == 1).then_some(())
    })
    .await;
    held.abort();
    let (_, took) = timed(db.gate.reached_by(2)).await;
    // A lease that ends by itself lives 1.5 s.
    assert!(
        took < Duration::from_millis(700),
        "the next holder began after {took:?}"
    );
    db.gate.open();
    all_return(waiting, 7).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_clients_with_1000_reads_each_load_every_key_once() {
    const KEYS: u32 = 50;
    let server = RedisServer::start();
    let db = Db::new(7);
    let loads: Arc<Vec<AtomicU32>> = Arc::new((0..KEYS).map(|_| AtomicU32::new(0)).collect());
    let mut clients = Vec::new();
    for client in 0..10_u32 {
        let (app, loads) = (App::on(&server, &db).await, loads.clone());
        clients.push(tokio::spawn(async move {
            for read in 0..1_000_u32 {
                let key = (read * 7 + client * 13) % KEYS;
                let load = async || {
                    loads[key as usize].fetch_add(1, SeqCst);
                    tokio::task::yield_now().await;
                    Ok::<u32, Own>(key)
                };
                let name = format!("key:{key}");
                let value = app
                    .cache
                    .get_or_load(name.as_str(), Duration::from_secs(60), load)
                    .await;
                assert_eq!(value, Ok(key));
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    let loads: Vec<u32> = loads.iter().map(|loads| loads.load(SeqCst)).collect();
    assert!(loads.iter().all(|loads| *loads == 1), "{loads:?}");
}

#[tokio::test]
async fn a_dead_holder_costs_the_others_two_seconds_at_most() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let (holder, proxy) = App::behind_proxy(&server, &db).await;
    let other = App::on(&server, &db).await;
    db.gate.close();
    let held = callers(&holder, 1, 1);
    db.gate.reached_by(1).await;
    // From here on nothing renews its lease, and nothing gives it up.
    proxy.set(Fault::BlackHole);
    let waiting = callers(&other, 50, 1);
    let (_, took) = timed(db.gate.reached_by(2)).await;
    assert!(
        took < Duration::from_millis(2_250),
        "{took:?}: two seconds, and some for two loaded cores"
    );
    db.gate.open();
    all_return(waiting, 7).await;
    all_return(held, 7).await;
    assert_eq!(db.reads(), 2);
}

/// The program that the next test starts: told to, it takes the key for a load that never ends.
#[tokio::test]
#[ignore = "runs as a child process"]
async fn as_a_child_that_holds_a_lease() {
    let Ok(url) = std::env::var("HOLD_URL") else {
        return;
    };
    let config = CacheConfig::default().redis_url(url).budget(SOON);
    let app = App::connected(config, &Db::new(7)).await;
    app.db.gate.close();
    println!("ready");
    let told = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    told.await.unwrap().unwrap();
    let call = tokio::spawn({
        let app = app.clone();
        async move { put_item(&app, 1, 7).await }
    });
    app.db.gate.reached_by(1).await;
    println!("holding");
    call.await.unwrap();
}

fn holder(server: &RedisServer) -> ChildProcess {
    let child = ChildProcess::builder(std::env::current_exe().unwrap())
        .arg("p3_one_load::as_a_child_that_holds_a_lease")
        .arg("--exact")
        .arg("--ignored")
        .arg("--nocapture")
        .env("HOLD_URL", server.url())
        .spawn();
    let _ = child.line_where(SOON, "ready", |line| line.ends_with("ready"));
    child
}

/// What is left of the lease at the key lies in the range.
async fn left_of_lease(server: &RedisServer, range: std::ops::Range<i64>) {
    let left = async || {
        range
            .contains(&server.cli(&["PTTL", "item:1"]).int())
            .then_some(())
    };
    eventually(SOON, "the lease to be so old", left).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_dead_holders_in_a_row_cost_no_more_than_one() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(7)).await;
    let (mut first, mut second) = (holder(&server), holder(&server));
    let dies = |child: &mut ChildProcess| {
        child.send("hold");
        let _ = child.line_where(SOON, "holding", |line| line.ends_with("holding"));
        child.kill9();
    };
    dies(&mut first);
    let reading = callers(&app, 20, 1);
    let began = Instant::now();
    // The second takes the key when the first's lease has almost ended, and its own lives as long again.
    left_of_lease(&server, 0..200).await;
    dies(&mut second);
    assert_eq!(app.db.reads(), 0, "the reader waits still");
    all_return(reading, 7).await;
    let took = began.elapsed();
    assert!(took < Duration::from_millis(2_400), "{took:?}");
    // One of those who wait takes the dead holder's place, and stores.
    app.has_stored(1).await;
    assert_eq!(app.db.reads(), 1);
}

#[tokio::test]
async fn the_lease_of_a_lost_connection_goes_with_the_next_one() {
    let server = RedisServer::start();
    let db = Db::new(7);
    let (holder, proxy) = App::behind_proxy(&server, &db).await;
    let other = App::on(&server, &db).await;
    db.gate.close();
    let held = callers(&holder, 1, 1);
    db.gate.reached_by(1).await;
    let waiting = callers(&other, 1, 1);
    let waits = async || (other.cache.stats().waits == 1).then_some(());
    eventually(SOON, "a wait", waits).await;
    left_of_lease(&server, 1_450..1_501).await;
    proxy.cut_all();
    let (_, took) = timed(db.gate.reached_by(2)).await;
    // It would have lived for 1.5 s.
    assert!(took < Duration::from_millis(1_000), "{took:?}");
    db.gate.open();
    all_return(waiting, 7).await;
    all_return(held, 7).await;
    assert_eq!(db.reads(), 2);
}

#[cached(ttl = "5m", key = "uncached:<id>", when = |value| *value < 0, cache = app.cache, skip(app))]
async fn unwanted(app: &App, id: u32) -> i64 {
    i64::from(id) + i64::try_from(app.db.read().await).unwrap()
}

#[cached(ttl = "5m", key = "nothing:<id>", cache = app.cache, skip(app))]
async fn nothing(app: &App, id: u32) -> Option<u64> {
    (app.db.read().await > u64::from(id)).then_some(0)
}

#[cached(ttl = "5m", key = "failing:<id>", cache = app.cache, skip(app))]
async fn failing(app: &App, id: u32) -> Result<u64, u64> {
    Err(app.db.read().await + u64::from(id))
}

/// One call after the other: the second has not come during the first.
#[tokio::test]
async fn what_is_not_cached_is_not_given_to_the_next_call() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(1)).await;
    for id in 1..20 {
        let before = app.db.reads();
        // Each at once after the other: between them Redis has not heard yet that the first load has ended.
        unwanted(&app, id).await;
        unwanted(&app, id).await;
        assert_eq!(app.db.reads(), before + 2, "unwanted {id}");
        nothing(&app, id).await;
        nothing(&app, id).await;
        assert_eq!(app.db.reads(), before + 4, "nothing {id}");
        let _ = failing(&app, id).await;
        let _ = failing(&app, id).await;
        assert_eq!(app.db.reads(), before + 6, "failing {id}");
    }
}
