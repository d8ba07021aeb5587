//! Shared by several benches: a server that a bench starts for itself, and a bare connection to it.

use std::ffi::OsString;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A `redis-server` that dies with its handle.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further settings. What it writes goes into the directory for temporary files.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap_or_else(|error| panic!("no free port: {error}"))
            .port();
        let child = Command::new(program())
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(std::env::temp_dir())
            .args(["--cluster-config-file", &format!("nodes-{port}.conf")])
            .args(settings)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("redis-server does not start ({error}); `./tests/run` installs it")
            });
        Self {
            child,
            url: format!("redis://127.0.0.1:{port}"),
        }
    }
}

/// `REDIS_SERVER_BIN`, else the first name that there is a program of.
fn program() -> OsString {
    let runs = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found = || ["redis-server", "valkey-server"].into_iter().find(runs);
    std::env::var_os("REDIS_SERVER_BIN").unwrap_or_else(|| found().unwrap_or("redis-server").into())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The client itself, nothing of ours around it.
pub(crate) async fn connect(url: &str) -> redis::aio::MultiplexedConnection {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let client = redis::Client::open(url).unwrap_or_else(|error| panic!("{error}"));
        match client.get_multiplexed_async_connection().await {
            Ok(connection) => return connection,
            Err(error) if Instant::now() > deadline => panic!("no connection: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
