//! Lifetimes that are written as text: a name such as `"list"`, or a duration such as `"90s"` or `"1h30m"`.

use std::time::Duration;

use crate::options::duration::parse_millis;
use crate::suggest;

/// A lifetime that is known when the crate is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// A constant of `cache_runtime::ttl`, by its name.
    Named(&'static str),
    /// A duration.
    Fixed(Duration),
}

impl Lifetime {
    /// Reads a name or a duration.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some((_, constant)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Named(constant));
        }
        if text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            return Err(unknown_name(text));
        }
        duration(text).map(Self::Fixed)
    }
}

/// Reads how long a value lives: `"90s"`, `"5m"`, `"1h30m"`, `"1h 30m"`, or whole seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    length(text).and_then(|length| within_bounds(length, text))
}

/// Reads any duration, including zero and those that are too long.
pub(crate) fn length(text: &str) -> Result<Duration, String> {
    parse_millis(text)
        .map(Duration::from_millis)
        .map_err(|why| format!("`{text}` is not a duration: {why}"))
}

/// Reads a lifetime in whole seconds.
pub(crate) fn seconds(seconds: u64) -> Result<Duration, String> {
    within_bounds(Duration::from_secs(seconds), &seconds.to_string())
}

/// A lifetime is longer than zero, and at most ten years.
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
         help: the named ones are {known}; a duration is written `90s` or `1h30m`; \
         write a name that you declared with `ttl_names!` without quotes: `ttl = ARTICLES_LIST`"
    )
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

/// The longest lifetime, ten years. The runtime shortens longer ones to it; in the source, a longer one is probably a
/// mistake.
pub(crate) const LONGEST: Duration = Duration::from_secs(3_650 * 86_400);

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
    fn durations_are_read_in_every_unit() {
        let millis = |text| duration(text).map(|length| length.as_millis());
        assert_eq!(millis("250ms"), Ok(250));
        assert_eq!(millis("90s"), Ok(90_000));
        assert_eq!(millis("90"), Ok(90_000));
        assert_eq!(millis("5min"), Ok(300_000));
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(millis("1h 30m"), Ok(5_400_000));
        assert_eq!(millis("1w"), Ok(604_800_000));
    }

    #[test]
    fn what_is_no_duration_says_why() {
        for (text, reason) in [
            ("", "it is empty"),
            ("5 parsecs", "needs one of the units"),
            ("1.5h", "needs one of the units"),
            ("1h 30", "needs one of the units"),
            ("-5s", "needs a whole number"),
            ("0s", "would cache nothing"),
            ("999999w", "longer than"),
            ("99999999999999999999s", "longer than"),
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
