//! The work of the tasks: an operation of the cache, and the plain commands beside it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use crate::cache::{Cache, Request};
use crate::common::random;
use crate::ctl::args::Bench;
use crate::ctl::bench::mix::{Mix, OPERATIONS, Operation};
use crate::ctl::failure::Failure;
use crate::ctl::histogram::Histogram;
use crate::ctl::plain::Plain;
use crate::ctl::scratch::{LIFE, Scratch};
use crate::entry::policy::Near;
use crate::entry::type_ops;
use crate::key::{CacheKey, Pattern};

/// Keys that are written at once to fill the cache.
const BATCH: usize = 500;

/// The work of all tasks.
pub(super) struct Work {
    cache: Cache,
    plain: Plain,
    /// The namespace with its colon.
    prefix: String,
    keys: u32,
    value: String,
    mix: Mix,
}

/// How long each operation took, and the plain commands.
#[derive(Debug, Default)]
pub(super) struct Times {
    pub(super) all: BTreeMap<&'static str, Pair>,
    /// Reads that found a value.
    pub(super) hits: u64,
}

/// An operation of the cache, and the plain commands beside it.
#[derive(Debug, Default)]
pub(super) struct Pair {
    pub(super) cache: Histogram,
    pub(super) plain: Histogram,
}

impl Times {
    pub(super) fn merge(&mut self, other: &Self) {
        for (name, pair) in &other.all {
            let mine = self.all.entry(name).or_default();
            mine.cache.merge(&pair.cache);
            mine.plain.merge(&pair.plain);
        }
        self.hits += other.hits;
    }
}

impl Work {
    pub(super) fn new(scratch: &Scratch, connections: &Plain, wanted: &Bench, mix: Mix) -> Self {
        Self {
            cache: scratch.cache.clone(),
            plain: connections.clone(),
            prefix: scratch.prefix.clone(),
            keys: wanted.keys,
            value: "v".repeat(wanted.bytes as usize),
            mix,
        }
    }

    /// The names of all keys that the work uses, without the namespace.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        (0..self.keys).flat_map(|at| [key(at), loaded(at), plain(at), unloaded(at)])
    }

    /// Stores every key once, in the cache and beside it.
    pub(super) async fn fill(&self, stop: &AtomicBool) -> Result<(), Failure> {
        let all: Vec<u32> = (0..self.keys).collect();
        for some in all.chunks(BATCH) {
            if stop.load(Relaxed) {
                return Ok(());
            }
            let pairs: Vec<(CacheKey, String)> = some
                .iter()
                .map(|at| (CacheKey::new(&key(*at)), self.value.clone()))
                .collect();
            let stored = self.cache.set_many(&pairs, LIFE).await;
            stored.map_err(|error| Failure::usage(error.to_string()))?;
            let plain = some.iter().map(|at| plain(*at));
            let words = |name| self.set(name, &[]).into_iter().map(String::into_bytes);
            let stored = self
                .plain
                .for_each(&self.prefix, plain, |name| words(name).collect());
            stored.await.map_err(|fault| failed(&fault.to_string()))?;
        }
        Ok(())
    }

    /// Works until then, or until told to stop.
    pub(super) async fn until(&self, end: Instant, stop: &AtomicBool) -> Result<Times, Failure> {
        let mut times = Times::default();
        for operation in OPERATIONS {
            times.all.insert(operation.name(), Pair::default());
        }
        while Instant::now() < end && !stop.load(Relaxed) {
            let operation = self.mix.next();
            let at = (random::fraction() * f64::from(self.keys)) as u32;
            self.prepare(operation, at).await?;
            // In either order, so that neither always finds the processor as the other has left it.
            let first = random::fraction() < 0.5;
            let before = self.time_of_redis(operation, at, first).await?;
            let began = Instant::now();
            let hit = self.of_the_cache(operation, at).await?;
            let cache = began.elapsed();
            let after = self.time_of_redis(operation, at, !first).await?;
            let plain = before + after;
            let pair = times.all.entry(operation.name()).or_default();
            pair.cache.add(cache);
            pair.plain.add(plain);
            times.hits += u64::from(hit);
        }
        Ok(times)
    }

    /// Makes sure that a load is a miss; this is no part of what is measured.
    async fn prepare(&self, operation: Operation, at: u32) -> Result<(), Failure> {
        if operation != Operation::Load {
            return Ok(());
        }
        self.removed(Pattern::key(&CacheKey::new(&loaded(at))))
            .await?;
        let (console, unloaded) = self.plain.of(&self.prefix, &unloaded(at));
        let done = console.ask::<()>(&["UNLINK", &unloaded]).await;
        done.map_err(|fault| failed(&fault.to_string()))
    }

    /// True if it was a read that found a value.
    async fn of_the_cache(&self, operation: Operation, at: u32) -> Result<bool, Failure> {
        let name = CacheKey::new(&key(at));
        match operation {
            Operation::Read => {
                let mut request = Request::plain(&name, type_ops::<String>());
                request.near = Some(Near::Off);
                return Ok(self.cache.get_hit(&request).await.is_some());
            }
            Operation::NearRead => return Ok(self.cache.get::<String>(name).await.is_some()),
            Operation::Write => {
                let stored = self.cache.set(name, &self.value, LIFE).await;
                stored.map_err(|error| failed(&error.to_string()))?;
            }
            Operation::Load => {
                let load = async || Ok::<_, Failure>(self.value.clone());
                self.cache
                    .get_or_load(CacheKey::new(&loaded(at)), LIFE, load)
                    .await?;
            }
            Operation::RemoveKey => self.removed(Pattern::key(&name)).await?,
            Operation::RemovePrefix => self.removed(Pattern::Subtree(key(at))).await?,
        }
        Ok(false)
    }

    async fn removed(&self, pattern: Pattern) -> Result<(), Failure> {
        match self.cache.remove(vec![pattern], None).await.is_durable() {
            true => Ok(()),
            false => Err(failed("a removal was not acknowledged in time")),
        }
    }

    /// How long the plain commands take, if it is their turn.
    async fn time_of_redis(
        &self,
        operation: Operation,
        at: u32,
        turn: bool,
    ) -> Result<Duration, Failure> {
        let began = Instant::now();
        if !turn {
            return Ok(Duration::ZERO);
        }
        self.of_redis(operation, at).await?;
        Ok(began.elapsed())
    }

    async fn of_redis(&self, operation: Operation, at: u32) -> Result<(), Failure> {
        let name = match operation {
            Operation::Load => unloaded(at),
            _ => plain(at),
        };
        let (console, full) = self.plain.of(&self.prefix, &name);
        let get = ["GET", &full];
        let done = match operation {
            Operation::Read | Operation::NearRead => console.ask::<()>(&get).await,
            Operation::Write => console.ask::<()>(&self.set(full, &[])).await,
            Operation::Load => match console.ask::<()>(&get).await {
                Ok(()) => console.ask::<()>(&self.set(full, &["NX"])).await,
                failed => failed,
            },
            Operation::RemoveKey | Operation::RemovePrefix => {
                console.ask::<()>(&["UNLINK", &full]).await
            }
        };
        done.map_err(|fault| failed(&fault.to_string()))
    }

    fn set(&self, name: String, more: &[&str]) -> Vec<String> {
        let life = LIFE.as_millis().to_string();
        let words = [
            "SET".to_owned(),
            name,
            self.value.clone(),
            "PX".to_owned(),
            life,
        ];
        words
            .into_iter()
            .chain(more.iter().map(|word| (*word).to_owned()))
            .collect()
    }
}

/// A key that is read, written and removed.
fn key(at: u32) -> String {
    format!("k{at}")
}

/// A key that is loaded.
fn loaded(at: u32) -> String {
    format!("l{at}")
}

/// A key of the plain commands.
fn plain(at: u32) -> String {
    format!("p{at}")
}

/// A key that the plain commands find empty and fill.
fn unloaded(at: u32) -> String {
    format!("q{at}")
}

fn failed(why: &str) -> Failure {
    Failure::problem(format!("the measurement failed: {why}"))
        .because("the server refused a command, or did not answer in time")
        .remedy("`cachectl doctor` tries one thing after the other")
}
