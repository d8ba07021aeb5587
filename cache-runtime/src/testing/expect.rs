//! Assertions on how a call went.

use std::fmt::Write as _;

use crate::telemetry::outcome::Observed;

/// Asserts that every cached call in a future was a hit, and returns the future's output.
///
/// The argument is awaited. At least one cached call must be in it.
///
/// ```
/// # use cache_runtime::{assert_hit, assert_miss, cached, testing};
/// # #[cached(ttl = "1m", key = "square:<n>")]
/// # async fn square(n: u64) -> u64 { n * n }
/// # #[tokio::main(flavor = "current_thread")] async fn main() { testing::scope(async {
/// assert_miss!(square(3));
/// let nine = assert_hit!(square(3));
/// assert_eq!(nine, 9);
/// # }).await }
/// ```
#[macro_export]
macro_rules! assert_hit {
    ($call:expr $(,)?) => {
        $crate::testing::expect("HIT", stringify!($call), $crate::observe($call).await)
    };
}

/// Asserts that a cached call in a future ran its body, or waited for the load of another call, and returns the future's
/// output. See [`assert_hit!`](crate::assert_hit).
#[macro_export]
macro_rules! assert_miss {
    ($call:expr $(,)?) => {
        $crate::testing::expect("MISS", stringify!($call), $crate::observe($call).await)
    };
}

/// Asserts that a cached call in a future returned a value past its TTL, and none ran its body, and returns the future's
/// output. See [`assert_hit!`](crate::assert_hit).
#[macro_export]
macro_rules! assert_stale {
    ($call:expr $(,)?) => {
        $crate::testing::expect("STALE", stringify!($call), $crate::observe($call).await)
    };
}

/// Asserts that a cached call in a future could not use the cache, and none missed, and returns the future's output. See
/// [`assert_hit!`](crate::assert_hit).
#[macro_export]
macro_rules! assert_bypass {
    ($call:expr $(,)?) => {
        $crate::testing::expect("BYPASS", stringify!($call), $crate::observe($call).await)
    };
}

/// The function that the assertions call.
///
/// # Panics
///
/// The calls went another way.
#[track_caller]
pub fn expect<T>(expected: &str, call: &str, (output, observed): (T, Observed)) -> T {
    assert!(
        observed.as_str() == Some(expected),
        "{}",
        told(expected, call, &observed)
    );
    output
}

fn told(expected: &str, call: &str, observed: &Observed) -> String {
    let Some(word) = observed.as_str() else {
        return format!(
            "`{call}` was expected to be a {expected}, but called no cached function (calls in tasks that it spawns, and in assertions like this \
             one inside it, are not seen)"
        );
    };
    let mut text = format!("`{call}` was expected to be a {expected}, but was a {word}");
    for call in observed.calls() {
        let name = call.function.unwrap_or("a manual operation");
        let (status, reason) = (call.status.as_str(), call.reason.as_str());
        let _ = write!(text, "\n  {name}: {status}, because: {reason}");
    }
    text
}
