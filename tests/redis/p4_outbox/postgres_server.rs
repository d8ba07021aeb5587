//! A real Postgres in a directory of its own, on a free port.

use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, thread};

use cache_tests::{FreePort, wait_until};
use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

use crate::app::SOON;

/// A user without rights, because Postgres refuses to run as root.
const NOBODY: u32 = 65_534;

pub(super) struct PostgresServer {
    port: FreePort,
    process: Child,
    _directory: TempDir,
}

impl PostgresServer {
    /// Starts one; `None`, which is said, if Postgres is not installed.
    pub(super) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            cache_tests::skipped("there is no Postgres (POSTGRES_BIN)");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        if getuid().is_root() {
            // The directory above is only for root.
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let data = directory.path().join("data");
        fs::create_dir(&data).unwrap();
        if getuid().is_root() {
            chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let log = File::create(directory.path().join("log")).unwrap();
        let mut initdb = unprivileged(&programs.join("initdb"), &log);
        initdb
            .arg("--pgdata")
            .arg(&data)
            .args(["--username=cache", "--auth=trust", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C"]);
        let made = initdb.status().unwrap();
        let said = || fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        assert!(made.success(), "initdb: {}", said());
        let port = FreePort::reserve();
        let mut postgres = unprivileged(&programs.join("postgres"), &log);
        postgres
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-k", "", "-F"])
            .args(["-p", &port.number().to_string()]);
        let mut process = postgres.spawn().unwrap();
        wait_until(3 * SOON, "a Postgres that listens", || {
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none(), "Postgres ended: {}", said());
            // It accepts connections before it can answer, and then answers that it is starting.
            let ready = said().contains("ready to accept connections");
            TcpStream::connect(port.address()).ok().filter(|_| ready)
        });
        Some(Self {
            port,
            process,
            _directory: directory,
        })
    }

    pub(super) fn url(&self) -> String {
        format!(
            "postgres://cache:hunter2@127.0.0.1:{}/postgres?sslmode=disable",
            self.port.number()
        )
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // At once, but in order: a SIGKILL would leave its shared memory to the system.
        let _ = kill_process(Pid::from_child(&self.process), Signal::QUIT);
        if self.process.wait().is_err() && !thread::panicking() {
            panic!("Postgres cannot be waited for");
        }
    }
}

/// The folder with `initdb` and `postgres`: that of `POSTGRES_BIN`, on `PATH`, or where Debian keeps them.
fn programs() -> Option<PathBuf> {
    if let Some(postgres) = env::var_os("POSTGRES_BIN") {
        return Path::new(&postgres).parent().map(Path::to_owned);
    }
    let on_path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&on_path).collect();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    let has_both = |folder: &PathBuf| {
        ["initdb", "postgres"]
            .iter()
            .all(|program| folder.join(program).is_file())
    };
    let found = folders.into_iter().find(has_both)?;
    // Postgres looks for its other files beside the program that a link leads to.
    fs::canonicalize(found.join("postgres"))
        .ok()?
        .parent()
        .map(Path::to_owned)
}

fn unprivileged(program: &Path, log: &File) -> Command {
    let mut command = if getuid().is_root() {
        let mut command = Command::new("setpriv");
        let nobody = NOBODY.to_string();
        command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]);
        command.arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log.try_clone().unwrap());
    command
}
