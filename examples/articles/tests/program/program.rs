//! The program under test, and what it answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::{env, fs, io, process};

use crate::deadline::{PATIENCE, wait_for};

/// An articles service with a database of its own; ends with the test.
pub(crate) struct Program {
    child: Child,
    address: String,
    folder: PathBuf,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    head: String,
    pub(crate) body: String,
}

impl Program {
    /// Starts one. `name` is the folder of its database: two of one name share it.
    pub(crate) fn start(name: &str, settings: &[(&str, &str)]) -> Self {
        let mut program = Self::spawn(name, settings, Stdio::inherit());
        let mut line = String::new();
        let stdout = program.child.stdout.as_mut().expect("piped");
        let greeted = BufReader::new(stdout).read_line(&mut line);
        greeted.expect("a greeting");
        let (_, address) = line.trim().rsplit_once("//").expect("an address");
        program.address = address.to_owned();
        program
    }

    /// Starts one that is to end at once, and returns how, and what it said.
    pub(crate) fn refused(name: &str, settings: &[(&str, &str)]) -> (ExitStatus, String) {
        let mut program = Self::spawn(name, settings, Stdio::piped());
        let status = program.ended();
        let mut said = String::new();
        let stderr = program.child.stderr.as_mut().expect("piped");
        stderr.read_to_string(&mut said).expect("UTF-8");
        (status, said)
    }

    fn spawn(name: &str, settings: &[(&str, &str)], stderr: Stdio) -> Self {
        let folder = env::temp_dir().join(format!("articles-{name}-{}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let database = format!("sqlite://{}", folder.join("articles.db").display());
        let child = Command::new(env!("CARGO_BIN_EXE_articles"))
            // Nothing of what the tests' own environment holds.
            .env_clear()
            .envs([("PORT", "0"), ("DATABASE_URL", &database)])
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the program");
        Self {
            child,
            address: String::new(),
            folder,
        }
    }

    /// The first call begins to connect and may go on without.
    pub(crate) fn wait_until_connected(&self) {
        wait_for("the connection to Redis", || {
            let health = self.get("/health/cache").body;
            health.contains(r#""redis_available":true"#).then_some(())
        });
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut stream = self.connect().expect("it listens");
        let request = head(method, path, body) + "\r\n" + body;
        stream.write_all(request.as_bytes()).expect("it reads");
        Answer::read(stream)
    }

    /// A connection on which nobody waits for ever.
    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Asks it to end, as service managers do.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.expect("a program `kill`").success());
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait_for("the program to end", || {
            self.child.try_wait().expect("a child of ours")
        })
    }

    /// What SQLite keeps beside the database for as long as somebody has it open.
    pub(crate) fn write_ahead_log(&self) -> PathBuf {
        self.folder.join("articles.db-wal")
    }
}

/// A request up to where more headers could stand.
pub(crate) fn head(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: articles\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    )
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Answer {
    /// Everything up to the end of the connection.
    pub(crate) fn read(mut stream: TcpStream) -> Self {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        Self {
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// A header's text; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
            .unwrap_or_default()
    }

    pub(crate) fn x_cache(&self) -> &str {
        self.header("x-cache")
    }
}
