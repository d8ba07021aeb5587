//! Memory in Redis, a key. Servers of their own, so that all tables of keys have the same size.

use cache_runtime::{Cache, CacheConfig};
use redis::aio::MultiplexedConnection;

use crate::bare::{ask, patient, words};
use crate::server_time::each;
use crate::support::{Server, connect};
use crate::{HOUR, TASKS, catalogued, connected};

const KEYS: u32 = 100_000;

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

async fn ours(size: usize) -> (f64, f64, Vec<u8>) {
    let server = Server::start();
    connect(&server.url).await;
    let mut bare = patient(&server.url).await;
    let cache = Cache::new(CacheConfig::default().redis_url(&server.url))
        .unwrap_or_else(|error| panic!("{error}"));
    connected(&cache).await;
    let before = used(&mut bare).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let cache = cache.clone();
        tasks.spawn(async move {
            let value = "x".repeat(size);
            for id in (task..KEYS).step_by(TASKS as usize) {
                let set = cache.set(name(id).as_str(), &value, HOUR).await;
                set.unwrap_or_else(|error| panic!("{error}"));
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(catalogued(&mut bare, "list:", KEYS).await, KEYS);
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
    format!("list:item:{id}")
}

async fn used(bare: &mut MultiplexedConnection) -> f64 {
    let info: String = ask(bare, &words("INFO memory")).await;
    let mut lines = info.lines();
    lines
        .find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok())
        .unwrap_or_default()
}
