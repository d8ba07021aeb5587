//! What do removing 1,000 keys by prefix, and the index that makes it possible, cost as the other keys grow in number?
//!
//! Every figure stands beside its floor of the same run: for the removal what a bare client can do, `SCAN` and `UNLINK`;
//! for the store a bare `SET PX` of the same bytes. The server's own time is that of its `SLOWLOG`, to the microsecond.
//! A plain program, because loading a million entries is not something to repeat for statistics.

mod support;

use std::time::{Duration, Instant};

use cache_runtime::{Cache, CacheConfig};
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

use support::{Server, connect};

const OTHERS: [u32; 3] = [0, 10_000, 1_000_000];
const REMOVED: u32 = 1_000;
const ROUNDS: usize = 15;
const SCANS: usize = 3;
const STORES: u32 = 5_000;
const TASKS: u32 = 64;
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::main]
async fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return; // `cargo test --benches` shall not load a million entries
    }
    let server = Server::start();
    let mut bare = connect(&server.url).await;
    let connect = |config: CacheConfig| {
        Cache::new(config.redis_url(&server.url)).unwrap_or_else(|error| panic!("{error}"))
    };
    // Neither gives up after 50 ms, as a program's would: on a busy machine the figures shall say how long it took.
    let patient = Duration::from_secs(30);
    let cache = connect(CacheConfig::default().budget(patient));
    let filler = connect(CacheConfig::default().budget(patient));
    // Removal scripts, but nothing inside them: what is logged there counts to the script's time.
    command(&mut bare, "CONFIG SET slowlog-log-slower-than 200").await;
    command(&mut bare, "CONFIG SET slowlog-max-len 10000").await;
    connected(&cache).await;
    connected(&filler).await;

    println!(
        "| others | removal, median (worst) | of it the server's CPU | UNLINK by name | SCAN + UNLINK | script call, median (longest) | SET PX; in a script; ours |"
    );
    println!("|---|---|---|---|---|---|---|");
    let (mut present, mut alone) = (0, None);
    for others in OTHERS {
        fill(&filler, "others:list:", present..others).await;
        present = others;
        let removal = removals(&cache, &filler, &mut bare).await;
        let named = unlinks(&mut bare).await;
        let scan = scans(&mut bare).await;
        let alone = *alone.get_or_insert(removal.cpu);
        println!(
            "| {others} | {} ({}) | {}; {:.2} x | {} | {} | {} ({}) | {} |",
            millis(removal.median),
            millis(removal.worst),
            millis(removal.cpu),
            removal.cpu.as_secs_f64() / alone.as_secs_f64(),
            millis(named),
            millis(scan),
            millis(removal.script),
            millis(removal.longest_script),
            stores(&filler, &mut bare).await,
        );
    }
}

struct Removal {
    median: Duration,
    worst: Duration,
    /// Of the server's main thread, median: other programs on the machine do not count.
    cpu: Duration,
    script: Duration,
    longest_script: Duration,
}

async fn removals(cache: &Cache, filler: &Cache, bare: &mut MultiplexedConnection) -> Removal {
    let (mut times, mut cpu, mut scripts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        fill(filler, "jobs:list:", 0..REMOVED).await;
        command(bare, "SLOWLOG RESET").await;
        let before = cpu_time(bare).await;
        let started = Instant::now();
        let done = cache.invalidate_prefix("jobs:list:").await;
        times.push(started.elapsed());
        cpu.push(cpu_time(bare).await.saturating_sub(before));
        assert!(
            done.is_durable() && done.removed == u64::from(REMOVED),
            "{done:?}"
        );
        for (name, took) in slowlog(bare).await {
            if name.starts_with("EVAL") {
                scripts.push(took);
            }
        }
    }
    times.sort();
    cpu.sort();
    scripts.sort();
    Removal {
        median: times[ROUNDS / 2],
        worst: times[ROUNDS - 1],
        cpu: cpu[ROUNDS / 2],
        script: scripts[scripts.len() / 2],
        longest_script: scripts[scripts.len() - 1],
    }
}

async fn cpu_time(bare: &mut MultiplexedConnection) -> Duration {
    let info: String = ask(bare, redis::cmd("INFO").arg("cpu")).await;
    let seconds = ["used_cpu_sys_main_thread:", "used_cpu_user_main_thread:"].map(|name| {
        let line = info.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().parse::<f64>().ok())
            .unwrap_or_default()
    });
    Duration::from_secs_f64(seconds.iter().sum())
}

/// A bare client that knows every name: one `UNLINK`.
async fn unlinks(bare: &mut MultiplexedConnection) -> Duration {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let names = bare_keys(bare).await;
        let started = Instant::now();
        let gone: u32 = ask(bare, redis::cmd("UNLINK").arg(&names)).await;
        times.push(started.elapsed());
        assert_eq!(gone, REMOVED);
    }
    times.sort();
    times[ROUNDS / 2]
}

/// A bare client that has to look for them.
async fn scans(bare: &mut MultiplexedConnection) -> Duration {
    let mut times = Vec::new();
    for _ in 0..SCANS {
        bare_keys(bare).await;
        let started = Instant::now();
        let (mut cursor, mut gone) = (0_u64, 0_u32);
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg("bare:list:*")
                .arg("COUNT")
                .arg(1000);
            let (next, names): (u64, Vec<String>) = ask(bare, &scan).await;
            if !names.is_empty() {
                gone += ask::<u32>(bare, redis::cmd("UNLINK").arg(&names)).await;
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        times.push(started.elapsed());
        assert_eq!(gone, REMOVED);
    }
    times.sort();
    times[SCANS / 2]
}

/// Server time of a `SET PX`, of a script that does nothing but that, and of the two scripts of a `set` of ours, which
/// are those of a miss. The bytes are the same.
async fn stores(filler: &Cache, bare: &mut MultiplexedConnection) -> String {
    fill(filler, "cost:", 0..1).await;
    let bytes: Vec<u8> = ask(bare, redis::cmd("GET").arg("cost:0")).await;
    command(bare, "CONFIG RESETSTAT").await;
    for number in 0..STORES {
        let mut set = redis::cmd("SET");
        set.arg(format!("bare:cost:{number}")).arg(&bytes);
        set.arg("PX").arg(3_600_000);
        let _: String = ask(bare, &set).await;
    }
    let set = spent(bare, "set").await;

    let script = "return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])";
    let load = redis::cmd("SCRIPT").arg("LOAD").arg(script).to_owned();
    let sha: String = ask(bare, &load).await;
    command(bare, "CONFIG RESETSTAT").await;
    for number in 0..STORES {
        let mut set = redis::cmd("EVALSHA");
        set.arg(&sha).arg(1).arg(format!("bare:cost:{number}"));
        set.arg(&bytes).arg(3_600_000);
        let _: String = ask(bare, &set).await;
    }
    let scripted = spent(bare, "evalsha").await;

    command(bare, "CONFIG RESETSTAT").await;
    fill(filler, "cost:", 0..STORES).await;
    let ours = spent(bare, "evalsha").await;
    format!("{set:.1} µs; {scripted:.1} µs; {ours:.1} µs")
}

/// Microseconds that the server spent on a command, by store.
async fn spent(bare: &mut MultiplexedConnection, command: &str) -> f64 {
    let info: String = ask(bare, redis::cmd("INFO").arg("commandstats")).await;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:")))
        .unwrap_or_default();
    let micros = line
        .split(',')
        .find_map(|field| field.strip_prefix("usec="))
        .and_then(|micros| micros.parse::<f64>().ok());
    micros.unwrap_or_default() / f64::from(STORES)
}

async fn connected(cache: &Cache) {
    while !cache.health().await.stats.redis_available {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Entries through the public interface, so that every one is a member of the index.
async fn fill(cache: &Cache, prefix: &str, numbers: std::ops::Range<u32>) {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (cache, prefix, numbers) = (cache.clone(), prefix.to_owned(), numbers.clone());
        tasks.spawn(async move {
            for number in numbers.skip(task as usize).step_by(TASKS as usize) {
                let key = format!("{prefix}{number}");
                cache
                    .set(key.as_str(), &u64::from(number), HOUR)
                    .await
                    .unwrap_or_else(|error| panic!("{error}"));
            }
        });
    }
    tasks.join_all().await;
}

/// As many keys as a removal takes, without an index.
async fn bare_keys(bare: &mut MultiplexedConnection) -> Vec<String> {
    let names: Vec<String> = (0..REMOVED).map(|id| format!("bare:list:{id}")).collect();
    let mut set = redis::cmd("MSET");
    for name in &names {
        set.arg(name).arg(&[7_u8; 90]);
    }
    let _: String = ask(bare, &set).await;
    names
}

/// Name (of a script: with the beginning of its hash) and server time of every command since the reset.
async fn slowlog(bare: &mut MultiplexedConnection) -> Vec<(String, Duration)> {
    type Line = (u64, u64, u64, Vec<Vec<u8>>, redis::Value, redis::Value);
    let mut get = redis::cmd("SLOWLOG");
    get.arg("GET").arg(-1);
    let lines: Vec<Line> = ask(bare, &get).await;
    lines
        .into_iter()
        .map(|(_, _, micros, arguments, ..)| {
            let words: Vec<_> = arguments
                .iter()
                .map(|argument| String::from_utf8_lossy(argument).into_owned())
                .collect();
            let name = match (words.first().map(String::as_str), words.get(1)) {
                (Some("EVALSHA"), Some(sha)) => format!("EVALSHA {}", &sha[..6]),
                (name, _) => name.unwrap_or_default().to_owned(),
            };
            (name, Duration::from_micros(micros))
        })
        .collect()
}

async fn command(bare: &mut MultiplexedConnection, line: &str) {
    let mut words = line.split(' ');
    let mut command = redis::cmd(words.next().unwrap_or_default());
    for word in words {
        command.arg(word);
    }
    let _: String = ask(bare, &command).await;
}

async fn ask<T: redis::FromRedisValue>(
    bare: &mut MultiplexedConnection,
    question: &redis::Cmd,
) -> T {
    question
        .query_async(bare)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
