//! Another process of one program, for what only several processes can show.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fmt};

use crate::process::Process;

/// A running program whose output lines are read one by one. Killed with this handle.
pub struct ChildProcess {
    program: PathBuf,
    process: Process,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// How a [`ChildProcess`] is started.
#[derive(Debug, Clone)]
#[must_use]
pub struct ChildProcessBuilder {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
}

impl ChildProcessBuilder {
    /// Adds an argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Starts the program. It inherits the environment, except for what configures the cache:
    /// the developer's own Redis is no part of a test.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    #[track_caller]
    pub fn spawn(self) -> ChildProcess {
        let mut command = Command::new(&self.program);
        for (name, _) in
            env::vars_os().filter(|(name, _)| configures_the_cache(name.to_string_lossy().as_ref()))
        {
            command.env_remove(name);
        }
        command.args(self.arguments).envs(self.variables);
        // Its errors go where the test's own go, to be read when it fails.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.program.display()));
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a piped output"));
        let (sender, lines) = mpsc::channel();
        // Ends with the output, that is with the process.
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        ChildProcess {
            program: self.program,
            process: Process::new(child),
            input,
            lines,
        }
    }
}

impl ChildProcess {
    /// A program; one of the package's own is `env!("CARGO_BIN_EXE_<name>")`.
    pub fn builder(program: impl AsRef<Path>) -> ChildProcessBuilder {
        ChildProcessBuilder {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// The next line of its output.
    ///
    /// # Panics
    ///
    /// If none comes in time, or its output ends.
    #[must_use]
    #[track_caller]
    pub fn line(&self, within: Duration) -> String {
        self.line_where(within, "any", |_| true)
    }

    /// The next line that `wanted` accepts; those before it are dropped.
    ///
    /// # Panics
    ///
    /// If none comes in time, or its output ends. `what` and the dropped lines are in the message.
    #[must_use]
    #[track_caller]
    pub fn line_where(
        &self,
        within: Duration,
        what: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> String {
        let deadline = Instant::now() + within;
        let mut dropped = Vec::new();
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) if wanted(&line) => return line,
                Ok(line) => dropped.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    panic!(
                        "{self:?}: after {within:?} still waiting for a line: {what}; had {dropped:?}"
                    )
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{self:?}: its output ended before a line: {what}; had {dropped:?}")
                }
            }
        }
    }

    /// Every line that has come and has not been read yet.
    #[must_use]
    pub fn lines_so_far(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Writes a line to its input.
    ///
    /// # Panics
    ///
    /// If it has gone, or its input was closed.
    #[track_caller]
    pub fn send(&mut self, line: &str) {
        let input = self.input.as_mut().expect("an input that was not closed");
        writeln!(input, "{line}")
            .and_then(|()| input.flush())
            .expect("a process that reads");
    }

    /// Ends its input, upon which a well-behaved program ends, too.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// `SIGKILL`, and waits until it is gone.
    pub fn kill9(&mut self) -> ExitStatus {
        self.process.kill9()
    }

    /// `SIGTERM`; does not wait.
    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// `SIGSTOP`, and waits until it has stopped.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// `SIGCONT`.
    pub fn thaw(&self) {
        self.process.thaw();
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    ///
    /// If it is still there in the end.
    #[track_caller]
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        self.process.wait(within)
    }
}

impl fmt::Debug for ChildProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.program.display(), self.pid())
    }
}

fn configures_the_cache(variable: &str) -> bool {
    [
        "CACHE_",
        "REDIS_URL",
        "REDIS_PRIVATE_URL",
        "REDIS_MAX_CONNECTIONS",
        "UPSTASH_REDIS_",
    ]
    .iter()
    .any(|prefix| variable.starts_with(prefix))
}
