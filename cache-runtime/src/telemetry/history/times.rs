//! How many durations were of which size.

use std::time::Duration;

use crate::telemetry::histogram::{Histogram, shortest_of};
use crate::telemetry::history::Stretch;

/// How many durations fell into each bucket; empty buckets take no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times(Vec<(u8, u64)>);

impl Times {
    fn of(counts: impl Iterator<Item = (u8, u64)>) -> Self {
        Self(counts.filter(|(_, count)| *count > 0).collect())
    }

    /// What a histogram holds now.
    pub(crate) fn within(histogram: &Histogram) -> Self {
        Self::of((0..).zip(histogram.counts()))
    }

    fn at(&self, bucket: u8) -> u64 {
        let found = self.0.binary_search_by_key(&bucket, |(at, _)| *at);
        found.map_or(0, |place| self.0[place].1)
    }

    /// How many durations there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// What was added since an earlier snapshot of the same histogram.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let counts = self.0.iter();
        Self::of(counts.map(|(at, count)| (*at, count.saturating_sub(earlier.at(*at)))))
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for &(at, count) in &other.0 {
            match self.0.binary_search_by_key(&at, |(at, _)| *at) {
                Ok(place) => self.0[place].1 += count,
                Err(place) => self.0.insert(place, (at, count)),
            }
        }
    }

    /// The part that belongs to a part of the time in which these durations were recorded.
    pub(crate) fn share(&self, stretch: Stretch) -> Self {
        let counts = self.0.iter();
        Self::of(counts.map(|(at, count)| (*at, stretch.of(*count))))
    }

    /// The duration that this share of all durations (0.5, 0.95, …) does not exceed; within a bucket they are taken to be
    /// spread evenly. `None` without durations.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let all = self.count();
        if all == 0 {
            return None;
        }
        let rank = share.clamp(0.0, 1.0) * all as f64;
        let mut below = 0;
        for &(at, count) in &self.0 {
            if (below + count) as f64 >= rank {
                let (from, to) = (shortest_of(at), shortest_of(at + 1));
                let within = ((rank - below as f64) / count as f64).clamp(0.0, 1.0);
                let micros = from + (to - from) * within;
                return Some(Duration::from_micros(micros.round() as u64));
            }
            below += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_is_no_percentile_of_nothing() {
        assert_eq!(Times::default().quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn a_percentile_is_off_by_less_than_a_quarter(
            mut micros in prop::collection::vec(16_u64..30_000_000, 1..200),
            share in 0.01..1.0_f64,
        ) {
            let histogram = Histogram::new();
            micros.iter().for_each(|micros| histogram.record(Duration::from_micros(*micros)));
            micros.sort_unstable();
            let rank = ((share * micros.len() as f64).ceil() as usize).clamp(1, micros.len());
            let exact = micros[rank - 1] as f64;
            let told = Times::within(&histogram).quantile(share).unwrap().as_micros() as f64;
            prop_assert!((told - exact).abs() <= exact / 4.0 + 1.0, "{told} for {exact}");
        }

        #[test]
        fn what_was_added_since_a_snapshot_and_the_snapshot_make_the_whole(
            before in prop::collection::vec(0_u64..1 << 28, 0..50),
            after in prop::collection::vec(0_u64..1 << 28, 0..50),
        ) {
            let histogram = Histogram::new();
            let record = |micros: &[u64]| {
                micros.iter().for_each(|micros| histogram.record(Duration::from_micros(*micros)));
            };
            record(&before);
            let first = Times::within(&histogram);
            record(&after);
            let whole = Times::within(&histogram);
            let mut sum = whole.since(&first);
            prop_assert_eq!(sum.count(), after.len() as u64);
            sum.add(&first);
            prop_assert_eq!(sum, whole);
        }
    }
}
