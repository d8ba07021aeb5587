//! Do hits in memory scale with the threads that ask, next to moka's?
//!
//! ```console
//! $ cargo bench -p cache-runtime --bench threads
//! ```
//!
//! Threads stop each other where they write to the same cache line. So there are two tables. The first gives hits a second
//! of one thread and of several, at one key and at a key for each thread. It says nothing about more threads than this
//! machine has cores. The second holds for any number of threads: how often a hit writes to a cache line that another
//! thread's hits write to as well. For that, two threads call in turn under `valgrind --tool=lackey`, which prints each
//! write. Needs `valgrind` for the second table.

use std::collections::HashMap;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use cache_runtime::{Cache, CacheConfig, cached};

#[path = "support/rows.rs"]
mod rows;

use rows::{Rows, rows};

#[cached(ttl = "1h", key = "bench:threads:<id>", cache = cache, skip(cache))]
async fn of_a_cache(cache: &Cache, id: u32) -> Arc<Rows> {
    Arc::new(rows())
}

#[cached(ttl = "1h", key = "bench:threads:<id>")]
async fn of_the_global_cache(id: u32) -> Arc<Rows> {
    Arc::new(rows())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Global,
    Named,
    Moka,
}

impl Side {
    const ALL: [Self; 3] = [Self::Global, Self::Named, Self::Moka];

    fn name(self) -> &'static str {
        match self {
            Self::Global => "ours, the global cache",
            Self::Named => "ours, `cache = …`",
            Self::Moka => "moka, a ready key",
        }
    }
}

/// The caches that all threads use.
struct World {
    cache: Cache,
    moka: moka::future::Cache<String, Arc<Rows>>,
}

impl World {
    fn new() -> Self {
        Self {
            cache: Cache::new(CacheConfig::default()).unwrap_or_else(|error| panic!("{error}")),
            moka: moka::future::Cache::builder()
                .max_capacity(10_000)
                .time_to_live(Duration::from_secs(3600))
                .build(),
        }
    }

    async fn hits(&self, side: Side, id: u32, calls: u64) {
        let key = format!("bench:threads:{id}");
        for _ in 0..calls {
            let rows = match side {
                Side::Global => of_the_global_cache(black_box(id)).await,
                Side::Named => of_a_cache(&self.cache, black_box(id)).await,
                Side::Moka => match self.moka.get(black_box(&key)).await {
                    Some(rows) => rows,
                    None => panic!("nothing is at {key}"),
                },
            };
            black_box(rows);
        }
    }

    /// Stores what the threads will ask for.
    async fn fill(&self, ids: u32) {
        for id in 0..ids {
            of_the_global_cache(id).await;
            of_a_cache(&self.cache, id).await;
            let key = format!("bench:threads:{id}");
            self.moka.insert(key, Arc::new(rows())).await;
        }
    }
}

fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"))
        .block_on(work)
}

const CALLS: u64 = 200_000;
const ROUNDS: usize = 9;

/// Hits a second of all threads together.
fn hits_per_second(world: &Arc<World>, side: Side, threads: u32, own_keys: bool) -> f64 {
    let start = Arc::new(Barrier::new(threads as usize + 1));
    let callers: Vec<_> = (0..threads)
        .map(|thread| {
            let (world, start) = (world.clone(), start.clone());
            thread::spawn(move || {
                let id = if own_keys { thread } else { 0 };
                in_runtime(async {
                    world.hits(side, id, 1_000).await;
                    start.wait();
                    world.hits(side, id, CALLS).await;
                });
            })
        })
        .collect();
    start.wait();
    let began = Instant::now();
    for caller in callers {
        caller
            .join()
            .unwrap_or_else(|_| panic!("a caller has panicked"));
    }
    (CALLS * u64::from(threads)) as f64 / began.elapsed().as_secs_f64()
}

fn print_throughput(world: &Arc<World>) {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    println!("\n| hits a second, {cores} cores | keys | 1 thread | {cores} threads | times |");
    println!("|---|---|---:|---:|---:|");
    for own_keys in [false, true] {
        let mut figures: [[Vec<f64>; 2]; 3] = Default::default();
        for _ in 0..ROUNDS {
            for (side, figures) in Side::ALL.into_iter().zip(&mut figures) {
                for (threads, figures) in [1, cores].into_iter().zip(figures) {
                    figures.push(hits_per_second(world, side, threads, own_keys));
                }
            }
        }
        for (side, figures) in Side::ALL.into_iter().zip(&mut figures) {
            let [one, all] = figures.each_mut().map(|figures| median(figures));
            let keys = if own_keys { "one each" } else { "one" };
            println!(
                "| {} | {keys} | {:.2} M | {:.2} M | {:.2} |",
                side.name(),
                one / 1e6,
                all / 1e6,
                all / one
            );
        }
    }
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A write to it separates the parts of a trace.
static MARK: AtomicU64 = AtomicU64::new(0);

const TRACED: u64 = 200;

/// Two threads call in turn. Both live to the end, so that the second is not given memory of the first.
fn trace(side: Side, own_keys: bool) {
    let world = Arc::new(World::new());
    in_runtime(world.fill(2));
    println!("{:x}", &raw const MARK as usize);
    let turns = [0, 1, 2].map(|_| Arc::new(Barrier::new(2)));
    let [first, second] = [0, 1].map(|thread| {
        let (world, begin, end) = (
            world.clone(),
            turns[thread].clone(),
            turns[thread + 1].clone(),
        );
        let id = if own_keys { thread as u32 } else { 0 };
        move || {
            in_runtime(async {
                world.hits(side, id, 50).await;
                begin.wait();
                MARK.fetch_add(1, Ordering::SeqCst);
                world.hits(side, id, TRACED).await;
                MARK.fetch_add(1, Ordering::SeqCst);
                end.wait();
            });
            thread::park();
        }
    });
    thread::spawn(first);
    thread::spawn(second);
    turns[0].wait();
    turns[2].wait();
}

/// How many writes of a hit go to cache lines that the other thread's hits write to, too; and to how many lines.
fn shared_writes(side: usize, own_keys: bool) -> Option<(f64, usize)> {
    let program = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let mut run = Command::new("valgrind")
        .args(["--tool=lackey", "--trace-mem=yes", "--log-fd=1"])
        .arg(program)
        .args(["trace", &side.to_string(), &own_keys.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let output = run.stdout.take()?;
    let mut mark = None;
    let mut part = 0;
    let mut writes: [HashMap<u64, u64>; 2] = Default::default();
    for line in BufReader::new(output).lines() {
        let line = line.ok()?;
        let Some(write) = line.strip_prefix(" S ").or(line.strip_prefix(" M ")) else {
            if mark.is_none() && !line.starts_with(['=', 'I', ' ']) {
                mark = u64::from_str_radix(line.trim(), 16).ok();
            }
            continue;
        };
        let address = write.split(',').next()?;
        let address = u64::from_str_radix(address, 16).ok()?;
        if Some(address) == mark {
            part += 1;
        } else if let 1 | 3 = part {
            *writes[part / 2].entry(address / 64).or_default() += 1;
        }
    }
    assert!(
        run.wait().ok()?.success() && part == 4,
        "no whole trace: {part} marks"
    );
    let [first, second] = writes;
    let shared = first.iter().filter(|(line, _)| second.contains_key(line));
    let lines: Vec<u64> = shared
        .map(|(_, count)| *count)
        .filter(|count| *count >= TRACED / 2)
        .collect();
    let all: u64 = lines.iter().sum();
    Some((all as f64 / TRACED as f64, lines.len()))
}

fn print_shared_writes() {
    println!(
        "\n| writes of a hit to cache lines that another thread writes to | keys | writes | lines |"
    );
    println!("|---|---|---:|---:|");
    for own_keys in [false, true] {
        for (at, side) in Side::ALL.into_iter().enumerate() {
            let keys = if own_keys { "one each" } else { "one" };
            match shared_writes(at, own_keys) {
                Some((writes, lines)) => {
                    println!("| {} | {keys} | {writes:.1} | {lines} |", side.name());
                }
                None => println!("| {} | {keys} | valgrind does not run | |", side.name()),
            }
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["trace", side, own_keys] = words[..] {
        let side: usize = side.parse().unwrap_or_else(|error| panic!("{error}"));
        trace(Side::ALL[side], own_keys == "true");
        return ExitCode::SUCCESS;
    }
    if words.contains(&"--bench") {
        let world = Arc::new(World::new());
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        in_runtime(world.fill(cores));
        print_throughput(&world);
        print_shared_writes();
    }
    ExitCode::SUCCESS
}
