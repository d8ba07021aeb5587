//! Named lifetimes: how long an entry stays fresh.
//!
//! A name says what kind of data it is for, and lets an operator change the
//! figure without a build: `CACHE_TTL_LIST=90s` overrides [`LIST`] at start-up.
//! An application adds its own names with [`ttl_names!`](crate::ttl_names).
//!
//! A lifetime is at least a millisecond. Zero is refused wherever text is read,
//! because "keep for no time" and "keep for ever" are both spelled so
//! elsewhere; as a [`Duration`] in code it means that nothing is stored. What
//! is longer than ten years is cut to ten years.

use std::fmt::{self, Display};
use std::sync::OnceLock;
use std::time::Duration;

/// A named lifetime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::ttl;
///
/// assert_eq!(ttl::LIST.get(), Duration::from_secs(300));
/// ```
#[derive(Debug)]
pub struct NamedTtl {
    name: &'static str,
    default: Duration,
    resolved: OnceLock<Duration>,
}

impl NamedTtl {
    /// A lifetime that `CACHE_TTL_<name>` overrides.
    ///
    /// # Panics
    ///
    /// When `default` is not a duration such as `"90s"`, `"5m"` or `"300"`. In
    /// a `static`, where names belong, that is a compile error.
    #[must_use]
    pub const fn new(name: &'static str, default: &str) -> Self {
        Self {
            name,
            default: constant(default),
            resolved: OnceLock::new(),
        }
    }

    /// The name, as it ends `CACHE_TTL_…`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it is unless the environment says otherwise.
    #[must_use]
    pub const fn default(&self) -> Duration {
        self.default
    }

    /// What it is in this process.
    ///
    /// The environment is read once. A text there that is no duration leaves
    /// the default in force and one line in the log.
    pub fn get(&self) -> Duration {
        *self
            .resolved
            .get_or_init(|| self.resolve(&format!("{VARIABLE}{}", self.name)))
    }

    fn resolve(&self, variable: &str) -> Duration {
        match std::env::var_os(variable).map(|value| parse_duration(&value.to_string_lossy())) {
            None => self.default,
            Some(Ok(duration)) => duration,
            Some(Err(error)) => {
                tracing::error!(variable, %error, default = ?self.default, "a lifetime in the environment is ignored");
                self.default
            }
        }
    }
}

/// Declares named lifetimes of an application's own.
///
/// A text that is no duration does not compile.
///
/// # Examples
///
/// ```
/// cache_runtime::ttl_names! {
///     /// What the front page lists.
///     pub ARTICLES_LIST = "60s";
///     DRAFTS = "1h 30m";
/// }
///
/// assert_eq!(ARTICLES_LIST.get().as_secs(), 60);
/// assert_eq!(DRAFTS.get().as_secs(), 5400);
/// ```
///
/// ```compile_fail
/// cache_runtime::ttl_names! { ARTICLES_LIST = "60 parsecs" }
/// ```
#[macro_export]
macro_rules! ttl_names {
    ($($(#[$meta:meta])* $vis:vis $name:ident = $default:literal);* $(;)?) => {
        $(
            $(#[$meta])*
            #[doc = concat!("\n\n", $default, ", unless `CACHE_TTL_", stringify!($name), "` is set.")]
            $vis static $name: $crate::ttl::NamedTtl = $crate::ttl::NamedTtl::new(stringify!($name), $default);
        )*
    };
}

ttl_names! {
    /// What may be a minute old.
    pub SHORT = "60s";
    /// What may be a few minutes old.
    pub MEDIUM = "5m";
    /// What rarely changes.
    pub LONG = "1h";
    /// What changes about once a day.
    pub VERY_LONG = "24h";
    /// A user's roles, permissions and settings.
    pub USER_CONTEXT = "15m";
    /// Figures that people watch.
    pub DASHBOARD = "2m";
    /// Figures that people print.
    pub REPORT = "30m";
    /// Results of a search.
    pub SEARCH = "10m";
    /// A page of a list.
    pub LIST = "5m";
}

/// Where a call's lifetime comes from.
#[derive(Clone, Copy, Debug)]
pub enum Ttl {
    /// `CACHE_DEFAULT_TTL`.
    Default,
    /// A name.
    Named(&'static NamedTtl),
    /// A figure at the call. Zero means that nothing is stored.
    Fixed(Duration),
}

impl Ttl {
    /// The lifetime itself; `None` where nothing shall be stored.
    pub(crate) fn resolve(self, default: Duration) -> Option<Duration> {
        let duration = match self {
            Self::Default => default,
            Self::Named(named) => named.get(),
            Self::Fixed(duration) => duration,
        };
        (!duration.is_zero()).then(|| duration.clamp(SHORTEST, LONGEST))
    }
}

impl From<Duration> for Ttl {
    fn from(duration: Duration) -> Self {
        Self::Fixed(duration)
    }
}

impl From<&'static NamedTtl> for Ttl {
    fn from(named: &'static NamedTtl) -> Self {
        Self::Named(named)
    }
}

/// Whole seconds.
impl From<u64> for Ttl {
    fn from(seconds: u64) -> Self {
        Self::Fixed(Duration::from_secs(seconds))
    }
}

/// Every `CACHE_TTL_…` in the environment that is no duration, with the reason.
///
/// Names are not checked: an application's own are not known here.
pub(crate) fn check_env() -> Vec<(String, DurationError)> {
    check(std::env::vars_os().map(|(name, value)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    }))
}

fn check(variables: impl Iterator<Item = (String, String)>) -> Vec<(String, DurationError)> {
    let mut bad: Vec<_> = variables
        .filter(|(name, _)| name.starts_with(VARIABLE))
        .filter_map(|(name, value)| parse_duration(&value).err().map(|error| (name, error)))
        .collect();
    bad.sort_by(|a, b| a.0.cmp(&b.0));
    bad
}

/// Reads `"90s"`, `"5m"`, `"1h 30m"`, or whole seconds.
///
/// # Errors
///
/// When the text is something else, or zero.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    parse(text)
}

/// A duration in a constant; what `ttl = "90s"` in an attribute becomes.
///
/// # Panics
///
/// When the text is no duration: at compile time, where it is a constant.
#[doc(hidden)]
#[must_use]
pub const fn constant(text: &str) -> Duration {
    match parse(text) {
        Ok(duration) => duration,
        Err(DurationError::Zero) => {
            panic!("a lifetime of zero: leave the function uncached instead")
        }
        Err(DurationError::Empty) => {
            panic!("an empty lifetime: write a duration such as \"90s\", \"5m\" or \"300\"")
        }
        Err(DurationError::Number) => {
            panic!("a lifetime needs a whole number before its unit, as in \"90s\"")
        }
        Err(DurationError::Unit) => {
            panic!("a lifetime's unit is one of ms, s, m, h, d, w, as in \"90s\" or \"1h 30m\"")
        }
    }
}

/// Why a text is not a lifetime.
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
            Self::Empty => "it is empty; write a duration such as `90s`, `5m` or `300`",
            Self::Number => "a whole number must stand before each unit, as in `90s`",
            Self::Unit => "the unit is one of ms, s, m, h, d, w, as in `90s` or `1h 30m`",
            Self::Zero => "zero is neither a lifetime nor a way to switch the cache off",
        })
    }
}

impl std::error::Error for DurationError {}

/// One grammar for attributes, which are read while compiling, and for the
/// environment, hence a `const fn`: numbers with units, or one number alone.
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

/// Names and milliseconds, a subset of what `humantime` reads.
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

/// Redis counts in milliseconds.
const SHORTEST: Duration = Duration::from_millis(1);

/// Ten years: what is longer is a mistake, and would overflow a deadline.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// How the variables that override names begin.
const VARIABLE: &str = "CACHE_TTL_";

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
            ("5m, 3s", DurationError::Unit),
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

    #[test]
    fn the_names_are_what_the_documentation_says() {
        for (named, name, seconds) in [
            (&SHORT, "SHORT", 60),
            (&MEDIUM, "MEDIUM", 300),
            (&LONG, "LONG", 3600),
            (&VERY_LONG, "VERY_LONG", 86_400),
            (&USER_CONTEXT, "USER_CONTEXT", 900),
            (&DASHBOARD, "DASHBOARD", 120),
            (&REPORT, "REPORT", 1800),
            (&SEARCH, "SEARCH", 600),
            (&LIST, "LIST", 300),
        ] {
            assert_eq!((named.name(), named.default().as_secs()), (name, seconds));
        }
    }

    #[test]
    fn a_variable_that_is_not_there_or_not_a_duration_leaves_the_default() {
        assert_eq!(SHORT.resolve("CACHE_TTL_NOBODY_SETS_THIS"), SHORT.default());
        // Set in every environment that can run this test, and no duration.
        assert_eq!(SHORT.resolve("PATH"), SHORT.default());
    }

    #[test]
    fn check_lists_every_bad_variable_by_name() {
        let variables = [
            ("CACHE_TTL_B", "soon"),
            ("CACHE_TTL_A", "0"),
            ("CACHE_TTL_C", "5m"),
            ("CACHE_TTLS", "soon"),
            ("OTHER", "soon"),
        ];
        let bad = check(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        assert_eq!(
            bad,
            [
                ("CACHE_TTL_A".to_owned(), DurationError::Zero),
                ("CACHE_TTL_B".to_owned(), DurationError::Number)
            ]
        );
    }

    #[test]
    fn resolves_names_figures_and_the_default() {
        let default = Duration::from_secs(7);
        assert_eq!(Ttl::Default.resolve(default), Some(default));
        assert_eq!(Ttl::from(&LIST).resolve(default), Some(LIST.get()));
        assert_eq!(
            Ttl::from(120).resolve(default),
            Some(Duration::from_secs(120))
        );
        assert_eq!(Ttl::from(Duration::ZERO).resolve(default), None);
        assert_eq!(
            Ttl::from(Duration::from_nanos(1)).resolve(default),
            Some(SHORTEST)
        );
        assert_eq!(Ttl::from(Duration::MAX).resolve(default), Some(LONGEST));
    }
}
