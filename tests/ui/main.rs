//! What `#[cached]` refuses, and in which words; and what it accepts.
//!
//! One mistake a file, by topic. `TRYBUILD=overwrite cargo test -p cache-ui-tests --all-features` writes
//! the expectations; read each before it is committed.

/// All files in one go, because trybuild builds its project once for each `TestCases`.
#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*/*.rs");
    cases.compile_fail("fail/*/*.rs");
}
