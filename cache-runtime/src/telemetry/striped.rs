//! A counter that many threads bump at the same time.
//!
//! A thread that writes to a cache line takes it from all other cores. A hit in memory takes some hundred nanoseconds, so one
//! counter for all threads would be what they wait for. Here, each thread bumps one of several counters, each on cache lines
//! of its own.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread::available_parallelism;

/// Allocated when it is first bumped: most functions of a program have a counter, and many are never called.
#[derive(Debug)]
pub(crate) struct Striped(OnceLock<Box<[Stripe]>>);

/// Two lines of 64 bytes: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

/// The most stripes of a counter. On a machine with more cores, some threads share one.
const MOST: usize = 64;

impl Striped {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Adds one.
    pub(crate) fn bump(&self) {
        let stripes = self.0.get_or_init(|| stripes(stripes_needed()));
        stripes[own_number() % stripes.len()]
            .0
            .fetch_add(1, Relaxed);
    }

    /// The total. What other threads add meanwhile may be missing.
    pub(crate) fn sum(&self) -> u64 {
        let stripes = self.0.get().into_iter().flatten();
        stripes.fold(0, |sum, stripe| sum.wrapping_add(stripe.0.load(Relaxed)))
    }
}

fn stripes(count: usize) -> Box<[Stripe]> {
    (0..count).map(|_| Stripe::default()).collect()
}

/// One for each core.
fn stripes_needed() -> usize {
    static NEEDED: OnceLock<usize> = OnceLock::new();
    *NEEDED.get_or_init(|| available_parallelism().map_or(1, |cores| cores.get().min(MOST)))
}

/// The number of this thread. Threads are numbered from zero, in the order in which they first ask.
fn own_number() -> usize {
    const NONE: usize = usize::MAX;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(NONE) };
    }
    OWN.with(|own| {
        if own.get() == NONE {
            own.set(NEXT.fetch_add(1, Relaxed));
        }
        own.get()
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_sum_is_that_of_all_threads() {
        for count in [1, 3, MOST] {
            let counter = Striped(OnceLock::from(stripes(count)));
            thread::scope(|scope| {
                for _ in 0..9 {
                    scope.spawn(|| (0..1_000).for_each(|_| counter.bump()));
                }
            });
            assert_eq!(counter.sum(), 9_000);
        }
        assert_eq!(Striped::new().sum(), 0);
    }

    #[test]
    fn threads_bump_different_stripes_and_stripes_share_no_cache_line() {
        assert_eq!(size_of::<Stripe>(), 128);
        let counter = Striped(OnceLock::from(stripes(usize::from(u8::MAX))));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| counter.bump());
            }
        });
        let bumped = counter.0.get().unwrap().iter();
        let bumped: Vec<_> = bumped.filter(|stripe| stripe.0.load(Relaxed) > 0).collect();
        assert_eq!(bumped.len(), 3);
    }
}
