//! A `redis-server` of this program's own, that can be killed and brought back, empty.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::cpu;

const PATIENCE: Duration = Duration::from_secs(20);

/// Killed when it is dropped.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let mut server = Self { port, child: None };
        server.launch();
        server
    }

    /// For clients.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts the process; returns when it answers.
    pub fn launch(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server");
        self.child = Some(child);
        let started = Instant::now();
        while !self.ask("PING").starts_with("+PONG") {
            assert!(started.elapsed() < PATIENCE, "redis-server does not answer");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// `kill -9`, and waits until it is dead.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The processor time that it has taken since its start.
    pub fn cpu(&self) -> Duration {
        let child = self.child.as_ref();
        child.map_or(Duration::ZERO, |child| cpu::taken_by(child.id()))
    }

    /// What it says of itself.
    pub fn version(&self) -> String {
        let info = self.ask("INFO server");
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"));
        line.unwrap_or("?").trim().to_owned()
    }

    fn ask(&self, question: &str) -> String {
        let answer = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(format!("{question}\r\n").as_bytes())?;
            let mut answer = [0; 16 * 1024];
            let length = stream.read(&mut answer)?;
            std::io::Result::Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
        };
        answer().unwrap_or_default()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
