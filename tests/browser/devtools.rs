//! The language a Chromium is steered in: JSON both ways, each message ended by a zero byte.
//!
//! By pipe, so that neither a client for web sockets nor a free port is needed, and nobody else on the machine can steer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long an answer may take. Only a start on a busy machine takes longer than a moment.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Devtools {
    commands: ChildStdin,
    messages: Receiver<Value>,
    asked: u64,
    /// What it told unasked.
    pub(crate) events: Vec<Value>,
}

impl Devtools {
    pub(crate) fn new(commands: ChildStdin, messages: ChildStdout) -> Self {
        let (sender, receiver) = mpsc::channel();
        let mut messages = BufReader::new(messages);
        // Ends with the pipe, that is with the process.
        thread::spawn(move || {
            let mut bytes = Vec::new();
            while messages
                .read_until(0, &mut bytes)
                .is_ok_and(|read| read > 0)
            {
                bytes.pop();
                let message = serde_json::from_slice(&bytes).expect("JSON from Chromium");
                if sender.send(message).is_err() {
                    return;
                }
                bytes.clear();
            }
        });
        Self {
            commands,
            messages: receiver,
            asked: 0,
            events: Vec::new(),
        }
    }

    /// Asks for something and waits for the answer; `session` is the tab's, none is the browser's own.
    pub(crate) fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, String> {
        self.asked += 1;
        let mut command = json!({ "id": self.asked, "method": method, "params": parameters });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        (self.commands.write_all(&bytes)).map_err(|error| format!("{method}: {error}"))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut message =
                (self.messages.recv_timeout(left)).map_err(|_| format!("{method}: no answer"))?;
            if message["id"] != self.asked {
                self.events.push(message);
            } else if let Some(error) = message.get("error") {
                return Err(format!("{method}: {error}"));
            } else {
                return Ok(message["result"].take());
            }
        }
    }
}
