//! Tests of the concurrent code itself, not of a model of it. An explorer chooses at every lock, atomic and
//! notification which thread runs next: at random, and with few preemptions in the worst places (PCT).
//!
//! Build with `RUSTFLAGS="--cfg shuttle"` (see `tests/run`). The schedules are the same each time;
//! `SHUTTLE_RANDOM_SEED=<number>` takes others and `SHUTTLE_TIMES=<factor>` more of them. Each property has a twin that
//! turns a safeguard off and must find the fault.
//!
//! What the actors note about themselves is behind the standard library's own lock, where no thread is interrupted.
//! That lock must not be held over a call into the code under test.

mod breaker;
mod flight;
mod ledger;
mod memory;
mod suspects;
mod switch;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};
use tokio::time::Instant;

use crate::entry::type_ops;
use crate::local::flight::{Flights, HeldLease, Outcome};
use crate::local::memory::{MemoryEntry, StoredValue};

const SEED: u64 = 2026;

/// How many preemptions PCT uses.
const PREEMPTIONS: [usize; 3] = [1, 2, 4];

/// Runs a test under this many random schedules, and as many of PCT.
fn explore(schedules: usize, test: impl Fn() + Send + Sync + 'static) {
    let factor = std::env::var("SHUTTLE_TIMES")
        .ok()
        .and_then(|factor| factor.parse().ok())
        .unwrap_or(1);
    let (schedules, test) = (schedules * factor, Arc::new(test));
    run(
        RandomScheduler::new_from_seed(SEED, schedules),
        test.clone(),
    );
    for preemptions in PREEMPTIONS {
        let each = schedules / PREEMPTIONS.len();
        run(
            PctScheduler::new_from_seed(SEED, preemptions + 1, each),
            test.clone(),
        );
    }
}

fn run(scheduler: impl Scheduler + 'static, test: Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    config.failure_persistence = FailurePersistence::None;
    // Silences the warning that all orderings are explored as if they were sequentially consistent.
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(move || test());
}

/// True once in so many times, as the explorer chooses.
fn once_in(times: u32) -> bool {
    dice(times) == 0
}

fn dice(sides: u32) -> u32 {
    use shuttle::rand::Rng;
    shuttle::rand::thread_rng().gen_range(0..sides)
}

/// Notes of the actors. Their order is the order in which things really happened.
#[derive(Debug, Default)]
struct Notes<T>(Mutex<T>);

impl<T> Notes<T> {
    fn get(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many leases in Redis still have to be ended.
type Leases = Arc<Notes<i32>>;

/// A lease. Each must be given up or ended, exactly once.
#[derive(Debug)]
struct Held {
    leases: Leases,
    over: bool,
}

impl Held {
    fn new(leases: &Leases) -> Self {
        *leases.get() += 1;
        Self {
            leases: leases.clone(),
            over: false,
        }
    }

    /// The store or the release has ended the lease.
    fn end(mut self) {
        self.over = true;
        *self.leases.get() -= 1;
    }
}

impl HeldLease for Held {
    fn give_up(self) {
        self.end();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The count is not lowered, so the check at the test's end finds the lease.
        debug_assert!(
            self.over || std::thread::panicking(),
            "a lease was left behind"
        );
    }
}

fn value(version: u64) -> StoredValue {
    Some(Arc::new(version))
}

fn version_of(kept: &StoredValue) -> u64 {
    *kept
        .as_ref()
        .and_then(|value| value.downcast_ref())
        .expect("a version")
}

fn copy(version: u64, tags: &[String]) -> MemoryEntry {
    let now = Instant::now();
    MemoryEntry {
        value: value(version),
        ops: type_ops::<u64>(),
        template: 0,
        tags: tags.into(),
        bytes: 8,
        version,
        ttl: Duration::from_secs(3600),
        took: Duration::ZERO,
        expires: now + Duration::from_secs(3600),
        filled: now,
        aged: Duration::ZERO,
    }
}
