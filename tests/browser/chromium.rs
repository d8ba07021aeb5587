//! A headless Chromium of a test's own, which never outlives it.

use std::env;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use cache_tests::skipped;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::devtools::Devtools;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// It speaks on descriptors 3 and 4, which no safe code of ours can lay out; a shell can.
const WIRED: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

const OPTIONS: [&str; 12] = [
    "--headless=new",
    // Of no use against the one page that it opens, and not to be had in a container.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    // A page in the background would be throttled, and what is behind a window is.
    "--disable-backgrounding-occluded-windows",
    // Names for what is served here; by address, a browser trusts the loopback without TLS.
    "--host-resolver-rules=MAP *.shop.test 127.0.0.1",
];

/// A running browser. When its pipe ends it ends by itself, so it does not outlive a test that is killed either.
#[derive(Debug)]
pub(crate) struct Chromium {
    process: Child,
    // Settings, caches, and what it complains about.
    directory: TempDir,
}

impl Chromium {
    /// `None` where there is none, after saying so.
    ///
    /// # Panics
    ///
    /// If there must be one: see [`skipped`].
    pub(crate) fn start() -> Option<(Self, Devtools)> {
        let Some(program) = program() else {
            skipped("there is no Chromium on PATH, and CHROMIUM_BIN names none");
            return None;
        };
        let directory = tempfile::Builder::new().prefix("chromium-").tempdir();
        let directory = directory.expect("a temporary directory");
        let log = File::create(directory.path().join("log")).expect("a file of its own");
        let mut process = Command::new("/bin/sh")
            .args(["-c", WIRED])
            .arg(program)
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", directory.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // It is many processes; as a group they are ended at once.
            .process_group(0)
            .spawn()
            .expect("a shell");
        let commands = process.stdin.take().expect("a piped input");
        let messages = process.stdout.take().expect("a piped output");
        let chromium = Self { process, directory };
        Some((chromium, Devtools::new(commands, messages)))
    }

    /// What it has complained about, for those who wonder why it does not answer.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Fails only where all of them have ended.
        let _ = kill_process_group(Pid::from_child(&self.process), Signal::KILL);
        let _ = self.process.wait();
        // Its last processes may still write while they die.
        for _ in 0..100 {
            if fs::remove_dir_all(self.directory.path()).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn program() -> Option<PathBuf> {
    if let Some(program) = env::var_os("CHROMIUM_BIN").filter(|program| !program.is_empty()) {
        return Some(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    NAMES
        .into_iter()
        .flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}
