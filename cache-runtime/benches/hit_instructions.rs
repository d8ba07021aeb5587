//! How many instructions does a hit in Redis cost its client, next to a bare `GET` and decode? Unlike seconds they are the
//! same on a busy machine. Beside it, what the bytes of an entry cost whoever reads them: a bare `GET` of so many bytes, whose
//! checksum is compared.
//!
//! Runs itself under callgrind, a long time and a short one; the difference leaves start-up out. The runtime has one
//! thread. Needs `valgrind`.

#[path = "support/callgrind.rs"]
mod callgrind;
#[path = "support/rows.rs"]
mod rows;
mod support;

use std::hint::black_box;
use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, cached};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;
use xxhash_rust::xxh3::xxh3_64;

use callgrind::in_runtime;
use rows::{Rows, rows};
use support::{Server, connect};

const SHORT: u64 = 1_280;
const LONG: u64 = 6_400;

#[cached(ttl = "1h", key = "bench:rows:<skip>", near = false, cache = cache, skip(cache))]
async fn read(cache: &Cache, skip: u32) -> Rows {
    rows()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    if let ["count", side, calls, tasks, url] = words[..] {
        let number = |text: &str| text.parse().unwrap_or_else(|error| panic!("{error}"));
        return in_runtime(count(side, number(calls), number(tasks), url));
    }
    if !words.contains(&"--bench") {
        return;
    }
    let server = Server::start();
    in_runtime(async {
        connect(&server.url).await;
    });
    println!();
    println!("Instructions of the client a hit in Redis, 20 rows:");
    println!();
    println!(
        "| tasks | bare `GET` and decode | the same without the client's time limit | bare with the bytes and the checksum of an entry | cached | x bare | x bare without limit | x bare with an entry's bytes |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for tasks in [1, 64] {
        let [bare, unlimited, sealed, ours] = ["bare", "unlimited", "sealed", "ours"]
            .map(|side| instructions(side, tasks, &server.url));
        println!(
            "| {tasks} | {bare:.0} | {unlimited:.0} | {sealed:.0} | {ours:.0} | {:.3} x | {:.3} x | {:.3} x |",
            ours / bare,
            ours / unlimited,
            ours / sealed
        );
    }
}

/// A call: the median of three differences.
fn instructions(side: &str, tasks: u64, url: &str) -> f64 {
    let words = |calls: u64| {
        ["count", side, &calls.to_string(), &tasks.to_string(), url]
            .map(str::to_owned)
            .to_vec()
    };
    let mut differences = [0; 3].map(|_: i32| callgrind::instructions(words, SHORT, LONG));
    differences.sort_by(f64::total_cmp);
    differences[1]
}

/// Who reads.
#[derive(Clone)]
enum Reader {
    Bare,
    /// The value follows a header of an entry's length, and is compared with a checksum.
    Sealed(u64),
    Cached(Cache),
}

/// Bytes of an entry before its value.
const HEADER: usize = 104;

/// The work that is counted.
async fn count(side: &str, calls: u64, tasks: u64, url: &str) {
    let bare = match side {
        "unlimited" => unlimited(url).await,
        _ => connect(url).await,
    };
    let mut bytes =
        bincode::serde::encode_to_vec(rows(), bincode::config::standard()).unwrap_or_default();
    let reader = match side {
        "ours" => Reader::Cached(ready(url).await),
        "sealed" => {
            bytes.splice(0..0, [0; HEADER]);
            Reader::Sealed(xxh3_64(&bytes))
        }
        _ => Reader::Bare,
    };
    let _: () = bare
        .clone()
        .set("bare", bytes)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    if tasks == 1 {
        return one(&bare, &reader, calls).await;
    }
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let (bare, reader) = (bare.clone(), reader.clone());
        running.spawn(async move { one(&bare, &reader, calls / tasks).await });
    }
    running.join_all().await;
}

async fn one(bare: &MultiplexedConnection, reader: &Reader, calls: u64) {
    for _ in 0..calls {
        let rows: Rows = match reader {
            Reader::Bare => get(bare, 0, None).await,
            Reader::Sealed(checksum) => get(bare, HEADER, Some(*checksum)).await,
            Reader::Cached(cache) => read(cache, 0).await,
        };
        assert_eq!(black_box(rows).len(), 20);
    }
}

async fn get(bare: &MultiplexedConnection, from: usize, checksum: Option<u64>) -> Rows {
    let bytes: Vec<u8> = bare.clone().get("bare").await.unwrap_or_default();
    if let Some(checksum) = checksum {
        assert_eq!(xxh3_64(&bytes), checksum);
    }
    bincode::serde::decode_from_slice(&bytes[from..], bincode::config::standard())
        .map(|(rows, _)| rows)
        .unwrap_or_default()
}

/// A cache that has the value in Redis. Under callgrind everything is slow: it is to be patient.
async fn ready(url: &str) -> Cache {
    let config = CacheConfig::default().redis_url(url);
    let cache = Cache::new(config.budget(Duration::from_secs(30)))
        .unwrap_or_else(|error| panic!("{error}"));
    while cache.stats().redis_hits == 0 {
        read(&cache, 0).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cache
}

async fn unlimited(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).unwrap_or_else(|error| panic!("{error}"));
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}
