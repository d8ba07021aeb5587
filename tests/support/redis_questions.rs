//! What a test asks a server behind the back of the client under test.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use crate::bucket_names;
use crate::redis_builder::CONTROL_USER;
use crate::redis_server::RedisServer;
use crate::resp::Resp;
use crate::resp_client::RespClient;

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(5);

impl RedisServer {
    /// Asks the server something, on a fresh connection that no fault on the port touches.
    ///
    /// # Panics
    ///
    /// If there is no answer, or the answer is an error.
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
        let mut control = self.control(ANSWER)?;
        if self.settings.whole_cluster {
            let words: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
            if let Some(answer) = bucket_names::ask(&mut control, &words)? {
                return Ok(answer);
            }
        }
        control.call(arguments)
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

    /// All keys of database 0, sorted; of a cluster in place of a server, without their buckets, and each once.
    #[must_use]
    #[track_caller]
    pub fn keys(&self) -> Vec<String> {
        let mut keys = self.cli(&["KEYS", "*"]).strings();
        if self.settings.whole_cluster {
            let names = keys.iter().map(|key| bucket_names::without_bucket(key));
            keys = names.map(str::to_owned).collect();
        }
        keys.sort();
        keys.dedup();
        keys
    }

    /// All keys of database 0 but those that a cache keeps for itself, sorted.
    #[must_use]
    #[track_caller]
    pub fn entries(&self) -> Vec<String> {
        let own = |key: &String| !key.ends_with("%ledger") && !key.ends_with("%catalogue");
        self.keys().into_iter().filter(own).collect()
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
        self.cli(&["CONFIG", "RESETSTAT"]);
    }

    /// Writes the snapshot that a later start reads.
    ///
    /// # Panics
    ///
    /// If the server was not built with `snapshots`: the file would be thrown away.
    #[track_caller]
    pub fn save(&self) {
        assert!(self.settings.snapshots, "a server built with `snapshots`");
        self.cli(&["SAVE"]);
    }
}

fn spelled<A: AsRef<[u8]>>(arguments: &[A]) -> String {
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.as_ref().escape_ascii().to_string())
        .collect();
    words.join(" ")
}
