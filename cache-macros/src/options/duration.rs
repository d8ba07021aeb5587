//! The grammar of durations: numbers with units, or one number alone, which means seconds.
//!
//! The runtime reads environment variables by the same grammar (`cache-runtime/src/ttl/duration.rs`), but the two crates
//! cannot share code: the attribute runs inside the compiler. `tests/durations.rs` gives both the same texts.

use std::fmt::{self, Display};

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DurationError {
    Empty,
    Number,
    Unit,
}

impl Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty; write a duration such as `90s`, `5m` or `1h 30m`",
            Self::Number => "each unit needs a whole number before it, as in `90s`",
            Self::Unit => {
                "each number needs one of the units `ms`, `s`, `m`, `h`, `d` and `w`, as in `90s` or `1h 30m`"
            }
        })
    }
}

/// Reads a duration in milliseconds; zero is one, too. A duration too long for the result becomes its maximum.
pub(crate) fn parse_millis(text: &str) -> Result<u64, DurationError> {
    let mut rest = text.trim_ascii();
    if rest.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut millis: u64 = 0;
    let mut is_first = true;
    while !rest.is_empty() {
        let (digits, after) = split_where(rest, |c| !c.is_ascii_digit());
        if digits.is_empty() {
            return Err(DurationError::Number);
        }
        // Only a number that is too large cannot be parsed here.
        let number = digits.parse::<u64>().unwrap_or(u64::MAX);
        let after = after.trim_start_matches(' ');
        let (unit, after) = split_where(after, |c| !c.is_ascii_alphabetic());
        let factor = match UNITS.iter().find(|(names, _)| names.contains(&unit)) {
            Some((_, factor)) => *factor,
            None if is_first && unit.is_empty() && after.is_empty() => 1_000,
            None => return Err(DurationError::Unit),
        };
        millis = millis.saturating_add(number.saturating_mul(factor));
        rest = after.trim_start_matches(' ');
        is_first = false;
    }
    Ok(millis)
}

fn split_where(text: &str, at: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(at).unwrap_or(text.len()))
}

/// The names of each unit, and its milliseconds.
const UNITS: &[(&[&str], u64)] = &[
    (&["ms", "msec", "millis"], 1),
    (&["s", "sec", "secs", "second", "seconds"], SECOND),
    (&["m", "min", "mins", "minute", "minutes"], 60 * SECOND),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600 * SECOND),
    (&["d", "day", "days"], DAY),
    (&["w", "week", "weeks"], 7 * DAY),
    (&["month", "months"], 2_630_016 * SECOND),
    (&["year", "years"], 31_557_600 * SECOND),
];

const SECOND: u64 = 1_000;
const DAY: u64 = 86_400 * SECOND;
