//! A real `redis-server`, alone in a directory of its own.

use std::env;
use std::fs::{self, File};
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
use crate::redis_builder::{CONTROL_SOCKET, RedisBuilder, server_program};
use crate::resp::Resp;

/// How long a start or a stop may take. A busy machine makes both slow; neither ever waits longer
/// than it has to.
const PATIENCE: Duration = Duration::from_secs(20);

/// A Redis server that dies with its handle. Every method takes `&self`, so that a test may hand
/// it to several tasks.
#[derive(Debug)]
pub struct RedisServer {
    pub(crate) settings: RedisBuilder,
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
        let settings = self.into_asked_for();
        let directory = directory();
        RedisServer {
            certificates: settings
                .certificates
                .clone()
                .or_else(|| settings.tls.then(|| Certificates::issue(directory.path()))),
            port: settings
                .port
                .map_or_else(FreePort::reserve, FreePort::given),
            process: Mutex::new(None),
            settings,
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
        let up = wait_until(PATIENCE * 2, "a server to start", || {
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
            if self.settings.whole_cluster {
                self.serve_all_slots();
            }
        }
        up
    }

    /// Returns when the node says that the cluster, which is this node, is well. After a restart that takes Redis two
    /// seconds.
    #[track_caller]
    fn serve_all_slots(&self) {
        let state = || self.cli(&["CLUSTER", "INFO"]).str().to_owned();
        if state().contains("cluster_slots_assigned:0") {
            self.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        }
        wait_until(PATIENCE, "cluster_state:ok", || {
            state().contains("cluster_state:ok").then_some(())
        });
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
