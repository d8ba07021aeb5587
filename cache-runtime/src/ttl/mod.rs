//! Named TTLs: how long an entry stays fresh.
//!
//! A name says what kind of data a TTL is for, and lets an operator change it without a build: `CACHE_TTL_LIST=90s`
//! overrides [`LIST`] at start-up. An application adds its own names with [`ttl_names!`](crate::ttl_names).
//!
//! A TTL is at least a millisecond. A text that means zero is refused, because elsewhere zero can mean both "keep for
//! no time" and "keep for ever"; in code, a zero [`Duration`] means that nothing is stored. A TTL of more than ten
//! years is cut to ten years.

mod duration;

use std::sync::OnceLock;
use std::time::Duration;

#[doc(hidden)]
pub use duration::constant;
pub(crate) use duration::{DurationError, parse_duration};
use duration::{LONGEST, SHORTEST};

/// A named TTL.
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
    /// Creates a TTL that `CACHE_TTL_<name>` overrides.
    ///
    /// # Panics
    ///
    /// If `default` is not a duration such as `"90s"`, `"5m"` or `"300"`. In a `static`, where names belong, this is a
    /// compile error.
    #[must_use]
    pub const fn new(name: &'static str, default: &str) -> Self {
        Self {
            name,
            default: constant(default),
            resolved: OnceLock::new(),
        }
    }

    /// The name, which follows `CACHE_TTL_`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The default, which holds unless the environment overrides it.
    #[must_use]
    pub const fn default(&self) -> Duration {
        self.default
    }

    /// The TTL in this process.
    ///
    /// The environment is read once. If the text there is not a duration, the default is used and one line is logged.
    pub fn get(&self) -> Duration {
        *self
            .resolved
            .get_or_init(|| self.resolve(&format!("{VARIABLE}{}", self.name)))
    }

    fn resolve(&self, variable: &str) -> Duration {
        from_variable(variable, self.default)
    }
}

/// The duration in a variable of the environment; the default where there is none, or something else.
fn from_variable(variable: &str, default: Duration) -> Duration {
    match std::env::var_os(variable).map(|value| parse_duration(&value.to_string_lossy())) {
        None => default,
        Some(Ok(duration)) => duration,
        Some(Err(error)) => {
            tracing::error!(variable, %error, ?default, "a TTL in the environment is invalid, so the default is used; correct the variable and restart");
            default
        }
    }
}

/// The TTL of this name in a process with this environment, for tools that know names only from the source.
#[cfg(feature = "cli")]
pub(crate) fn overridden(name: &str, default: Duration) -> Duration {
    from_variable(&format!("{VARIABLE}{name}"), default)
}

/// The TTL that the attribute calls by this name: `"very_long"` is [`VERY_LONG`].
#[cfg(feature = "cli")]
pub(crate) fn named(name: &str) -> Option<&'static NamedTtl> {
    static NAMED: [&NamedTtl; 9] = [
        &SHORT,
        &MEDIUM,
        &LONG,
        &VERY_LONG,
        &USER_CONTEXT,
        &DASHBOARD,
        &REPORT,
        &SEARCH,
        &LIST,
    ];
    let is_lower = !name.contains(|c: char| c.is_ascii_uppercase());
    let mut all = NAMED.into_iter().filter(|_| is_lower);
    all.find(|named| named.name.eq_ignore_ascii_case(name))
}

/// Declares an application's own named TTLs.
///
/// A text that is not a duration does not compile.
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
    /// Data that may be a minute old.
    pub SHORT = "60s";
    /// Data that may be a few minutes old.
    pub MEDIUM = "5m";
    /// Data that rarely changes.
    pub LONG = "1h";
    /// Data that changes about once a day.
    pub VERY_LONG = "24h";
    /// A user's roles, permissions and settings.
    pub USER_CONTEXT = "15m";
    /// Figures on a dashboard.
    pub DASHBOARD = "2m";
    /// Figures in a report.
    pub REPORT = "30m";
    /// Results of a search.
    pub SEARCH = "10m";
    /// A page of a list.
    pub LIST = "5m";
}

/// Where the TTL of a call comes from.
#[derive(Clone, Copy, Debug)]
pub enum Ttl {
    /// The default TTL, `CACHE_DEFAULT_TTL`.
    Default,
    /// A named TTL.
    Named(&'static NamedTtl),
    /// A TTL given at the call. Zero means that nothing is stored.
    Fixed(Duration),
}

impl Ttl {
    /// The TTL as a duration; `None` if nothing is to be stored.
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

/// Every `CACHE_TTL_…` in the environment that is not a duration, with the reason.
///
/// The names are not checked: those of an application are not known here.
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

/// The prefix of the variables that override named TTLs.
const VARIABLE: &str = "CACHE_TTL_";

#[cfg(test)]
mod tests {
    use super::*;

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
            #[cfg(feature = "cli")]
            assert_eq!(
                super::named(&name.to_lowercase()).map(NamedTtl::name),
                Some(name)
            );
        }
    }

    #[test]
    fn a_variable_that_is_not_there_or_not_a_duration_leaves_the_default() {
        assert_eq!(SHORT.resolve("CACHE_TTL_NOBODY_SETS_THIS"), SHORT.default());
        // `PATH` is set in every environment that can run this test, and is not a duration.
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
