//! Removals and reads that come whether or not the earlier ones have been answered, and one short pause.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cache_runtime::{Cache, HitTier, cached, observe};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::bare::{ask, median, words};
use crate::{ROUNDS, Scene, millis, of};

const PAUSE: Duration = Duration::from_millis(80);
const BEFORE: Duration = Duration::from_secs(1);
const AFTER: Duration = Duration::from_secs(3);

/// So many in a row that went well: normal again.
const IN_A_ROW: usize = 20;

/// Keys that are read, one after the other: each once a second.
const KEYS: u32 = 500;

/// Tasks that fill them in at the beginning.
const FILLERS: u32 = 16;

#[cached(ttl = "1h", key = "recovery:<id>", near = false, cache = cache, skip(cache))]
async fn read(cache: &Cache, id: u32) -> u32 {
    id
}

pub(crate) fn head() {
    println!();
    println!(
        "1,000 deletes a second of distinct keys and 500 reads a second, whatever becomes of the earlier ones; one pause of {} ms (`CLIENT PAUSE ALL`). From its end, median (worst) of {ROUNDS} rounds. \"Again\": answered, the first of {IN_A_ROW} in a row, in the order in which they were made, that are durable, or that Redis answers. Bare client: its answer to one `GET` that was sent in the same pause.",
        PAUSE.as_millis()
    );
    println!();
    println!(
        "| round trip (measured) | before: durable, read from Redis | bare client | removals durable again | reads answered by Redis again | both, the last of {IN_A_ROW} | since the pause began: queued removals, bodies run |"
    );
    println!("|---|---|---|---|---|---|---|");
}

pub(crate) async fn row(round_trip: u64, budget: Option<Duration>) {
    let name = match budget {
        None => format!("{round_trip} ms"),
        Some(budget) => format!("{round_trip} ms, budget {}", millis(budget)),
    };
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.extend(round(round_trip, budget).await);
    }
    if rounds.is_empty() {
        println!("| {name} | the keys never come to be read from Redis | | | | | |");
        return;
    }
    let times = |figure: &dyn Fn(&Round) -> Duration| {
        of(&mut rounds.iter().map(figure).collect::<Vec<_>>())
    };
    let middle =
        |figure: &dyn Fn(&Round) -> f64| median(&mut rounds.iter().map(figure).collect::<Vec<_>>());
    println!(
        "| {name} ({}) | {:.1} %, {:.1} % | {} | {} | {} | {} | {:.0}, {:.0} |",
        times(&|round| round.round_trip),
        middle(&|round| round.before.0),
        middle(&|round| round.before.1),
        times(&|round| round.bare),
        times(&|round| round.removals.first),
        times(&|round| round.reads.first),
        times(&|round| round.removals.last.max(round.reads.last)),
        middle(&|round| round.failed.0),
        middle(&|round| round.failed.1),
    );
}

struct Round {
    round_trip: Duration,
    /// Percent that went well, of removals and of reads.
    before: (f64, f64),
    bare: Duration,
    removals: Again,
    reads: Again,
    /// How many did not go well since the pause began.
    failed: (f64, f64),
}

/// When so many in a row went well: the answers to the first and to the last of them.
#[derive(Clone, Copy)]
struct Again {
    first: Duration,
    last: Duration,
}

/// One call of the loop.
#[derive(Clone, Copy)]
struct Call {
    made: Instant,
    answered: Instant,
    well: bool,
}

type Calls = Arc<Mutex<Vec<Call>>>;

/// `None`: the keys never come to be read from Redis, so there is nothing to begin with.
async fn round(round_trip: u64, budget: Option<Duration>) -> Option<Round> {
    let mut scene = Scene::new(round_trip, budget).await;
    let measured = scene.round_trip().await;
    if !fill(&scene.cache).await {
        return None;
    }
    let (removals, reads) = (Calls::default(), Calls::default());
    let stop = Instant::now() + BEFORE + PAUSE + AFTER;
    let driver = tokio::spawn(drive(
        scene.cache.clone(),
        removals.clone(),
        reads.clone(),
        stop,
    ));
    tokio::time::sleep(BEFORE).await;
    let pause = words(&format!("CLIENT PAUSE {} ALL", PAUSE.as_millis()));
    let _: String = ask(&mut scene.control, &pause).await;
    let (began, end) = (Instant::now(), Instant::now() + PAUSE);
    let _: redis::Value = ask(&mut scene.bare, &words("GET nothing")).await;
    let bare = end.elapsed();
    driver.await.unwrap_or_else(|error| panic!("{error}"));
    // Whatever is still under way has its time.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (removals, reads) = (in_order(&removals), in_order(&reads));
    Some(Round {
        round_trip: measured,
        before: (before(&removals, began), before(&reads, began)),
        bare,
        removals: again(&removals, began, end),
        reads: again(&reads, began, end),
        failed: (failed(&removals, began), failed(&reads, began)),
    })
}

/// Reads every key until Redis answers it. False: some it never does.
async fn fill(cache: &Cache) -> bool {
    let mut tasks = JoinSet::new();
    for task in 0..FILLERS {
        let cache = cache.clone();
        tasks.spawn(async move {
            for id in (task..KEYS).step_by(FILLERS as usize) {
                while !is_redis_hit(&cache, id).await {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
    }
    let filled = tokio::time::timeout(Duration::from_secs(20), tasks.join_all()).await;
    if filled.is_err() {
        eprintln!(
            "not all keys came to be read from Redis: {:?}",
            cache.stats()
        );
    }
    filled.is_ok()
}

async fn is_redis_hit(cache: &Cache, id: u32) -> bool {
    let (_, observed) = observe(read(cache, id)).await;
    let call = observed.calls().first();
    call.is_some_and(|call| call.tier == Some(HitTier::Redis))
}

/// A removal each millisecond, a read every other.
async fn drive(cache: Cache, removals: Calls, reads: Calls, stop: Instant) {
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut number = 0_u32;
    while Instant::now() < stop {
        ticks.tick().await;
        number += 1;
        let (remover, calls) = (cache.clone(), removals.clone());
        tokio::spawn(async move {
            let made = Instant::now();
            let done = remover.delete(format!("removed:{number}").as_str()).await;
            note(&calls, made, done.is_durable());
        });
        if number.is_multiple_of(2) {
            let (reader, calls) = (cache.clone(), reads.clone());
            tokio::spawn(async move {
                let made = Instant::now();
                let well = is_redis_hit(&reader, number / 2 % KEYS).await;
                note(&calls, made, well);
            });
        }
    }
}

fn note(calls: &Calls, made: Instant, well: bool) {
    let call = Call {
        made,
        answered: Instant::now(),
        well,
    };
    if let Ok(mut calls) = calls.lock() {
        calls.push(call);
    }
}

fn in_order(calls: &Calls) -> Vec<Call> {
    let mut calls = calls.lock().map(|calls| calls.clone()).unwrap_or_default();
    calls.sort_by_key(|call| call.made);
    calls
}

fn before(calls: &[Call], began: Instant) -> f64 {
    let before: Vec<_> = calls.iter().filter(|call| call.answered < began).collect();
    let well = before.iter().filter(|call| call.well).count();
    100.0 * well as f64 / before.len().max(1) as f64
}

fn failed(calls: &[Call], began: Instant) -> f64 {
    let since = calls.iter().filter(|call| call.answered >= began);
    since.filter(|call| !call.well).count() as f64
}

/// Only answers after the pause count; if it does not come to that, the time at which the loop ended.
fn again(calls: &[Call], began: Instant, end: Instant) -> Again {
    let since: Vec<_> = calls.iter().filter(|call| call.made >= began).collect();
    let row = since
        .windows(IN_A_ROW)
        .find(|row| row.iter().all(|call| call.well && call.answered >= end));
    let Some(row) = row else {
        eprintln!("not normal again within {}", millis(AFTER));
        return Again {
            first: AFTER,
            last: AFTER,
        };
    };
    let answers = || row.iter().map(|call| call.answered - end);
    Again {
        first: answers().min().unwrap_or_default(),
        last: answers().max().unwrap_or_default(),
    }
}
