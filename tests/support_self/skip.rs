//! A test that cannot try what it is for.

use std::env;
use std::process::{Command, Output};

/// Run by the others.
#[test]
#[ignore = "it is what the other tests of this file look at"]
fn that_lacks_something() {
    cache_tests::skipped("there is no such tool");
}

fn run(require: &str) -> Output {
    let this = env::current_exe().expect("a program");
    Command::new(this)
        .args([
            "skip::that_lacks_something",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env("CACHE_TESTS_REQUIRE", require)
        .output()
        .expect("it runs")
}

#[test]
fn it_says_which_was_skipped_and_why() {
    let output = run("");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("SKIPPED: skip::that_lacks_something: there is no such tool"),
        "{said}"
    );
}

#[test]
fn it_fails_where_everything_must_be_tried() {
    let output = run("1");
    assert!(!output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("CACHE_TESTS_REQUIRE=1, and there is no such tool"),
        "{said}"
    );
}
