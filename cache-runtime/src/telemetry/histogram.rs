//! Durations by size: counts that are bumped without a lock. Only the admin routes read them: without the feature `axum`
//! nothing is kept, and no clock is read for it.
//!
//! Each doubling has four buckets, so a percentile is off by less than a quarter, and the counts of several histograms can
//! be added.

#[cfg(not(feature = "axum"))]
use std::marker::PhantomData;
#[cfg(feature = "axum")]
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[cfg(feature = "axum")]
use tokio::time::Instant;

/// Buckets per doubling.
#[cfg(feature = "axum")]
const PARTS: u64 = 4;

/// Times below 2 to this power, in microseconds, share the first bucket.
#[cfg(feature = "axum")]
const SHORTEST: u32 = 4;

/// Times from 2 to this power on, in microseconds (67 s), share the last bucket.
#[cfg(feature = "axum")]
const LONGEST: u32 = 26;

#[cfg(feature = "axum")]
const BUCKETS: usize = 2 + ((LONGEST - SHORTEST) as u64 * PARTS) as usize;

/// Counts durations; recording one adds to one atomic.
#[derive(Debug)]
pub(crate) struct Histogram(#[cfg(feature = "axum")] [AtomicU64; BUCKETS]);

impl Histogram {
    pub(crate) const fn new() -> Self {
        Self(
            #[cfg(feature = "axum")]
            [const { AtomicU64::new(0) }; BUCKETS],
        )
    }

    #[cfg(feature = "axum")]
    pub(crate) fn record(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0[bucket(micros)].fetch_add(1, Relaxed);
    }

    #[cfg(not(feature = "axum"))]
    pub(crate) fn record(&self, _: Duration) {}

    /// Begins to measure a duration, which is recorded when the result is dropped.
    pub(crate) fn start(&self) -> Stopwatch<'_> {
        Stopwatch {
            #[cfg(feature = "axum")]
            histogram: self,
            #[cfg(feature = "axum")]
            began: Instant::now(),
            #[cfg(not(feature = "axum"))]
            histogram: PhantomData,
        }
    }

    /// The count of each bucket.
    #[cfg(feature = "axum")]
    pub(crate) fn counts(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|count| count.load(Relaxed))
    }
}

/// A duration that is being measured.
#[derive(Debug)]
pub(crate) struct Stopwatch<'a> {
    #[cfg(feature = "axum")]
    histogram: &'a Histogram,
    #[cfg(feature = "axum")]
    began: Instant,
    #[cfg(not(feature = "axum"))]
    histogram: PhantomData<&'a Histogram>,
}

#[cfg(feature = "axum")]
impl Drop for Stopwatch<'_> {
    fn drop(&mut self) {
        self.histogram.record(self.began.elapsed());
    }
}

#[cfg(feature = "axum")]
fn bucket(micros: u64) -> usize {
    if micros < 1 << SHORTEST {
        return 0;
    }
    let doubling = micros.ilog2();
    if doubling >= LONGEST {
        return BUCKETS - 1;
    }
    let part = (micros >> (doubling - PARTS.ilog2())) & (PARTS - 1);
    1 + (u64::from(doubling - SHORTEST) * PARTS + part) as usize
}

/// The shortest duration of a bucket, in microseconds; of the one behind the last, the longest that is told.
#[cfg(feature = "axum")]
pub(crate) fn shortest_of(bucket: u8) -> f64 {
    let Some(above) = bucket.checked_sub(1).map(u64::from) else {
        return 0.0;
    };
    let from = (1_u64 << (u64::from(SHORTEST) + above / PARTS)) as f64;
    from * (1.0 + (above % PARTS) as f64 / PARTS as f64)
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_within_its_bucket() {
        assert!(BUCKETS < usize::from(u8::MAX));
        for micros in (0..200_000).chain((1 << 26) - 9..(1 << 26)) {
            let at = bucket(micros) as u8;
            let within = shortest_of(at) <= micros as f64 && (micros as f64) < shortest_of(at + 1);
            assert!(within, "{micros} is not in bucket {at}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }
}
