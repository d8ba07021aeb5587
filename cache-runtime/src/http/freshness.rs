//! The `Cache-Control` header: how long browsers and proxies may keep an answer.
//!
//! With `Age: a`, a receiver keeps the answer for another `max-age - a`. So `max-age` and `Age` together give the
//! remaining time of the value that expires first, whatever number of values of whatever age the answer was made of.

use std::fmt::Write as _;
use std::time::Duration;

use http::HeaderValue;

use crate::telemetry::outcome::{CallOutcome, Observed};

/// The caches that may keep an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Only the browser of the user who asked, no proxy.
    Private,
    /// Browsers and proxies.
    Public,
}

impl Audience {
    fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// The value if neither a function nor a handler sets one. Without it, a proxy may keep the answer for a time that it
/// chooses and serve it to others (RFC 9111, section 4.2.2).
pub(super) const DEFAULT_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Computes `Cache-Control`. `told`: the `Age` header of the answer. `None` if no cached function was called.
pub(super) fn cache_control(
    observed: &Observed,
    audience: Audience,
    max_age: Option<u64>,
) -> Option<String> {
    let calls = observed.calls();
    if calls.is_empty() {
        return None;
    }
    let word = audience.as_str();
    let kept = calls.iter().all(|call| !call.ttl.is_zero() && !call.failed);
    if !kept || observed.omitted() > 0 {
        // If this cache does not keep a result, receivers must ask each time; a 304 is still cheap.
        return Some(format!("{word}, no-cache"));
    }
    let least = |of: &dyn Fn(&CallOutcome) -> i64| calls.iter().map(of).min().unwrap_or(0);
    let remaining = least(&|call| millis(call.ttl) - millis(call.age));
    // The `Age` that a handler sets may differ from the age of the values.
    let beyond = max_age.map_or(0, |max_age| {
        millis(Duration::from_secs(max_age)) - millis(Duration::from_secs(observed.age.as_secs()))
    });
    let max_age = (millis(observed.age) + beyond + remaining).max(0) / 1000;
    let mut text = format!("{word}, max-age={max_age}");
    // RFC 5861, sections 3 and 4: each counts from the end of the lifetime.
    let window = |of: fn(&CallOutcome) -> Duration| {
        let end = least(&|call| millis(call.ttl.saturating_add(of(call))) - millis(call.age));
        (end - remaining).max(0) / 1000
    };
    for (directive, seconds) in [
        ("stale-while-revalidate", window(|call| call.stale)),
        ("stale-if-error", window(|call| call.stale_on_error)),
    ] {
        if seconds > 0 {
            let _ = write!(text, ", {directive}={seconds}");
        }
    }
    Some(text)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis())
        .unwrap_or(i64::MAX / 4)
        .min(i64::MAX / 4)
}
