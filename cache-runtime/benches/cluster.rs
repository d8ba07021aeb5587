//! What do hits, misses and removals cost on a Redis Cluster of 1, 3 and 6 masters, next to a single server?
//!
//! The four are measured in turn, round by round, and each figure is the median of the rounds. On a machine with few cores
//! the calls a second say how many cores it has, so the servers' own time for each call stands beside them.

#[path = "support/bare.rs"]
mod bare;
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_runtime::{Cache, CacheConfig, cached};
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

use bare::{ask, median, patient, words, worst};
use support::{Server, connect};

const ROUNDS: usize = 5;
const TASKS: u32 = 64;
const KEYS: u32 = 6_400;
const REMOVALS: usize = 200;
const SLOTS: usize = 16_384;

#[cached(ttl = "1h", key = "row:<id>", near = false, cache = cache, skip(cache))]
async fn row(cache: &Cache, id: u32) -> u64 {
    std::hint::black_box(u64::from(id))
}

#[cached(invalidates = "#nothing", cache = cache)]
async fn remove(cache: &Cache) {
    std::hint::black_box(cache);
}

/// A cache, and connections to the masters behind it.
struct Setup {
    name: String,
    _servers: Vec<Server>,
    masters: Vec<MultiplexedConnection>,
    cache: Cache,
    hits: Vec<Figure>,
    misses: Vec<Figure>,
    removals: Vec<Figure>,
}

/// The measurements of one round.
#[derive(Clone, Copy)]
struct Figure {
    took: Duration,
    calls: u32,
    /// Microseconds of all masters together.
    server: f64,
}

impl Setup {
    /// `masters`: of a cluster; 0 for a single server.
    async fn start(masters: usize) -> Self {
        let servers: Vec<Server> = (0..masters.max(1))
            .map(|_| match masters {
                0 => Server::start(),
                _ => Server::start_with(&["--cluster-enabled", "yes"]),
            })
            .collect();
        let mut bare = Vec::new();
        for server in &servers {
            connect(&server.url).await;
            bare.push(patient(&server.url).await);
        }
        if masters > 0 {
            join(&servers, &mut bare).await;
        }
        let cache = Cache::new(config(&servers[0])).unwrap_or_else(|error| panic!("{error}"));
        while !cache.health().await.stats.redis_available {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self {
            name: match masters {
                0 => "a single server".to_owned(),
                1 => "a cluster of 1 master".to_owned(),
                _ => format!("a cluster of {masters} masters"),
            },
            _servers: servers,
            masters: bare,
            cache,
            hits: Vec::new(),
            misses: Vec::new(),
            removals: Vec::new(),
        }
    }

    async fn round(&mut self) {
        let misses = self.read_all().await;
        self.misses.push(misses);
        let stored = |cache: &Cache| cache.stats().stores;
        let mut before = 0;
        while stored(&self.cache) != before {
            before = stored(&self.cache);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let hits = self.read_all().await;
        self.hits.push(hits);
        self.reset().await;
        let began = Instant::now();
        for _ in 0..REMOVALS {
            remove(&self.cache).await;
        }
        let took = began.elapsed();
        let figure = self.figure(took, REMOVALS as u32).await;
        self.removals.push(figure);
        let _ = self.cache.clear().await;
    }

    async fn read_all(&mut self) -> Figure {
        self.reset().await;
        let cache = Arc::new(self.cache.clone());
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let cache = cache.clone();
            tasks.spawn(async move {
                for id in (task..KEYS).step_by(TASKS as usize) {
                    row(&cache, id).await;
                }
            });
        }
        tasks.join_all().await;
        let took = began.elapsed();
        self.figure(took, KEYS).await
    }

    async fn reset(&mut self) {
        for master in &mut self.masters {
            let _: String = ask(master, &words("CONFIG RESETSTAT")).await;
        }
    }

    async fn figure(&mut self, took: Duration, calls: u32) -> Figure {
        let mut server = 0.0;
        for master in &mut self.masters {
            let info: String = ask(master, &words("INFO commandstats")).await;
            for line in info.lines().filter(|line| is_ours(line)) {
                server += usec(line);
            }
        }
        Figure {
            took,
            calls,
            server,
        }
    }
}

/// Commands that calls run. A script's commands are part of its own time.
fn is_ours(line: &str) -> bool {
    ["cmdstat_evalsha:", "cmdstat_get:", "cmdstat_set:"]
        .iter()
        .any(|name| line.starts_with(name))
}

fn usec(line: &str) -> f64 {
    line.split(',')
        .find_map(|part| part.strip_prefix("usec=")?.parse().ok())
        .unwrap_or_default()
}

/// Shares out the slots, and waits until all nodes agree.
async fn join(servers: &[Server], bare: &mut [MultiplexedConnection]) {
    let count = servers.len();
    for (at, node) in bare.iter_mut().enumerate() {
        let (first, last) = (at * SLOTS / count, (at + 1) * SLOTS / count - 1);
        let _: String = ask(
            node,
            &words(&format!("CLUSTER SET-CONFIG-EPOCH {}", at + 1)),
        )
        .await;
        let _: String = ask(
            node,
            &words(&format!("CLUSTER ADDSLOTSRANGE {first} {last}")),
        )
        .await;
    }
    for server in &servers[1..] {
        let port = server.url.rsplit(':').next().unwrap_or_default().to_owned();
        let _: String = ask(
            &mut bare[0],
            &words(&format!("CLUSTER MEET 127.0.0.1 {port}")),
        )
        .await;
    }
    for node in bare {
        loop {
            let info: String = ask(node, &words("CLUSTER INFO")).await;
            let known = format!("cluster_known_nodes:{count}");
            if info.contains("cluster_state:ok") && info.contains(&known) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn of(figures: &[Figure], value: impl Fn(&Figure) -> f64) -> f64 {
    let mut values: Vec<f64> = figures.iter().map(value).collect();
    median(&mut values)
}

/// A budget that is long enough for a busy machine: what is measured is how long things take.
fn config(server: &Server) -> CacheConfig {
    CacheConfig::default()
        .redis_url(server.url.clone())
        .budget(Duration::from_secs(5))
}

#[tokio::main]
async fn main() {
    let mut setups = Vec::new();
    for masters in [0, 1, 3, 6] {
        setups.push(Setup::start(masters).await);
    }
    for _ in 0..ROUNDS {
        for setup in &mut setups {
            setup.round().await;
        }
    }
    println!(
        "| | hits/s | server µs a hit | misses/s | server µs a miss | removal of a tag, ms: median (worst) of the rounds | server µs a removal |"
    );
    println!("|---|---|---|---|---|---|---|");
    for setup in &setups {
        let rate = |figures: &[Figure]| of(figures, |f| f64::from(f.calls) / f.took.as_secs_f64());
        let server = |figures: &[Figure]| of(figures, |f| f.server / f64::from(f.calls));
        let millis = |f: &Figure| f.took.as_secs_f64() * 1e3 / f64::from(f.calls);
        let longest = worst(&setup.removals.iter().map(millis).collect::<Vec<_>>());
        let each = of(&setup.removals, millis);
        println!(
            "| {} | {:.0} | {:.1} | {:.0} | {:.1} | {each:.2} ({longest:.2}) | {:.0} |",
            setup.name,
            rate(&setup.hits),
            server(&setup.hits),
            rate(&setup.misses),
            server(&setup.misses),
            server(&setup.removals),
        );
    }
}
