//! The ranges that the history can be asked for, and the resolutions that it keeps for them.

use std::time::Duration;

use crate::telemetry::history::Resolution;

const fn every(seconds: u64, slots: u64) -> Resolution {
    Resolution {
        step: Duration::from_secs(seconds),
        slots,
    }
}

/// Of the whole cache: for each range enough slots for a chart, and as many before it for the period before.
pub(crate) const WHOLE: [Resolution; 4] = [
    every(10, 180),
    every(30, 240),
    every(180, 240),
    every(600, 288),
];

/// Of one function: for each range enough slots for a small line, and as many before it.
pub(crate) const FUNCTION: [Resolution; 4] = [
    every(15, 120),
    every(60, 120),
    every(300, 144),
    every(1_200, 144),
];

/// The time that the history is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    QuarterHour,
    Hour,
    SixHours,
    Day,
}

impl Range {
    pub(crate) const ALL: [Self; 4] = [Self::QuarterHour, Self::Hour, Self::SixHours, Self::Day];

    /// Its name in requests: `15m`, `1h`, `6h` or `24h`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::QuarterHour => "15m",
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.name() == name)
    }

    pub(crate) fn length(self) -> Duration {
        Duration::from_secs(match self {
            Self::QuarterHour => 900,
            Self::Hour => 3_600,
            Self::SixHours => 6 * 3_600,
            Self::Day => 24 * 3_600,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_is_kept_and_the_period_before_it() {
        for all in [WHOLE, FUNCTION] {
            for range in Range::ALL {
                let Resolution { step, slots } = all[range as usize];
                assert_eq!(step * slots as u32, range.length() * 2, "{range:?}");
                assert_eq!(Range::parse(range.name()), Some(range));
            }
        }
    }
}
