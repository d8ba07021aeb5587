//! One resolution of the history: a bounded ring of slots of equal length.

use std::collections::VecDeque;
use std::time::Duration;

use crate::telemetry::history::{Figures, Gauges, Stretch};

/// The length of the slots, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolution {
    pub(crate) step: Duration,
    pub(crate) slots: u64,
}

/// What is known of a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) figures: Figures,
    pub(crate) gauges: Gauges,
}

/// The latest slots. A slot in which nothing was recorded takes no memory. Times are counted from the beginning of the
/// history.
#[derive(Debug)]
pub(crate) struct Ring {
    resolution: Resolution,
    points: VecDeque<(u64, Point)>,
}

impl Ring {
    pub(crate) fn new(resolution: Resolution) -> Self {
        Self {
            resolution,
            points: VecDeque::new(),
        }
    }

    pub(crate) fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Adds what was counted between two times, spread evenly over the slots between them. `at` stands in all of them.
    pub(crate) fn add(&mut self, from: Duration, to: Duration, counted: &Figures, at: Gauges) {
        let to = to.max(from);
        let step = self.resolution.step.as_nanos();
        let slot = |time: Duration| u64::try_from(time.as_nanos() / step).unwrap_or(u64::MAX);
        // A slot does not contain its end.
        let last = slot(from.max(to.saturating_sub(Duration::from_nanos(1))));
        let first = slot(from).max(self.oldest(last));
        for number in first..=last {
            let begins = self.begins(number).saturating_sub(from);
            let ends = self.begins(number + 1).saturating_sub(from);
            let share = counted.share(Stretch::new(begins, ends, to - from));
            let point = self.point(number);
            point.figures.add(&share);
            point.gauges = point.gauges.then(at);
        }
        self.forget(last);
    }

    /// Drops what is too old at that time.
    pub(crate) fn expire(&mut self, now: Duration) {
        let now = now.as_nanos() / self.resolution.step.as_nanos();
        self.forget(u64::try_from(now).unwrap_or(u64::MAX));
    }

    /// The slots that begin within a stretch of time, `None` for those of which nothing is known; and when the first of them
    /// begins.
    pub(crate) fn between(&self, from: Duration, to: Duration) -> (Duration, Vec<Option<&Point>>) {
        let step = self.resolution.step.as_nanos();
        let slot = |time: Duration| u64::try_from(time.as_nanos().div_ceil(step)).unwrap_or(0);
        let (first, end) = (slot(from), slot(to));
        let mut found = vec![None; usize::try_from(end.saturating_sub(first)).unwrap_or(0)];
        for (number, point) in &self.points {
            if (first..end).contains(number)
                && let Some(place) = usize::try_from(number - first).ok()
            {
                found[place] = Some(point);
            }
        }
        (self.begins(first), found)
    }

    fn begins(&self, slot: u64) -> Duration {
        let nanos = self.resolution.step.as_nanos() * u128::from(slot);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The oldest slot that is kept when that one is the newest.
    fn oldest(&self, newest: u64) -> u64 {
        (newest + 1).saturating_sub(self.resolution.slots)
    }

    fn point(&mut self, slot: u64) -> &mut Point {
        let place = self.points.partition_point(|(number, _)| *number < slot);
        if self
            .points
            .get(place)
            .is_none_or(|(number, _)| *number != slot)
        {
            self.points.insert(place, (slot, Point::default()));
        }
        &mut self.points[place].1
    }

    fn forget(&mut self, newest: u64) {
        let oldest = self.oldest(newest);
        while self
            .points
            .front()
            .is_some_and(|(number, _)| *number < oldest)
        {
            self.points.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::telemetry::histogram::Histogram;
    use crate::telemetry::history::{Kind, Times};
    use crate::telemetry::stats::CacheStats;

    const SECOND: Duration = Duration::from_secs(1);

    fn counted(misses: u64, load: Duration) -> Figures {
        let histogram = Histogram::new();
        (0..misses % 50).for_each(|_| histogram.record(load));
        let stats = CacheStats {
            misses,
            ..CacheStats::default()
        };
        Figures::new(&stats, Times::within(&histogram), Default::default())
    }

    fn sum(ring: &Ring) -> Figures {
        let mut sum = Figures::default();
        ring.points
            .iter()
            .for_each(|(_, point)| sum.add(&point.figures));
        sum
    }

    fn ring(step: u64, slots: u64) -> Ring {
        Ring::new(Resolution {
            step: SECOND * step as u32,
            slots,
        })
    }

    #[test]
    fn a_count_is_spread_over_the_slots_that_it_grew_in() {
        let mut ring = ring(10, 6);
        ring.add(
            SECOND * 5,
            SECOND * 25,
            &counted(40, SECOND),
            Gauges::default(),
        );
        let (from, points) = ring.between(Duration::ZERO, SECOND * 40);
        let misses = points
            .iter()
            .map(|point| Some(point.as_ref()?.figures.of(Kind::Misses)));
        assert_eq!(from, Duration::ZERO);
        assert_eq!(
            misses.collect::<Vec<_>>(),
            [Some(10), Some(20), Some(10), None]
        );
    }

    #[test]
    fn what_ends_with_a_slot_does_not_begin_the_next() {
        let mut ring = ring(10, 6);
        ring.add(
            Duration::ZERO,
            SECOND * 10,
            &counted(7, SECOND),
            Gauges::default(),
        );
        assert_eq!(ring.points.len(), 1);
        ring.add(
            SECOND * 10,
            SECOND * 10,
            &counted(1, SECOND),
            Gauges::default(),
        );
        assert_eq!(
            ring.points.len(),
            2,
            "no time has passed, and it still counts"
        );
        assert_eq!(sum(&ring).of(Kind::Misses), 8);
    }

    proptest! {
        #[test]
        fn sums_and_bounds_are_kept(
            samples in prop::collection::vec((0_u64..40_000, 0_u64..10_000, 1_u64..1 << 24), 1..60),
            step in 1_u64..90,
            slots in 1_u64..40,
        ) {
            // One ring is long enough for all of it, the other may not be.
            let (mut all, mut some) = (ring(step, u64::MAX / 2), ring(step, slots));
            let (mut now, mut total) = (Duration::ZERO, Figures::default());
            for (millis, misses, micros) in samples {
                let then = now + Duration::from_millis(millis);
                let figures = counted(misses, Duration::from_micros(micros));
                total.add(&figures);
                for ring in [&mut all, &mut some] {
                    ring.add(now, then, &figures, Gauges::default());
                }
                now = then;
                prop_assert!(some.points.len() as u64 <= slots);
            }
            prop_assert_eq!(sum(&all), total);
            // What the short ring still has is what the long one has of the same slots.
            for (number, point) in &some.points {
                let same = all.points.iter().find(|(other, _)| other == number);
                prop_assert_eq!(Some(point), same.map(|(_, point)| point));
            }
            some.expire(now + SECOND * (step * (slots + 1)) as u32);
            prop_assert!(some.points.is_empty());
        }
    }
}
