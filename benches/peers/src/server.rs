//! A `redis-server` of this program's own, that can be killed, frozen and brought back.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    port: u16,
    directory: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// A port on which nothing listens yet.
    pub fn absent() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let directory = std::env::temp_dir().join(format!("peers-{}-{port}", std::process::id()));
        fs::create_dir_all(&directory).expect("a temporary directory");
        Self {
            port,
            directory,
            child: None,
        }
    }

    pub fn start() -> Self {
        let mut server = Self::absent();
        server.launch();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts the process, with what [`save`](Self::save) has left; returns when it answers.
    pub fn launch(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&self.directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server; `./tests/run` installs it");
        self.child = Some(child);
        self.wait_for_answer();
    }

    /// `kill -9`, and waits until it is dead.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// `SIGSTOP`, and waits until it has stopped: what is asked afterwards is certain to go unanswered.
    pub fn freeze(&self) {
        let _ = kill_process(self.pid(), Signal::STOP);
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        let _ = waitid(WaitId::Pid(self.pid()), stopped);
    }

    pub fn thaw(&self) {
        let _ = kill_process(self.pid(), Signal::CONT);
        self.wait_for_answer();
    }

    /// Writes a snapshot, which the next launch loads.
    pub fn save(&self) {
        assert!(self.ask("SAVE").starts_with("+OK"), "a snapshot");
    }

    pub fn version(&self) -> String {
        let info = self.ask("INFO server");
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"));
        line.unwrap_or("?").trim().to_owned()
    }

    /// From now on, notes every command that the server gets.
    pub fn watch(&self) -> Watch {
        let mut stream = self.connect().expect("a connection");
        stream.write_all(b"MONITOR\r\n").expect("a request");
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        let _ = lines.read_line(&mut line); // +OK: it watches
        let seen = Arc::new(Mutex::new(String::new()));
        let notes = seen.clone();
        // Ends with the connection, that is with the server.
        thread::spawn(move || {
            let mut line = Vec::new();
            while lines
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
            {
                let mut notes = notes.lock().expect("no panic while it is held");
                notes.push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Watch(seen)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("a running server"))
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", self.port))
    }

    fn ask(&self, question: &str) -> String {
        let answer = || {
            let mut stream = self.connect()?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(format!("{question}\r\n").as_bytes())?;
            let mut answer = [0; 16 * 1024];
            let length = stream.read(&mut answer)?;
            std::io::Result::Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
        };
        answer().unwrap_or_default()
    }

    fn wait_for_answer(&self) {
        let started = Instant::now();
        while !self.ask("PING").starts_with("+PONG") {
            assert!(started.elapsed() < PATIENCE, "redis-server does not answer");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The commands that a server got.
pub struct Watch(Arc<Mutex<String>>);

impl Watch {
    /// Some command named this key, perhaps behind a prefix; some libraries escape the separator.
    pub fn saw(&self, key: &str) -> bool {
        let seen = self.0.lock().expect("no panic while it is held");
        [key.to_owned(), key.replace(':', "%3A")]
            .iter()
            .any(|key| seen.contains(&format!("{key}\"")))
    }
}
