//! Server time of a miss, beside a bare `SET` of the same bytes.

use std::time::Duration;

use cache_runtime::{Cache, cached};
use redis::aio::MultiplexedConnection;

use crate::bare::{ask, median, words};
use crate::server_time::{each, load, spent};
use crate::{HOUR, catalogued};

const ROUNDS: u32 = 5;
const EACH: u32 = 1_000;
const HOUR_MS: u32 = 3_600_000;

/// Members that one sweep looks at: three for each two of a batch of 100.
const SWEPT: u32 = 150;

/// Bytes of a value, and tasks that miss at once.
const SHAPES: [(usize, u32); 4] = [(8, 1), (8, 64), (1_000, 1), (1_000, 64)];

#[cached(ttl = "1h", key = "miss:<run>:<id>", near = false, cache = cache, skip(cache, size))]
async fn miss(cache: &Cache, run: u32, id: u32, size: usize) -> String {
    "x".repeat(size)
}

pub(crate) fn head() {
    println!();
    println!("Server time of a miss, a key, median of {ROUNDS} rounds of {EACH}:");
    println!();
    println!(
        "| other keys | value (entry), bytes | tasks | bare `SET PX` | lease, `SET NX PX` | store, a script or `SET IFEQ` | both: x bare | lease, and a script that gets the same arguments and does nothing: x bare | real misses: scripts (calls) | of it sweep, measured alone | real misses: `ZADD`, `PEXPIRE` | all: x bare |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
}

pub(crate) async fn table(cache: &Cache, bare: &mut MultiplexedConnection, others: u32) {
    for (row, (size, tasks)) in (0..).zip(SHAPES) {
        let scene = Scene {
            size,
            tasks,
            entry: entry(cache, bare, size).await,
            store: load(bare, include_str!("../../src/redis/scripts/store.lua")).await,
            nothing: load(bare, "return 1").await,
            has_if_equal: has_if_equal(bare).await,
            sweep: load(bare, include_str!("../../src/redis/scripts/sweep.lua")).await,
        };
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            // No two rounds of the program use the same keys.
            let run = (others.min(1) * 4 + row) * ROUNDS + round;
            rounds.push(scene.round(cache, bare, run).await);
        }
        scene.print(others, &rounds);
    }
}

/// The bytes of an entry with a value of that size.
async fn entry(cache: &Cache, bare: &mut MultiplexedConnection, size: usize) -> Vec<u8> {
    let key = format!("sample:{size}");
    cache
        .set(key.as_str(), &"x".repeat(size), HOUR)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    ask(bare, redis::cmd("GET").arg(&key)).await
}

struct Scene {
    size: usize,
    tasks: u32,
    entry: Vec<u8>,
    store: String,
    nothing: String,
    /// The server compares and sets in one command, and needs no script to store.
    has_if_equal: bool,
    sweep: String,
}

/// Microseconds of the server, a key.
struct Round {
    set: f64,
    lease: f64,
    /// A script that gets what the store script gets, and does nothing.
    nothing: f64,
    store: f64,
    scripts: f64,
    /// Calls of scripts for a miss.
    calls: f64,
    sweep: f64,
    catalogue: f64,
}

impl Scene {
    async fn round(&self, cache: &Cache, bare: &mut MultiplexedConnection, run: u32) -> Round {
        let set = self.bare_set(bare, run).await;
        let (lease, nothing, store) = self.lease_and_store(bare, run).await;
        let (scripts, calls, catalogue) = self.real(cache, bare, run).await;
        Round {
            set,
            lease,
            nothing,
            store,
            scripts,
            calls,
            sweep: self.sweep(bare).await,
            catalogue,
        }
    }

    async fn bare_set(&self, bare: &mut MultiplexedConnection, run: u32) -> f64 {
        let entry = self.entry.clone();
        reset(bare).await;
        each(bare, self.tasks, 0..EACH, move |id| {
            let mut set = redis::cmd("SET");
            set.arg(format!("bare:{run}:{id}")).arg(&entry);
            set.arg("PX").arg(HOUR_MS).to_owned()
        })
        .await;
        spent(bare, "set").await.0 / f64::from(EACH)
    }

    /// The lease, a script that does nothing, and the store over the lease, each alone.
    async fn lease_and_store(&self, bare: &mut MultiplexedConnection, run: u32) -> (f64, f64, f64) {
        let mut lease = self.entry[..56].to_vec();
        lease[4] = 2;
        let (identity, whole) = (lease[..24].to_vec(), lease.clone());
        reset(bare).await;
        each(bare, self.tasks, 0..EACH, move |id| {
            let mut set = redis::cmd("SET");
            set.arg(format!("made:{run}:{id}")).arg(&lease);
            set.arg("PX").arg(HOUR_MS).arg("NX").to_owned()
        })
        .await;
        let planted = spent(bare, "set").await.0 / f64::from(EACH);
        let nothing = self.script(bare, run, &self.nothing, &identity).await;
        let stored = if self.has_if_equal {
            self.set_if_equal(bare, run, whole).await
        } else {
            self.script(bare, run, &self.store, &identity).await
        };
        (planted, nothing, stored)
    }

    /// A script with the arguments of a store.
    async fn script(
        &self,
        bare: &mut MultiplexedConnection,
        run: u32,
        sha: &str,
        identity: &[u8],
    ) -> f64 {
        let (sha, entry, identity) = (sha.to_owned(), self.entry.clone(), identity.to_vec());
        reset(bare).await;
        each(bare, self.tasks, 0..EACH, move |id| {
            let mut store = redis::cmd("EVALSHA");
            store.arg(&sha).arg(1).arg(format!("made:{run}:{id}"));
            store.arg(&identity).arg(&entry);
            store.arg(HOUR_MS).to_owned()
        })
        .await;
        spent(bare, "evalsha").await.0 / f64::from(EACH)
    }

    /// The store of a server that needs no script for it.
    async fn set_if_equal(
        &self,
        bare: &mut MultiplexedConnection,
        run: u32,
        lease: Vec<u8>,
    ) -> f64 {
        let entry = self.entry.clone();
        reset(bare).await;
        each(bare, self.tasks, 0..EACH, move |id| {
            let mut store = redis::cmd("SET");
            store.arg(format!("made:{run}:{id}")).arg(&entry);
            store.arg("IFEQ").arg(&lease).arg("PX");
            store.arg(HOUR_MS).to_owned()
        })
        .await;
        spent(bare, "set").await.0 / f64::from(EACH)
    }

    /// Scripts, and what the catalogue adds to them, of real misses, until all is catalogued.
    async fn real(
        &self,
        cache: &Cache,
        bare: &mut MultiplexedConnection,
        run: u32,
    ) -> (f64, f64, f64) {
        let mut tasks = tokio::task::JoinSet::new();
        reset(bare).await;
        for task in 0..self.tasks {
            let (cache, step, size) = (cache.clone(), self.tasks as usize, self.size);
            tasks.spawn(async move {
                for id in (task..EACH).step_by(step) {
                    miss(&cache, run, id, size).await;
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(catalogued(bare, &format!("miss:{run}:"), EACH).await, EACH);
        // The last sweep follows the last batch.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (scripts, calls) = spent(bare, "evalsha").await;
        let added = spent(bare, "zadd").await.0 + spent(bare, "pexpire").await.0;
        let of_one = |all: f64| all / f64::from(EACH);
        (of_one(scripts), of_one(calls), of_one(added))
    }

    /// A bare client sweeps the same catalogue, as far as it is swept for so many keys.
    async fn sweep(&self, bare: &mut MultiplexedConnection) -> f64 {
        let mut from = b"[kmiss:".to_vec();
        reset(bare).await;
        for _ in 0..EACH * 3 / 2 / SWEPT {
            let mut sweep = redis::cmd("EVALSHA");
            sweep.arg(&self.sweep).arg(1).arg("%catalogue");
            sweep.arg("").arg(&from).arg(SWEPT).arg(HOUR_MS);
            from = ask(bare, &sweep).await;
        }
        spent(bare, "evalsha").await.0 / f64::from(EACH)
    }

    fn print(&self, others: u32, rounds: &[Round]) {
        let of = |figure: &dyn Fn(&Round) -> f64| {
            median(&mut rounds.iter().map(figure).collect::<Vec<_>>())
        };
        println!(
            "| {others} | {} ({}) | {} | {:.2} µs | {:.2} µs | {:.2} µs | {:.2} x | {:.2} x | {:.2} µs ({:.2}) | {:.2} µs | {:.2} µs | {:.2} x |",
            self.size,
            self.entry.len(),
            self.tasks,
            of(&|round| round.set),
            of(&|round| round.lease),
            of(&|round| round.store),
            of(&|round| (round.lease + round.store) / round.set),
            of(&|round| (round.lease + round.nothing) / round.set),
            of(&|round| round.scripts),
            of(&|round| round.calls),
            of(&|round| round.sweep),
            of(&|round| round.catalogue),
            of(&|round| {
                // It is among the scripts where it is one.
                let store = if self.has_if_equal { round.store } else { 0.0 };
                (round.lease + store + round.scripts + round.catalogue) / round.set
            }),
        );
    }
}

async fn has_if_equal(bare: &mut MultiplexedConnection) -> bool {
    let asked = words("SET absent new IFEQ old");
    asked.query_async::<redis::Value>(bare).await.is_ok()
}

async fn reset(bare: &mut MultiplexedConnection) {
    let _: String = ask(bare, &words("CONFIG RESETSTAT")).await;
}
