//! Fails if a call takes more instructions of its process than it did. Instructions, unlike seconds, are the same on a busy
//! machine.
//!
//! ```console
//! $ cargo bench --package cache-runtime --bench instruction_guard
//! ```
//!
//! Each part of a call has a floor beside it, which does the least that is needed for the same result, and a bound of the
//! ratio. A bound is a tenth above what was counted when it was set, which leaves room for a new compiler and not for a new
//! allocation or lock. Where a change makes a part cheaper, lower its bound. `hit_instructions` tells more about a hit.
//!
//! Runs itself under callgrind. Needs `valgrind` and `redis-server`.

#[path = "support/callgrind.rs"]
mod callgrind;
#[path = "support/rows.rs"]
mod rows;
mod support;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, cached};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;

use callgrind::in_runtime;
use rows::{Rows, rows};
use support::{Server, connect};

/// A part of a call, the floor beside it, and the largest ratio between them.
struct Part {
    name: &'static str,
    ours: &'static str,
    floor: &'static str,
    floor_name: &'static str,
    calls: [u64; 2],
    bound: f64,
}

const IN_PROCESS: [u64; 2] = [2_000, 10_000];
const OVER_REDIS: [u64; 2] = [300, 1_500];

const PARTS: [Part; 4] = [
    Part {
        name: "a key of two arguments",
        ours: "key",
        floor: "format",
        floor_name: "`format!`",
        calls: IN_PROCESS,
        bound: 0.97,
    },
    Part {
        name: "a hit in memory, with its key",
        ours: "memory",
        floor: "moka",
        floor_name: "moka's `get` with a ready key",
        calls: IN_PROCESS,
        bound: 1.6,
    },
    Part {
        name: "a hit in Redis: decoded and judged",
        ours: "redis hit",
        floor: "get",
        floor_name: "`GET` and decode",
        calls: OVER_REDIS,
        bound: 1.17,
    },
    Part {
        name: "a load that is stored: lease, encode, store",
        ours: "store",
        floor: "set",
        floor_name: "encode and `SET`",
        calls: OVER_REDIS,
        bound: 6.6,
    },
];

#[cached(ttl = "1h", key = "bench:near:<skip>:<limit>", cache = cache, skip(cache))]
async fn near(cache: &Cache, skip: u32, limit: u32) -> Arc<Rows> {
    Arc::new(rows())
}

#[cached(ttl = "1h", key = "bench:far:<skip>", near = false, cache = cache, skip(cache))]
async fn far(cache: &Cache, skip: u32) -> Rows {
    rows()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    if let ["count", side, calls, url] = words[..] {
        let calls = calls.parse().unwrap_or_else(|error| panic!("{error}"));
        in_runtime(count(side, calls, url));
        return ExitCode::SUCCESS;
    }
    if !words.contains(&"--bench") {
        return ExitCode::SUCCESS;
    }
    let server = Server::start();
    in_runtime(async {
        connect(&server.url).await;
    });
    if guard(&server.url) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints the table; false if a bound is exceeded.
fn guard(url: &str) -> bool {
    println!(
        "\n| instructions of the process | ours | floor | what the floor does | ratio | bound |"
    );
    println!("|---|---|---|---|---|---|");
    let mut kept = true;
    for part in PARTS {
        let [ours, floor] = [part.ours, part.floor].map(|side| {
            let words = |calls: u64| {
                ["count", side, &calls.to_string(), url]
                    .map(str::to_owned)
                    .to_vec()
            };
            callgrind::instructions(words, part.calls[0], part.calls[1])
        });
        let ratio = ours / floor;
        println!(
            "| {} | {ours:.0} | {floor:.0} | {} | {ratio:.2} | {} |",
            part.name, part.floor_name, part.bound
        );
        if ratio > part.bound {
            eprintln!(
                "{} costs {ratio:.2} x its floor, more than {}",
                part.name, part.bound
            );
            kept = false;
        }
    }
    kept
}

/// The work that is counted.
async fn count(side: &str, calls: u64, url: &str) {
    match side {
        "key" => {
            for call in 0..calls {
                black_box(near::key(black_box(call as u32), black_box(20)));
            }
        }
        "format" => {
            for call in 0..calls {
                black_box(format!(
                    "bench:near:{}:{}",
                    black_box(call as u32),
                    black_box(20)
                ));
            }
        }
        "memory" => hits_in_memory(calls).await,
        "moka" => gets_of_moka(calls).await,
        "redis hit" | "store" => calls_over_redis(side == "store", calls, url).await,
        _ => bare_commands(side == "set", calls, connect(url).await).await,
    }
}

async fn hits_in_memory(calls: u64) {
    let cache = Cache::new(CacheConfig::default()).unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..=calls {
        black_box(near(&cache, black_box(0), black_box(20)).await);
    }
    assert_eq!(cache.stats().memory_hits, calls);
}

async fn gets_of_moka(calls: u64) {
    let moka: moka::future::Cache<String, Arc<Rows>> = moka::future::Cache::builder()
        .max_capacity(10_000)
        .time_to_live(Duration::from_secs(3600))
        .build();
    let key = "bench:near:0:20".to_owned();
    moka.insert(key.clone(), Arc::new(rows())).await;
    for _ in 0..calls {
        assert!(black_box(moka.get(black_box(&key)).await).is_some());
    }
}

/// Under callgrind everything is slow, so the cache is patient.
async fn calls_over_redis(store: bool, calls: u64, url: &str) {
    let config = CacheConfig::default().redis_url(url);
    let cache = Cache::new(config.budget(Duration::from_secs(30)))
        .unwrap_or_else(|error| panic!("{error}"));
    while cache.stats().redis_hits == 0 {
        far(&cache, 0).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for _ in 0..calls {
        let rows = if store {
            far::refresh(&cache, 0).await
        } else {
            far(&cache, 0).await
        };
        assert_eq!(black_box(rows).len(), 20);
    }
}

async fn bare_commands(set: bool, calls: u64, mut bare: MultiplexedConnection) {
    let config = bincode::config::standard();
    let bytes = bincode::serde::encode_to_vec(rows(), config).unwrap_or_default();
    let _: () = bare
        .set("bare", bytes)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..calls {
        if set {
            let bytes =
                bincode::serde::encode_to_vec(black_box(rows()), config).unwrap_or_default();
            let _: () = bare
                .set("bare", bytes)
                .await
                .unwrap_or_else(|error| panic!("{error}"));
        } else {
            let bytes: Vec<u8> = bare.get("bare").await.unwrap_or_default();
            let (rows, _): (Rows, usize) =
                bincode::serde::decode_from_slice(&bytes, config).unwrap_or_default();
            assert_eq!(black_box(rows).len(), 20);
        }
    }
}
