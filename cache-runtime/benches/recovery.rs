//! How soon is everything as before, once Redis answers again: the removals that waited, and a load that went on?
//!
//! Over round trips of several lengths, and beside a bare client that met the same pause. A plain program: every round has
//! a server of its own.

#[path = "support/bare.rs"]
mod bare;
#[path = "recovery/open_loop.rs"]
mod open_loop;
#[path = "support/relay.rs"]
mod relay;
mod support;
#[path = "recovery/waiting.rs"]
mod waiting;

use std::time::{Duration, Instant};

use cache_runtime::{Cache, CacheConfig};
use redis::aio::MultiplexedConnection;

use bare::{ask, median, patient, words, worst};
use relay::Relay;
use support::{Server, connect};

const ROUNDS: usize = 5;

/// Round trips that the relay makes, in ms.
const ROUND_TRIPS: [u64; 3] = [0, 5, 40];

#[tokio::main]
async fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return; // `cargo test --benches` shall not stop servers for minutes
    }
    // One of them alone, where it is named.
    let named: Vec<u64> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let round_trips: Vec<u64> = ROUND_TRIPS
        .into_iter()
        .filter(|round_trip| named.is_empty() || named.contains(round_trip))
        .collect();
    waiting::head();
    for &round_trip in &round_trips {
        waiting::row(round_trip, waiting::Kind::Deletes).await;
        waiting::row(round_trip, waiting::Kind::Prefixes).await;
    }
    open_loop::head();
    for &round_trip in &round_trips {
        open_loop::row(round_trip, None).await;
        if round_trip > 25 {
            // A call's 50 ms are less than the two round trips of a miss.
            open_loop::row(round_trip, Some(Duration::from_millis(200))).await;
        }
    }
}

/// A server, the way to it, and those who use it.
struct Scene {
    cache: Cache,
    /// Over the relay, as the cache.
    bare: MultiplexedConnection,
    /// Without the relay.
    control: MultiplexedConnection,
    _relay: Relay,
    _server: Server,
}

impl Scene {
    async fn new(round_trip: u64, budget: Option<Duration>) -> Self {
        let server = Server::start();
        connect(&server.url).await;
        let relay = Relay::start(&server.url, Duration::from_micros(round_trip * 500));
        let mut config = CacheConfig::default().redis_url(&relay.url);
        if let Some(budget) = budget {
            config = config.budget(budget);
        }
        let cache = Cache::new(config).unwrap_or_else(|error| panic!("{error}"));
        let started = Instant::now();
        while !cache.health().await.stats.redis_available {
            assert!(started.elapsed() < Duration::from_secs(20), "no Redis");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self {
            cache,
            bare: patient(&relay.url).await,
            control: patient(&server.url).await,
            _relay: relay,
            _server: server,
        }
    }

    /// What a round trip really takes over the relay.
    async fn round_trip(&mut self) -> Duration {
        let mut times = Vec::new();
        for _ in 0..9 {
            let started = Instant::now();
            let _: String = ask(&mut self.bare, &words("PING")).await;
            times.push(started.elapsed());
        }
        median(&mut times)
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn of(times: &mut [Duration]) -> String {
    let median = median(times);
    format!("{} ({})", millis(median), millis(worst(times)))
}
