//! Durations, counted in buckets that are a sixteenth of a power of two wide: exact to 6 %, however many there are.

use std::time::Duration;

const STEPS: u32 = 16;
const BUCKETS: usize = (64 * STEPS) as usize;

/// Counts of durations.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            count: 0,
            longest: Duration::ZERO,
        }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos)] += 1;
        self.count += 1;
        self.longest = self.longest.max(time);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// The duration that this share of all (0 to 1) does not exceed.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let wanted = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(end_of(at)).min(self.longest);
            }
        }
        self.longest
    }

    /// Powers of two in microseconds, and how many durations lie below each and not below the one before.
    pub(super) fn octaves(&self) -> Vec<(Duration, u64)> {
        let mut octaves: Vec<(Duration, u64)> = Vec::new();
        let mut end = Duration::from_micros(1);
        let mut counted = 0;
        let mut seen = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            while Duration::from_nanos(end_of(at)) > end {
                octaves.push((end, seen - counted));
                counted = seen;
                end *= 2;
            }
            seen += count;
            if seen == self.count {
                break;
            }
        }
        octaves.push((end, seen - counted));
        let first = octaves.iter().position(|(_, count)| *count > 0);
        octaves.split_off(first.unwrap_or(octaves.len()))
    }
}

fn bucket(nanos: u64) -> usize {
    let nanos = nanos.max(u64::from(STEPS));
    let power = nanos.ilog2();
    let step = (nanos >> (power - STEPS.ilog2())) - u64::from(STEPS);
    (power * STEPS) as usize + step as usize
}

/// The largest number of nanoseconds in a bucket.
fn end_of(bucket: usize) -> u64 {
    let (power, step) = (bucket as u32 / STEPS, bucket as u64 % u64::from(STEPS));
    match power.checked_sub(STEPS.ilog2()) {
        Some(shift) => ((u128::from(u64::from(STEPS) + step + 1) << shift) - 1)
            .try_into()
            .unwrap_or(u64::MAX),
        None => u64::from(STEPS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_to_six_percent() {
        let mut histogram = Histogram::default();
        for micros in 1..=1_000 {
            histogram.add(Duration::from_micros(micros));
        }
        for (share, micros) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let found = histogram.quantile(share).as_secs_f64() * 1e6;
            assert!(
                (micros..=micros * 1.07).contains(&found),
                "{share}: {found}"
            );
        }
        assert_eq!(histogram.longest(), Duration::from_millis(1));
    }

    #[test]
    fn octaves_count_every_duration_once_and_extremes_fit() {
        let mut histogram = Histogram::default();
        for time in [0, 1, 15, 17, 3_000, 3_000, 70_000, 5_000_000] {
            histogram.add(Duration::from_nanos(time));
        }
        histogram.add(Duration::from_secs(1 << 40));
        let octaves = histogram.octaves();
        let counted: u64 = octaves.iter().map(|(_, count)| count).sum();
        assert_eq!(counted, histogram.count());
        assert_eq!(octaves[0], (Duration::from_micros(1), 4));
        assert_eq!(octaves[2], (Duration::from_micros(4), 2));
        assert_eq!(Histogram::default().octaves(), []);
        assert_eq!(Histogram::default().quantile(0.5), Duration::ZERO);
    }
}
