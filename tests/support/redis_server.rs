//! A real `redis-server`, alone in a directory of its own.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::eventually::wait_until;
use crate::port::FreePort;
use crate::process::Process;
use crate::redis_builder::{CONTROL_SOCKET, CONTROL_USER, RedisBuilder, server_program};
use crate::resp::Resp;
use crate::resp_client::RespClient;

/// How long a start or a stop may take. A busy machine makes both slow; neither ever waits longer
/// than it has to.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long one question of the tests' own may take.
const ANSWER: Duration = Duration::from_secs(5);

/// A Redis server that dies with its handle. Every method takes `&self`, so that a test may hand
/// it to several tasks.
#[derive(Debug)]
pub struct RedisServer {
    settings: RedisBuilder,
    certificates: Option<Certificates>,
    port: FreePort,
    // Before the directory, so that the process is gone when its files go.
    process: Mutex<Option<Process>>,
    directory: TempDir,
}

impl RedisBuilder {
    /// Starts the server and waits until it answers.
    ///
    /// # Panics
    ///
    /// If there is no `redis-server`, or it does not start; its log is in the message.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> RedisServer {
        for _ in 0..5 {
            let server = self.clone().stopped();
            if server.launch() {
                return server;
            }
        }
        panic!("five ports in a row were taken between being found free and being used");
    }

    /// Prepares the server, port and all, without starting it: what a client meets before
    /// [`restart`](RedisServer::restart) is a port that refuses.
    #[must_use]
    pub fn stopped(self) -> RedisServer {
        let directory = directory();
        RedisServer {
            certificates: self.tls.then(|| Certificates::issue(directory.path())),
            port: self.port.map_or_else(FreePort::reserve, FreePort::given),
            process: Mutex::new(None),
            settings: self,
            directory,
        }
    }
}

impl RedisServer {
    /// A plain server: a port, no password, empty, nothing kept over a restart.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Settings for another kind.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    /// The URL a client connects with, the default user's password included.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.port())
    }

    /// The same with another port, for what stands in front of this server.
    #[must_use]
    pub fn url_at(&self, port: u16) -> String {
        self.render_url(
            "",
            self.settings.password.as_deref().unwrap_or_default(),
            port,
        )
    }

    /// The URL for one user of those given to [`RedisBuilder::acl`].
    #[must_use]
    pub fn url_as(&self, user: &str, password: &str) -> String {
        self.render_url(user, password, self.port())
    }

    /// The port, also while the server is down.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The loopback address with the port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port()))
    }

    /// The socket that `cli` uses, and that `unix_socket` servers offer.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join(CONTROL_SOCKET)
    }

    /// Where the server keeps its files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The authority that signed the certificate of a TLS server.
    ///
    /// # Panics
    ///
    /// If the server was not built with `tls`.
    #[must_use]
    #[track_caller]
    pub fn ca(&self) -> &Path {
        self.certificates
            .as_ref()
            .expect("a server built with `tls`")
            .ca()
    }

    /// The process's id.
    ///
    /// # Panics
    ///
    /// If the server is down.
    #[must_use]
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.process().as_ref().expect("the server runs").pid()
    }

    /// Whether the process exists; a frozen one does.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process()
            .as_mut()
            .is_some_and(|process| process.ended().is_none())
    }

    /// Kills the server with `SIGKILL` and waits until it is dead. Port and directory stay.
    pub fn kill9(&self) {
        self.process().take();
    }

    /// Stops the server the way an operator would; with `snapshots`, it saves before it goes.
    ///
    /// # Panics
    ///
    /// If it is still there twenty seconds later.
    #[track_caller]
    pub fn stop_graceful(&self) {
        let save = if self.settings.snapshots {
            "SAVE"
        } else {
            "NOSAVE"
        };
        // Where it succeeds there is nobody left to say so: the connection just ends.
        if let Ok(Resp::Error(refusal)) = self.try_cli(&["SHUTDOWN", save]) {
            panic!("the server refused to shut down: {refusal}");
        }
        if let Some(mut process) = self.process().take() {
            process.wait(PATIENCE);
        }
    }

    /// Starts the server anew on the same port with the same directory, killing it first if it
    /// runs. Returns when it answers.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[track_caller]
    pub fn restart(&self) {
        self.kill9();
        // A port is seldom taken here, and only until some connection of a stranger has ended.
        wait_until(PATIENCE, "the port to be free again", || {
            self.launch().then_some(())
        });
    }

    /// Stops the process with `SIGSTOP`: the system still accepts connections and acknowledges
    /// bytes for it, but nothing answers.
    pub fn freeze(&self) {
        self.process().as_ref().expect("the server runs").freeze();
    }

    /// Lets a frozen process go on; it answers then what has piled up.
    pub fn thaw(&self) {
        self.process().as_ref().expect("the server runs").thaw();
    }

    /// Asks the server something, on a fresh connection that no fault on the port touches.
    ///
    /// # Panics
    ///
    /// If there is no answer, or the answer is an error.
    #[must_use]
    #[track_caller]
    pub fn cli<A: AsRef<[u8]>>(&self, arguments: &[A]) -> Resp {
        match self.try_cli(arguments) {
            Ok(Resp::Error(error)) => panic!("{}: {error}", spelled(arguments)),
            Ok(reply) => reply,
            Err(error) => panic!("{}: no answer: {error}", spelled(arguments)),
        }
    }

    /// The same for questions that may fail: error replies are returned as replies.
    ///
    /// # Errors
    ///
    /// If the server is down or frozen.
    pub fn try_cli<A: AsRef<[u8]>>(&self, arguments: &[A]) -> io::Result<Resp> {
        self.control(ANSWER)?.call(arguments)
    }

    /// A connection of the tests' own that stays open, for transactions, pushes and the like.
    ///
    /// # Errors
    ///
    /// If the server is down.
    pub fn control(&self, timeout: Duration) -> io::Result<RespClient> {
        let mut client = RespClient::unix(&self.socket(), timeout)?;
        if self.settings.has_users() {
            client.call(&["AUTH", CONTROL_USER, "any"])?;
        }
        Ok(client)
    }

    /// Whether the server answers within this time.
    #[must_use]
    pub fn answers(&self, within: Duration) -> bool {
        let reply = self
            .control(within)
            .and_then(|mut control| control.call(&["PING"]));
        matches!(reply, Ok(Resp::Status(pong)) if pong == "PONG")
    }

    /// All keys of database 0, sorted.
    #[must_use]
    #[track_caller]
    pub fn keys(&self) -> Vec<String> {
        let mut keys = self.cli(&["KEYS", "*"]).strings();
        keys.sort();
        keys
    }

    /// One field of `INFO`: `run_id`, `used_memory`, `connected_clients`.
    #[must_use]
    #[track_caller]
    pub fn info(&self, field: &str) -> Option<String> {
        let info = self.cli(&["INFO", "everything"]);
        info.str()
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .map(str::to_owned)
    }

    /// How often each command has run since the last reset, by Redis's own count. What the tests
    /// ask is counted like anything else, an `INFO` from the question after it on.
    #[must_use]
    #[track_caller]
    pub fn commandstats(&self) -> BTreeMap<String, u64> {
        let info = self.cli(&["INFO", "commandstats"]);
        info.str()
            .lines()
            .filter_map(|line| {
                let (command, figures) = line.strip_prefix("cmdstat_")?.split_once(':')?;
                let calls = figures.strip_prefix("calls=")?.split(',').next()?;
                Some((command.to_owned(), calls.parse().ok()?))
            })
            .collect()
    }

    /// Sets those counts to nought; the reset itself is the first to be counted again.
    #[track_caller]
    pub fn reset_stats(&self) {
        let _ = self.cli(&["CONFIG", "RESETSTAT"]);
    }

    /// Writes the snapshot that a later start reads.
    ///
    /// # Panics
    ///
    /// If the server was not built with `snapshots`: the file would be thrown away.
    #[track_caller]
    pub fn save(&self) {
        assert!(self.settings.snapshots, "a server built with `snapshots`");
        let _ = self.cli(&["SAVE"]);
    }

    /// What the server has logged, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts the process. False if its port is taken.
    #[track_caller]
    fn launch(&self) -> bool {
        let directory = self.directory.path();
        if !self.settings.snapshots {
            // Replication leaves such a file behind even where nobody asked for one.
            let _ = fs::remove_file(directory.join("dump.rdb"));
        }
        // Written once: sentinels and operators' commands rewrite it, and a restart must see that.
        let conf = directory.join("redis.conf");
        if !conf.exists() {
            let text = self
                .settings
                .render(self.port(), self.certificates.as_ref());
            fs::write(&conf, text).expect("a file in the server's directory");
        }

        let logged = self.log().len();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path());
        let log = log.expect("a file in the server's directory");
        let mut command = Command::new(server_program());
        command
            .arg("redis.conf")
            .current_dir(directory)
            .stdin(Stdio::null());
        if self.settings.sentinel {
            command.arg("--sentinel");
        }
        command
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{} does not start: {error}", server_program().display())
        });

        let mut process = Process::new(child);
        let started = Instant::now();
        let up = wait_until(PATIENCE + ANSWER, "a server to start", || {
            if let Some(status) = process.ended() {
                let log = self.log().split_off(logged);
                let taken = log.contains("Address already in use");
                assert!(taken, "redis-server ended with {status}:\n{log}");
                return Some(false);
            }
            assert!(
                started.elapsed() < PATIENCE,
                "redis-server does not answer:\n{}",
                self.log().split_off(logged)
            );
            // It listens on the port before it does so on the socket.
            self.answers(Duration::from_secs(1)).then_some(true)
        });
        if up {
            *self.process() = Some(process);
        }
        up
    }

    fn render_url(&self, user: &str, password: &str, port: u16) -> String {
        let (user, password) = (in_url(user), in_url(password));
        if self.settings.unix {
            let mut url = format!("unix://{}", self.socket().display());
            if !password.is_empty() {
                url += &format!("?pass={password}");
                if !user.is_empty() {
                    url += &format!("&user={user}");
                }
            }
            return url;
        }
        let scheme = if self.settings.tls { "rediss" } else { "redis" };
        let credentials = if password.is_empty() {
            String::new()
        } else {
            format!("{user}:{password}@")
        };
        format!("{scheme}://{credentials}127.0.0.1:{port}")
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("redis.log")
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        // A test that failed while holding it has left nothing half-done.
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A directory whose path leaves room for a socket's name: systems allow about a hundred bytes.
fn directory() -> TempDir {
    let usual = env::temp_dir();
    let parent = if usual.as_os_str().len() < 64 {
        usual
    } else {
        PathBuf::from("/tmp")
    };
    tempfile::Builder::new()
        .prefix("redis-")
        .tempdir_in(parent)
        .expect("a temporary directory")
}

fn in_url(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn spelled<A: AsRef<[u8]>>(arguments: &[A]) -> String {
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.as_ref().escape_ascii().to_string())
        .collect();
    words.join(" ")
}
