//! Memory in Redis, a key. Servers of their own, so that all tables of keys have the same size.

use std::time::Instant;

use redis::aio::MultiplexedConnection;

use crate::bare::{ask, patient, words};
use crate::server_time::each;
use crate::support::{Server, connect};
use crate::{PACED, TASKS, catalogued, connected, open, set_all};

const KEYS: u32 = 100_000;

const NAME: &str = "list:item:";

/// Bytes of a head, before the payload of an entry without tags.
const HEAD: usize = 104;

pub(crate) async fn table() {
    println!();
    println!("Memory in Redis a key, of {KEYS} without tags:");
    println!();
    println!(
        "| value (entry), bytes | bare `SET PX` of the value alone | bare `SET PX` of the entry's bytes | ours | of it the catalogue |"
    );
    println!("|---|---|---|---|---|");
    for size in [8, 1_000] {
        let (ours, catalogue, entry) = ours(size).await;
        let value = bare(entry[HEAD..].to_vec()).await;
        let same = bare(entry.clone()).await;
        println!(
            "| {size} ({}) | {value:.0} | {same:.0} | {ours:.0}; {:.2} x | {catalogue:.0} |",
            entry.len(),
            ours / same,
        );
    }
}

/// Keys that are set as fast as it goes: how many of them does the catalogue come to know?
pub(crate) async fn unpaced() {
    let server = Server::start();
    connect(&server.url).await;
    let mut bare = patient(&server.url).await;
    let cache = open(&server.url);
    connected(&cache).await;
    let started = Instant::now();
    set_all(&cache, NAME, 0..KEYS, &7_u64).await;
    let rate = f64::from(KEYS) / started.elapsed().as_secs_f64();
    let known = catalogued(&mut bare, NAME, KEYS).await;
    let all: u32 = ask(&mut bare, &words("DBSIZE")).await;
    println!();
    println!(
        "{KEYS} keys set by {TASKS} tasks without a pause, {rate:.0} a second: the catalogue knows {known} of {all} in Redis."
    );
}

async fn ours(size: usize) -> (f64, f64, Vec<u8>) {
    let server = Server::start();
    connect(&server.url).await;
    let mut bare = patient(&server.url).await;
    let cache = open(&server.url);
    connected(&cache).await;
    let before = used(&mut bare).await;
    let value = "x".repeat(size);
    for from in (0..KEYS).step_by(PACED) {
        let to = from + PACED as u32;
        set_all(&cache, NAME, from..to, &value).await;
        assert_eq!(catalogued(&mut bare, NAME, to).await, to);
    }
    let all = used(&mut bare).await - before;
    let usage = words("MEMORY USAGE %catalogue SAMPLES 0");
    let catalogue: f64 = ask(&mut bare, &usage).await;
    let entry = ask(&mut bare, redis::cmd("GET").arg(name(0))).await;
    (all / f64::from(KEYS), catalogue / f64::from(KEYS), entry)
}

async fn bare(bytes: Vec<u8>) -> f64 {
    let server = Server::start();
    connect(&server.url).await;
    let mut bare = patient(&server.url).await;
    let before = used(&mut bare).await;
    each(&bare, TASKS, 0..KEYS, move |id| {
        let mut set = redis::cmd("SET");
        set.arg(name(id)).arg(&bytes);
        set.arg("PX").arg(3_600_000).to_owned()
    })
    .await;
    (used(&mut bare).await - before) / f64::from(KEYS)
}

fn name(id: u32) -> String {
    format!("{NAME}{id}")
}

async fn used(bare: &mut MultiplexedConnection) -> f64 {
    let info: String = ask(bare, &words("INFO memory")).await;
    let mut lines = info.lines();
    lines
        .find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok())
        .unwrap_or_default()
}
