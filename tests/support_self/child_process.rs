//! Children speak, listen, stop and die.

use std::process::{Command, Stdio};

use cache_tests::ChildProcess;

use crate::SOON;

fn shell(script: &str) -> ChildProcess {
    ChildProcess::builder("/bin/sh")
        .arg("-c")
        .arg(script)
        .env("GREETING", "hello")
        .spawn()
}

#[test]
fn lines_come_one_by_one_and_input_goes_in() {
    let mut child = shell("echo noise; echo $GREETING; read word; echo got $word");
    assert_eq!(
        child.line_where(SOON, "a greeting", |line| line == "hello"),
        "hello"
    );
    child.send("it");
    assert_eq!(child.line(SOON), "got it");
    assert!(child.wait(SOON).success());
    assert!(child.lines_so_far().is_empty());
}

#[test]
fn a_killed_child_is_gone() {
    let mut child = shell("echo up; exec sleep 600");
    let _ = child.line(SOON);
    let pid = child.pid();
    assert!(is_alive(pid));
    assert!(!child.kill9().success());
    assert!(!is_alive(pid));

    let child = shell("echo up; exec sleep 600");
    let _ = child.line(SOON);
    let pid = child.pid();
    drop(child);
    assert!(!is_alive(pid));
}

#[test]
fn a_frozen_child_goes_on_when_thawed() {
    let mut child = shell("echo up; read word; echo $word");
    let _ = child.line(SOON);
    child.freeze();
    child.send("late");
    assert!(child.lines_so_far().is_empty());
    child.thaw();
    assert_eq!(child.line(SOON), "late");
}

#[test]
fn a_terminated_child_ends_by_itself() {
    let mut child = shell("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done");
    let _ = child.line(SOON);
    child.terminate();
    assert_eq!(child.line(SOON), "bye");
    assert_eq!(child.wait(SOON).code(), Some(3));
}

#[test]
#[should_panic(expected = "its output ended before a line: a greeting; had [\"noise\"]")]
fn a_missing_line_is_told_with_what_came_instead() {
    let _ = shell("echo noise").line_where(SOON, "a greeting", |line| line == "hello");
}

/// Asked by a signal that does nothing.
fn is_alive(pid: u32) -> bool {
    let mut kill = Command::new("kill");
    let status = kill
        .args(["-0", &pid.to_string()])
        .stderr(Stdio::null())
        .status();
    status.expect("a `kill` program").success()
}
