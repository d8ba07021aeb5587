//! What do a removal by prefix, a miss, and an entry cost the server, next to what a bare client pays for the like?
//!
//! Every figure stands beside its floor of the same run. A plain program, because loading a million entries is not
//! something to repeat for statistics.

#[path = "support/bare.rs"]
mod bare;
#[path = "removal/memory.rs"]
mod memory;
#[path = "removal/misses.rs"]
mod misses;
#[path = "support/server_time.rs"]
mod server_time;
mod support;

use std::hint::black_box;
use std::ops::Range;
use std::time::{Duration, Instant};

use cache_runtime::{Cache, CacheConfig, cached};
use redis::aio::MultiplexedConnection;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use bare::{ask, median, patient, words, worst};
use server_time::{load, spent};
use support::{Server, connect};

const OTHERS: u32 = 1_000_000;
const TASKS: u32 = 64;
/// Keys that are set before the catalogue is waited for.
const PACED: usize = 10_000;
const HOUR: Duration = Duration::from_secs(3600);

/// Names that a bare client gives to one `UNLINK`; of more, it sends so many at a time as `CHUNK` says.
const AT_ONCE: u32 = 100_000;
const CHUNK: usize = 10_000;

/// Entries that a removal takes, how often it is measured, and whether another process uses the namespace: then a removal
/// by hand waits 10 ms for what that one may still have to catalogue.
const CASES: [(u32, usize, bool); 6] = [
    (1, 15, false),
    (1_000, 15, false),
    (1, 15, true),
    (1_000, 15, true),
    (100_000, 3, true),
    (1_000_000, 1, true),
];

#[cached(invalidates = "jobs:list:", cache = cache)]
async fn change(cache: &Cache) {
    black_box(cache);
}

#[cached(invalidates = "nothing:<id>:", cache = cache)]
async fn change_nothing(cache: &Cache, id: u32) {
    black_box((cache, id));
}

#[tokio::main]
async fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return; // `cargo test --benches` shall not load a million entries
    }
    memory::table().await;
    memory::unpaced().await;
    let server = Server::start();
    connect(&server.url).await;
    let mut bare = patient(&server.url).await;
    let cache = open(&server.url);
    connected(&cache).await;

    misses::head();
    misses::table(&cache, &mut bare, 0).await;
    fill(&cache, &mut bare, "others:list:", OTHERS).await;
    misses::table(&cache, &mut bare, OTHERS).await;

    scripts(&cache, &mut bare).await;
    removals_head();
    let mut another = None;
    for (matching, rounds, company) in CASES {
        if company && another.is_none() {
            connected(another.insert(open(&server.url))).await;
        }
        let mut case = Case::new(matching, &mut bare).await;
        for _ in 0..rounds {
            case.round(&cache, &mut bare).await;
        }
        case.print(company);
    }
}

/// The script that records a removal, as cached functions call it, without a log that would count the commands inside it:
/// what it removes is nothing, so no other script runs. Beside it a script that does nothing.
async fn scripts(cache: &Cache, bare: &mut MultiplexedConnection) {
    const ROUNDS: u32 = 5;
    const EACH: u32 = 500;
    let nothing = load(bare, "return 1").await;
    let (mut recording, mut idle, mut publishing) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let _: String = ask(bare, &words("CONFIG RESETSTAT")).await;
        for id in 0..EACH {
            change_nothing(cache, round * EACH + id).await;
        }
        let (micros, calls) = spent(bare, "evalsha").await;
        recording.push(micros / calls);
        let _: String = ask(bare, &words("CONFIG RESETSTAT")).await;
        for id in 0..EACH {
            let evalsha = words(&format!("EVALSHA {nothing} 1 any nothing:{id}:"));
            let _: u32 = ask(bare, &evalsha).await;
            let publish = words(&format!("PUBLISH somewhere nothing:{id}:"));
            let _: u32 = ask(bare, &publish).await;
        }
        let (micros, calls) = spent(bare, "evalsha").await;
        idle.push(micros / calls);
        let (micros, calls) = spent(bare, "publish").await;
        publishing.push(micros / calls);
    }
    println!();
    println!(
        "Recording a removal: {:.1} µs of the server (worst round {:.1} µs), {OTHERS} other keys, {} removals, one caller; a script that does nothing: {:.1} µs; a `PUBLISH` that nobody hears: {:.1} µs.",
        median(&mut recording),
        worst(&recording),
        ROUNDS * EACH,
        median(&mut idle),
        median(&mut publishing),
    );
}

fn removals_head() {
    println!();
    println!(
        "Removal by prefix among {OTHERS} others. `UNLINK`: by a bare client that knows the names, one command; of more than {AT_ONCE} names, {CHUNK} a command."
    );
    println!();
    println!(
        "| matching (rounds) | processes | acknowledged, median (worst) | server: record script, logged inside, median (worst) | entries gone behind it | by hand, all counted and unlinked | bare `UNLINK` of the names |"
    );
    println!("|---|---|---|---|---|---|---|");
}

/// Removals of so many entries.
struct Case {
    matching: u32,
    record: String,
    acknowledged: Vec<Duration>,
    script: Vec<Duration>,
    behind: Vec<Duration>,
    by_hand: Vec<Duration>,
    unlink: Vec<Duration>,
}

impl Case {
    async fn new(matching: u32, bare: &mut MultiplexedConnection) -> Self {
        Self {
            matching,
            record: load(bare, include_str!("../src/redis/scripts/record.lua")).await,
            acknowledged: Vec::new(),
            script: Vec::new(),
            behind: Vec::new(),
            by_hand: Vec::new(),
            unlink: Vec::new(),
        }
    }

    async fn round(&mut self, cache: &Cache, bare: &mut MultiplexedConnection) {
        self.refill(cache, bare).await;
        self.by_a_function(cache, bare).await;
        self.refill(cache, bare).await;
        let bytes: Vec<u8> = ask(bare, redis::cmd("GET").arg("jobs:list:0")).await;
        let started = Instant::now();
        let done = cache.invalidate_prefix("jobs:list:").await;
        self.by_hand.push(started.elapsed());
        assert!(done.is_durable(), "{done:?}");
        assert_eq!(done.removed, u64::from(self.matching));
        self.bare_unlink(bare, &bytes).await;
    }

    async fn refill(&self, cache: &Cache, bare: &mut MultiplexedConnection) {
        fill(cache, bare, "jobs:list:", self.matching).await;
    }

    async fn by_a_function(&mut self, cache: &Cache, bare: &mut MultiplexedConnection) {
        let before = cache.stats();
        let expected = before.removed + u64::from(self.matching);
        let _: String = ask(bare, &words("SLOWLOG RESET")).await;
        let _: String = ask(bare, &words("CONFIG SET slowlog-max-len 100000")).await;
        let _: String = ask(bare, &words("CONFIG SET slowlog-log-slower-than 0")).await;
        let started = Instant::now();
        change(cache).await;
        self.acknowledged.push(started.elapsed());
        let _: String = ask(bare, &words("CONFIG SET slowlog-log-slower-than -1")).await;
        assert_eq!(cache.stats().queued, before.queued);
        while cache.stats().removed < expected {
            assert!(started.elapsed() < Duration::from_secs(300), "uncounted");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.behind.push(started.elapsed());
        self.script.push(logged(bare, &self.record).await);
    }

    async fn bare_unlink(&mut self, bare: &mut MultiplexedConnection, bytes: &[u8]) {
        let names: Vec<String> = (0..self.matching)
            .map(|id| format!("bare:list:{id}"))
            .collect();
        for some in names.chunks(CHUNK) {
            let mut pipeline = redis::pipe();
            for name in some {
                let set = pipeline.cmd("SET").arg(name).arg(bytes);
                set.arg("PX").arg(3_600_000).ignore();
            }
            let planting = pipeline.query_async::<()>(bare).await;
            planting.unwrap_or_else(|error| panic!("{error}"));
        }
        let at_once = if self.matching > AT_ONCE {
            CHUNK
        } else {
            names.len()
        };
        let commands: Vec<redis::Cmd> = names
            .chunks(at_once)
            .map(|some| redis::cmd("UNLINK").arg(some).to_owned())
            .collect();
        let mut gone = 0;
        let started = Instant::now();
        for command in &commands {
            gone += ask::<u32>(bare, command).await;
        }
        self.unlink.push(started.elapsed());
        assert_eq!(gone, self.matching);
    }

    fn print(&mut self, company: bool) {
        let rounds = self.acknowledged.len();
        println!(
            "| {} ({rounds}) | {} | {} ({}) | {} µs ({} µs) | {} | {} ({}) | {} ({}) |",
            self.matching,
            if company { "two" } else { "one" },
            millis(median(&mut self.acknowledged)),
            millis(worst(&self.acknowledged)),
            median(&mut self.script).as_micros(),
            worst(&self.script).as_micros(),
            millis(median(&mut self.behind)),
            millis(median(&mut self.by_hand)),
            millis(worst(&self.by_hand)),
            millis(median(&mut self.unlink)),
            millis(worst(&self.unlink)),
        );
    }
}

/// Server time of the one call of a script that the log holds.
async fn logged(bare: &mut MultiplexedConnection, sha: &str) -> Duration {
    type Line = (u64, u64, u64, Vec<Vec<u8>>, redis::Value, redis::Value);
    let lines: Vec<Line> = ask(bare, &words("SLOWLOG GET -1")).await;
    let calls: Vec<u64> = lines
        .iter()
        .filter(|(_, _, _, words, ..)| words.get(1).is_some_and(|word| word == sha.as_bytes()))
        .map(|(_, _, micros, ..)| *micros)
        .collect();
    assert_eq!(calls.len(), 1, "calls of the script");
    Duration::from_micros(calls[0])
}

/// A cache that does not give up after 50 ms, as a program's would: on a busy machine the figures shall say how long it
/// took.
fn open(url: &str) -> Cache {
    let config = CacheConfig::default().redis_url(url);
    Cache::new(config.budget(Duration::from_secs(30))).unwrap_or_else(|error| panic!("{error}"))
}

async fn connected(cache: &Cache) {
    while !cache.health().await.stats.redis_available {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Entries through the public interface, so that every one is a member of the catalogue: no faster than it keeps up, as it
/// leaves out what comes when too many wait for it.
async fn fill(cache: &Cache, bare: &mut MultiplexedConnection, prefix: &str, count: u32) {
    for from in (0..count).step_by(PACED) {
        let to = count.min(from + PACED as u32);
        set_all(cache, prefix, from..to, &7_u64).await;
        let known = catalogued(bare, prefix, to).await;
        assert_eq!(known, to, "{:?}", cache.stats());
    }
}

async fn set_all<T>(cache: &Cache, prefix: &str, numbers: Range<u32>, value: &T)
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (cache, prefix) = (cache.clone(), prefix.to_owned());
        let (numbers, value) = (numbers.clone(), value.clone());
        tasks.spawn(async move {
            for number in numbers.skip(task as usize).step_by(TASKS as usize) {
                let key = format!("{prefix}{number}");
                let set = cache.set(key.as_str(), &value, HOUR).await;
                set.unwrap_or_else(|error| panic!("{error}"));
            }
        });
    }
    tasks.join_all().await;
}

/// Waits until the catalogue holds so many keys that begin so; says how many it holds when it does not grow any more.
async fn catalogued(bare: &mut MultiplexedConnection, prefix: &str, count: u32) -> u32 {
    let mut ask_count = redis::cmd("ZLEXCOUNT");
    ask_count.arg("%catalogue").arg(format!("[k{prefix}"));
    ask_count.arg([b"(k", prefix.as_bytes(), b"\xff"].concat());
    let (mut known, mut grown) = (0, Instant::now());
    while known < count && grown.elapsed() < Duration::from_secs(5) {
        let now: u32 = ask(bare, &ask_count).await;
        if now > known {
            (known, grown) = (now, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    known
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
