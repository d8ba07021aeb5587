//! What `#[cached]` refuses, and in which words; and what it accepts.
//!
//! One mistake a file, by topic. `TRYBUILD=overwrite cargo test -p cache-tests --test ui` writes
//! the expectations; read each before it is committed.

/// All files in one go, because trybuild builds its project once for each `TestCases`.
#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*/*.rs");
    cases.compile_fail("ui/fail/*/*.rs");
}
