//! Which core does what: the service has the first, and the load, Redis and everything else the second.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;

const SERVICE: &str = "0";
const LOAD: &str = "1";

/// As many as there are before this program takes one.
pub fn count() -> usize {
    static COUNT: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
    *COUNT
}

/// Moves this process, and with it what it starts, to the core of the load. Call it before there are other threads.
pub fn take_load_core() {
    let moved = Command::new("taskset")
        .args(["-cp", LOAD, &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    assert!(moved.is_ok_and(|moved| moved.success()), "taskset");
}

/// A command that runs on the core of the service.
pub fn on_service_core(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVICE]).arg(program);
    command
}
