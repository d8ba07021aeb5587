//! The same figures at several resolutions, one for each range.

use std::time::Duration;

use crate::telemetry::history::{Figures, Gauges, Point, Range, Resolution, Ring};

/// A ring for each range.
#[derive(Debug)]
pub(crate) struct Series {
    rings: Vec<Ring>,
}

/// The figures of a period, slot by slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// When the first slot begins.
    pub(crate) from: Duration,
    /// How long a slot is.
    pub(crate) step: Duration,
    /// `None`: nothing is known of that time.
    pub(crate) points: Vec<Option<Point>>,
}

impl Period {
    /// The figures of all slots together.
    pub(crate) fn sum(&self) -> Figures {
        let mut sum = Figures::default();
        for point in self.points.iter().flatten() {
            sum.add(&point.figures);
        }
        sum
    }
}

impl Series {
    pub(crate) fn new(resolutions: &[Resolution]) -> Self {
        Self {
            rings: resolutions.iter().copied().map(Ring::new).collect(),
        }
    }

    pub(crate) fn add(&mut self, from: Duration, to: Duration, counted: &Figures, at: Gauges) {
        for ring in &mut self.rings {
            ring.add(from, to, counted, at);
        }
    }

    pub(crate) fn expire(&mut self, now: Duration) {
        for ring in &mut self.rings {
            ring.expire(now);
        }
    }

    /// The range that ends now, and the period before it, if the history reaches back to its beginning. A history that is
    /// shorter than the range is told in the smaller slots of a shorter range.
    pub(crate) fn look(&self, range: Range, now: Duration) -> (Period, Option<Period>) {
        let known = now.min(range.length());
        let finest = Range::ALL.into_iter().find(|range| range.length() >= known);
        let start = now.saturating_sub(range.length());
        let earlier = now.checked_sub(range.length() * 2);
        let earlier = earlier.map(|from| period(&self.rings[range as usize], from, start));
        let ring = &self.rings[finest.unwrap_or(range) as usize];
        (period(ring, start, now), earlier)
    }
}

fn period(ring: &Ring, from: Duration, to: Duration) -> Period {
    let (from, points) = ring.between(from, to);
    Period {
        from,
        step: ring.resolution().step,
        points: points.into_iter().map(Option::<&Point>::cloned).collect(),
    }
}
