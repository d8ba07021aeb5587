//! What a test does that cannot try what it is for.

use std::{env, thread};

/// Says on stderr that the calling test was skipped, and why; it should then return.
///
/// The harness counts it as passed all the same, having no third word: `tests/run` leaves such tests out beforehand, so that
/// they count as skipped.
///
/// # Panics
///
/// If `CACHE_TESTS_REQUIRE` is `1`: where everything is installed, as on CI, nothing is skipped.
pub fn skipped(why: &str) {
    let is_required = env::var_os("CACHE_TESTS_REQUIRE").is_some_and(|value| value == "1");
    assert!(!is_required, "CACHE_TESTS_REQUIRE=1, and {why}");
    let test = thread::current().name().unwrap_or_default().to_owned();
    eprintln!("SKIPPED: {test}: {why}");
}
