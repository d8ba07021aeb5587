//! One request after the other: how long each takes, and how many statements it saves.

use std::time::{Duration, Instant};

use bench_parts::client::Connection;
use bench_parts::figures::median_time;

use crate::ask::{Outcome, Sessions};
use crate::options::Bench;
use crate::service::{Mode, Service, Start};
use crate::systems::{Row, System};
use crate::together;

/// Requests that are answered from the cache are short, so more of them are timed: at least so many of each row.
fn hits(quick: bool) -> u32 {
    if quick { 1 } else { 60 }
}

/// What a new process of the service was measured to do.
pub(crate) struct Sitting {
    /// Of each row, the times of its first requests, and of the later ones.
    pub(crate) first: Vec<Vec<Duration>>,
    pub(crate) again: Vec<Vec<Duration>>,
    /// Ten requests at once: until the last is answered, and their statements.
    pub(crate) together: (Duration, u64),
    /// A hundred requests for one page: their statements.
    pub(crate) one_page: u64,
}

/// Starts the service and sits through all of it.
pub(crate) async fn sit(
    system: &System,
    start: Start<'_>,
    rows: &[&Row],
    bench: &Bench,
) -> Sitting {
    let service = start.start();
    let sessions = Sessions::open(service.address, system.users).await;
    let mut connection = open(&service).await;
    let ready = sessions.bytes(&crate::ask::Ask::get("/nowhere"));
    for _ in 0..20 {
        let _ = connection.ask(&ready).await;
    }
    // Opens the connections to the database, which takes statements of its own.
    together::run(&service, &sessions.bytes(&(system.fresh)(2))).await;
    let together = together::run(&service, &sessions.bytes(&(system.fresh)(0))).await;
    let one_page = one_page(&service, &sessions.bytes(&(system.fresh)(1))).await;
    let quick = bench.quick;
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for row in rows {
        let asks: Vec<Vec<u8>> = (0..distinct(row, quick))
            .map(|number| sessions.bytes(&(row.ask)(number)))
            .collect();
        first.push(times(&mut connection, row, &asks, false, start.mode).await);
        let mut later = Vec::new();
        let passes = match start.mode {
            Mode::Off => 1,
            _ => hits(quick).div_ceil(row.distinct),
        };
        for _ in 0..passes {
            later.extend(times(&mut connection, row, &asks, true, start.mode).await);
        }
        again.push(later);
    }
    Sitting {
        first,
        again,
        together,
        one_page,
    }
}

/// A short run asks for a few of them.
fn distinct(row: &Row, quick: bool) -> u32 {
    if quick {
        row.distinct.min(5)
    } else {
        row.distinct
    }
}

async fn open(service: &Service) -> Connection {
    Connection::open(service.address)
        .await
        .expect("a connection")
}

/// A request for which the cache did not do what is measured, because Redis did not answer in time on a busy machine, is
/// left out. Panics if there are several of them.
async fn times(
    connection: &mut Connection,
    row: &Row,
    asks: &[Vec<u8>],
    hits: bool,
    mode: Mode,
) -> Vec<Duration> {
    let mut times = Vec::new();
    let mut others = 0;
    for ask in asks {
        let began = Instant::now();
        let outcome = Outcome::of(connection, ask).await;
        let took = began.elapsed();
        assert!(outcome != Outcome::Failed, "{} failed", row.name);
        let hit = outcome == Outcome::Hit;
        let expected = hits && mode != Mode::Off && !row.uncached;
        match hit == expected {
            true => times.push(took),
            false => others += 1,
        }
    }
    let named = format!("{} {}", row.name, mode.name());
    assert!(
        others <= 1 + asks.len() / 10,
        "{named}: is a hit {hits}? {others} times not"
    );
    times
}

async fn one_page(service: &Service, ask: &[u8]) -> u64 {
    let mut connection = open(service).await;
    let before = service.statements().await;
    for _ in 0..100 {
        let outcome = Outcome::of(&mut connection, ask).await;
        assert!(outcome != Outcome::Failed, "a page failed");
    }
    service.statements().await - before
}

/// Of all rounds together.
pub(crate) fn median_of(
    sittings: &[Sitting],
    row: usize,
    of: fn(&Sitting) -> &Vec<Vec<Duration>>,
) -> Duration {
    let times = sittings.iter().filter_map(|sitting| of(sitting).get(row));
    median_time(times.flatten().copied())
}
