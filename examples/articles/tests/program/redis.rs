//! A real `redis-server` on a loopback port of its own.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::{env, fs, io};

use crate::deadline::wait_for;

/// Ends with the test.
pub(crate) struct Redis {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Redis {
    /// Starts one, empty, and waits until it answers.
    pub(crate) fn start() -> Self {
        // Between being found free and being used, a port may be taken by somebody else.
        let mut tries = (0..5).map(|_| free_port());
        tries
            .find_map(Self::try_start)
            .expect("a port that stays free")
    }

    fn try_start(port: u16) -> Option<Self> {
        let folder = env::temp_dir().join(format!("articles-redis-{port}-{}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let child = spawn(port, &folder);
        let mut redis = Self {
            child,
            port,
            folder,
        };
        redis.answers().then_some(redis)
    }

    /// Starts it anew, with what it had saved.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.child = spawn(self.port, &self.folder);
        assert!(self.answers(), "its port was taken");
    }

    /// Waits until it does, or has ended.
    fn answers(&mut self) -> bool {
        wait_for("redis-server to start", || {
            match self.child.try_wait().expect("a child of ours") {
                Some(_) => Some(false),
                None => self.ask("PING").ok()?.starts_with("+PONG").then_some(true),
            }
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What it replies to a command, as it stands on the wire.
    pub(crate) fn ask(&self, command: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    }

    /// Whether there is a value at this key, and not only the right to store one, which is shorter.
    pub(crate) fn holds(&self, key: &str) -> bool {
        let reply = self.ask(&format!("STRLEN {key}")).expect("it answers");
        let length = reply.lines().next().and_then(|line| line.strip_prefix(':'));
        length.and_then(|length| length.parse().ok()) > Some(200)
    }

    /// How many connections others have to it.
    pub(crate) fn connections(&self) -> usize {
        let reply = self.ask("CLIENT LIST").expect("it answers");
        let clients = reply.lines().filter(|line| line.starts_with("id="));
        clients.count() - 1
    }

    /// `kill -9`, and waits until it is dead.
    pub(crate) fn kill(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The program that `REDIS_SERVER_BIN` names, else the first of its names that there is.
fn spawn(port: u16, folder: &Path) -> Child {
    let named = env::var_os("REDIS_SERVER_BIN");
    let usual = ["redis-server".into(), "valkey-server".into()];
    let programs = named.map_or_else(|| usual.to_vec(), |program| vec![program]);
    let mut started = programs.iter().map(|program| {
        Command::new(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
    });
    started
        .find_map(Result::ok)
        .unwrap_or_else(|| panic!("none of {programs:?}: name one with REDIS_SERVER_BIN"))
}

/// A port on which nothing listens, below the range that systems hand out to outgoing connections:
/// one of those could take it while its server is down.
fn free_port() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let first = (process::id() % 1_000) as u16 * 10;
    let mut ports = std::iter::repeat_with(|| {
        21_000 + (first + TRIED.fetch_add(1, Ordering::Relaxed)) % 10_000
    });
    ports
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("it repeats until there is one")
}
