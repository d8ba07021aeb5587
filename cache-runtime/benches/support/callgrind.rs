//! Counts the instructions of a part of this program, by running it under `valgrind --tool=callgrind`.

use std::process::Command;

/// The instructions of one call. The program is started with these words, once with few calls and once with many; the
/// difference leaves its start out.
pub(crate) fn instructions(words: impl Fn(u64) -> Vec<String>, few: u64, many: u64) -> f64 {
    let [few_cost, many_cost] = [few, many].map(|calls| collected(&words(calls)));
    (many_cost - few_cost) / (many - few) as f64
}

fn collected(words: &[String]) -> f64 {
    let program = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(words)
        .output()
        .unwrap_or_else(|error| panic!("valgrind does not start: {error}"));
    let said = String::from_utf8_lossy(&run.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.unwrap_or_else(|| panic!("valgrind has not counted: {said}"))
}

/// Runs on one thread, so that no scheduling between threads is counted.
pub(crate) fn in_runtime(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"))
        .block_on(work);
}
