//! The grammar of durations: numbers with units, or one number alone, which means seconds.
//!
//! The attribute reads its texts by the same grammar (`cache-macros/src/options/duration.rs`), but the two crates cannot
//! share code: the attribute runs inside the compiler. `tests/durations.rs` gives both the same texts.

use std::fmt::{self, Display};
use std::time::Duration;

/// Parses `"90s"`, `"5m"`, `"1h 30m"`, or whole seconds.
///
/// # Errors
///
/// The text is anything else, or zero.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    parse(text)
}

/// Parses a duration in a constant, for `ttl_names!`.
///
/// # Panics
///
/// If the text is not a duration. In a constant, this is a compile error.
#[doc(hidden)]
#[must_use]
pub const fn constant(text: &str) -> Duration {
    match parse(text) {
        Ok(duration) => duration,
        Err(DurationError::Zero) => {
            panic!("this TTL is zero: give it at least 1 ms, or do not cache the function")
        }
        Err(DurationError::Empty) => {
            panic!(
                "this TTL is empty: write a duration such as \"90s\", \"5m\" or \"300\" (seconds)"
            )
        }
        Err(DurationError::Number) => {
            panic!(
                "this TTL is not a duration: each unit needs a whole number before it, as in \"90s\""
            )
        }
        Err(DurationError::Unit) => {
            panic!(
                "this TTL is not a duration: each number needs one of the units ms, s, m, h, d and w, as in \"90s\" or \"1h 30m\""
            )
        }
    }
}

/// Why a text is not a valid TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DurationError {
    Empty,
    Number,
    Unit,
    Zero,
}

impl Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty; write a duration such as `90s`, `5m` or `300` (seconds)",
            Self::Number => "each unit needs a whole number before it, as in `90s`",
            Self::Unit => {
                "each number needs one of the units ms, s, m, h, d and w, as in `90s` or `1h 30m`"
            }
            Self::Zero => "it must be longer than zero; zero does not switch the cache off",
        })
    }
}

impl std::error::Error for DurationError {}

/// It is a `const fn` because `ttl_names!` parses its durations at compile time. A duration that is too long becomes
/// [`LONGEST`]: a variable must not keep a program from running. The attribute refuses such a duration.
const fn parse(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim_ascii().as_bytes();
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut millis: u64 = 0;
    let mut at = 0;
    while at < text.len() {
        let first_digit = at;
        let mut number: u64 = 0;
        while at < text.len() && text[at].is_ascii_digit() {
            number = number
                .saturating_mul(10)
                .saturating_add((text[at] - b'0') as u64);
            at += 1;
        }
        if at == first_digit {
            return Err(DurationError::Number);
        }
        let alone = first_digit == 0;
        at = skip_spaces(text, at);
        let first_letter = at;
        while at < text.len() && text[at].is_ascii_alphabetic() {
            at += 1;
        }
        let unit = match millis_of(text, first_letter, at) {
            Some(unit) => unit,
            None if alone && first_letter == text.len() => 1000,
            None => return Err(DurationError::Unit),
        };
        millis = millis.saturating_add(number.saturating_mul(unit));
        at = skip_spaces(text, at);
    }
    if millis == 0 {
        return Err(DurationError::Zero);
    }
    let longest = LONGEST.as_secs() * 1000;
    Ok(Duration::from_millis(if millis < longest {
        millis
    } else {
        longest
    }))
}

const fn skip_spaces(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && text[at] == b' ' {
        at += 1;
    }
    at
}

const fn millis_of(text: &[u8], from: usize, to: usize) -> Option<u64> {
    let mut i = 0;
    while i < UNITS.len() {
        let (name, millis) = UNITS[i];
        if is_at(name.as_bytes(), text, from, to) {
            return Some(millis);
        }
        i += 1;
    }
    None
}

const fn is_at(name: &[u8], text: &[u8], from: usize, to: usize) -> bool {
    if to - from != name.len() {
        return false;
    }
    let mut i = 0;
    while i < name.len() {
        if text[from + i] != name[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The units and their milliseconds, a subset of what `humantime` accepts.
const UNITS: &[(&str, u64)] = &[
    ("ms", 1),
    ("msec", 1),
    ("millis", 1),
    ("s", SECOND),
    ("sec", SECOND),
    ("secs", SECOND),
    ("second", SECOND),
    ("seconds", SECOND),
    ("m", MINUTE),
    ("min", MINUTE),
    ("mins", MINUTE),
    ("minute", MINUTE),
    ("minutes", MINUTE),
    ("h", HOUR),
    ("hr", HOUR),
    ("hrs", HOUR),
    ("hour", HOUR),
    ("hours", HOUR),
    ("d", DAY),
    ("day", DAY),
    ("days", DAY),
    ("w", 7 * DAY),
    ("week", 7 * DAY),
    ("weeks", 7 * DAY),
    ("month", 2_630_016 * SECOND),
    ("months", 2_630_016 * SECOND),
    ("year", 31_557_600 * SECOND),
    ("years", 31_557_600 * SECOND),
];

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The shortest TTL: Redis counts in milliseconds.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// The longest TTL, ten years: a longer one is a mistake, and would overflow a deadline.
pub(super) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Result<u128, DurationError> {
        parse_duration(text).map(|duration| duration.as_millis())
    }

    #[test]
    fn reads_durations_and_whole_seconds() {
        for (text, expected) in [
            ("90s", 90_000),
            ("5m", 300_000),
            ("300", 300_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("2 days", 172_800_000),
            ("250ms", 250),
            (" 60s ", 60_000),
            ("1w", 604_800_000),
        ] {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for (text, expected) in [
            ("", DurationError::Empty),
            ("  ", DurationError::Empty),
            ("s", DurationError::Number),
            ("-5s", DurationError::Number),
            ("1.5s", DurationError::Unit),
            ("5 parsecs", DurationError::Unit),
            ("5S", DurationError::Unit),
            ("1h 30", DurationError::Unit),
            ("5m, 3s", DurationError::Number),
            ("0", DurationError::Zero),
            ("0s 0m", DurationError::Zero),
        ] {
            assert_eq!(millis(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn cuts_at_ten_years() {
        assert_eq!(
            parse_duration("520w"),
            Ok(Duration::from_secs(520 * 7 * 86_400))
        );
        assert_eq!(parse_duration("530w"), Ok(LONGEST));
        assert_eq!(parse_duration("99999999999999999999999 weeks"), Ok(LONGEST));
    }

    #[test]
    fn agrees_with_humantime() {
        for (unit, _) in UNITS {
            let text = format!("7 {unit}");
            assert_eq!(
                parse_duration(&text).ok(),
                humantime::parse_duration(&text).ok(),
                "{text}"
            );
        }
    }
}
