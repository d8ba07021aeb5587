//! Lifetimes that are written as text: a name such as `"list"`, or a length such as `"90s"` or `"1h30m"`.

use std::time::Duration;

use crate::suggest;

/// A lifetime that is known when the crate is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// A constant of `cache_runtime::ttl`, by its name.
    Named(&'static str),
    /// A length.
    Fixed(Duration),
}

impl Lifetime {
    /// Reads a name or a length.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some((_, constant)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Named(constant));
        }
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return duration(text).map(Self::Fixed);
        }
        Err(unknown_name(text))
    }
}

/// Reads how long a value lives: `"90s"`, `"5m"`, `"1h30m"`, `"1h 30m"`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    length(text).and_then(|length| within_bounds(length, text))
}

/// Reads any length of time, including zero.
pub(crate) fn length(text: &str) -> Result<Duration, String> {
    let mut total = Some(Duration::ZERO);
    let mut rest = text.trim();
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit());
        let (unit, after) = split_where(after, |c| !c.is_ascii_alphabetic());
        let millis = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, millis)| *millis);
        let (Ok(number), Some(millis)) = (number.parse::<u64>(), millis) else {
            return Err(not_a_length(text, number, unit));
        };
        if millis >= smallest {
            return Err(format!(
                "`{text}` is not a length of time: its units must shrink, as in `1h30m`"
            ));
        }
        smallest = millis;
        let part = number.checked_mul(millis).map(Duration::from_millis);
        total = total
            .zip(part)
            .and_then(|(total, part)| total.checked_add(part));
        rest = after.trim_start();
    }
    total.ok_or_else(|| format!("`{text}` is longer than time can be counted"))
}

/// Reads a lifetime in whole seconds.
pub(crate) fn seconds(seconds: u64) -> Result<Duration, String> {
    within_bounds(Duration::from_secs(seconds), &seconds.to_string())
}

/// A lifetime is longer than zero, and at most about ten years.
fn within_bounds(length: Duration, text: &str) -> Result<Duration, String> {
    if length.is_zero() {
        return Err(format!(
            "a lifetime of `{text}` would cache nothing; the shortest is `1ms`"
        ));
    }
    if length > LONGEST {
        return Err(format!(
            "`{text}` is longer than a lifetime can be (ten years)"
        ));
    }
    Ok(length)
}

fn unknown_name(text: &str) -> String {
    let names = NAMES.map(|(name, _)| name);
    let suggestion = suggest::did_you_mean(text, names);
    let known = names.map(|name| format!("`{name}`")).join(", ");
    format!(
        "unknown lifetime `{text}`{suggestion}\n\
         help: the named ones are {known}; a length is written `90s` or `1h30m`; \
         one of your own `ttl_names!` goes without quotes: `ttl = ARTICLES_LIST`"
    )
}

fn not_a_length(text: &str, number: &str, unit: &str) -> String {
    let units = "`ms`, `s`, `m`, `h`, `d` or `w`";
    match unit {
        "" => format!(
            "`{text}` is not a length of time: `{number}` lacks its unit, {units}\nhelp: seconds may be a plain number, without quotes"
        ),
        _ => format!(
            "`{text}` is not a length of time: write numbers with {units}, as in `90s` or `1h30m`"
        ),
    }
}

fn split_where(text: &str, at: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(at).unwrap_or(text.len()))
}

const NAMES: [(&str, &str); 9] = [
    ("short", "SHORT"),
    ("medium", "MEDIUM"),
    ("long", "LONG"),
    ("very_long", "VERY_LONG"),
    ("user_context", "USER_CONTEXT"),
    ("dashboard", "DASHBOARD"),
    ("report", "REPORT"),
    ("search", "SEARCH"),
    ("list", "LIST"),
];

const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// The longest lifetime, about ten years. The runtime shortens longer ones to it; in the source, a
/// longer one is probably a mistake.
pub(crate) const LONGEST: Duration = Duration::from_secs(3653 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_constants() {
        assert_eq!(Lifetime::parse("list"), Ok(Lifetime::Named("LIST")));
        assert_eq!(
            Lifetime::parse("very_long"),
            Ok(Lifetime::Named("VERY_LONG"))
        );
    }

    #[test]
    fn lengths_are_read_in_every_unit() {
        let millis = |text| duration(text).map(|length| length.as_millis());
        assert_eq!(millis("250ms"), Ok(250));
        assert_eq!(millis("90s"), Ok(90_000));
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(millis("1h 30m"), Ok(5_400_000));
        assert_eq!(millis("1w"), Ok(604_800_000));
    }

    #[test]
    fn what_is_no_length_says_why() {
        for (text, reason) in [
            ("90", "lacks its unit"),
            ("5min", "write numbers with"),
            ("30m1h", "must shrink"),
            ("0s", "would cache nothing"),
            ("99999999999999999999s", "write numbers with"),
            ("999999w", "longer than"),
            ("99999999999999999w", "longer than"),
            ("1.5h", "lacks its unit"),
        ] {
            let error = duration(text).err().unwrap_or_default();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_misspelt_name_is_suggested() {
        let error = Lifetime::parse("lisst").err().unwrap_or_default();
        assert!(
            error.starts_with("unknown lifetime `lisst`; did you mean `list`?"),
            "{error}"
        );
    }
}
