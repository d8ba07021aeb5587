//! A service as a running process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bench_parts::redis_server::RedisServer;
use bench_parts::{client, cores};

use crate::serve::STATEMENTS;

/// How the service is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// `CACHE_ENABLED=off`.
    Off,
    /// Without Redis.
    Memory,
    /// With a Redis of its own, and memory.
    Redis,
    /// With a Redis of its own, and `CACHE_NEAR=off`: each hit comes from Redis.
    RedisAlone,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "without the cache",
            Self::Memory => "with it, in memory",
            Self::Redis => "with it, and Redis",
            Self::RedisAlone => "with it, in Redis alone",
        }
    }
}

/// What to start.
#[derive(Clone, Copy)]
pub(crate) struct Start<'a> {
    pub(crate) what: &'a str,
    pub(crate) database: &'a Path,
    pub(crate) mode: Mode,
    /// More of the environment.
    pub(crate) settings: &'a [(&'a str, &'a str)],
    pub(crate) round_trip: Duration,
    /// To a core.
    pub(crate) pinned: bool,
}

pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    child: Child,
    /// Ends with the service.
    _redis: Option<RedisServer>,
}

impl Start<'_> {
    /// Starts it and waits for its address.
    pub(crate) fn start(self) -> Service {
        let redis = matches!(self.mode, Mode::Redis | Mode::RedisAlone).then(RedisServer::start);
        let program = std::env::current_exe().expect("this program");
        let mut command = match self.pinned {
            true => cores::on_service_core(&program),
            false => Command::new(&program),
        };
        command.args(["serve", self.what, "--database"]);
        command.arg(format!("sqlite://{}", self.database.display()));
        command.arg("--round-trip-ms");
        command.arg(self.round_trip.as_millis().to_string());
        // Only what is set here: the settings of whoever runs the bench are not those of the service.
        command.env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.settings.iter().copied());
        match self.mode {
            Mode::Off => command.env("CACHE_ENABLED", "off"),
            Mode::RedisAlone => command.env("CACHE_NEAR", "off"),
            Mode::Memory | Mode::Redis => &mut command,
        };
        if let Some(redis) = &redis {
            command.env("REDIS_URL", redis.url());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program again");
        let mut line = String::new();
        let _ = BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line);
        let address = line.trim().parse();
        Service {
            address: address.unwrap_or_else(|_| panic!("{} does not start", self.what)),
            child,
            _redis: redis,
        }
    }
}

impl Service {
    /// Statements since its start.
    pub(crate) async fn statements(&self) -> u64 {
        let count = client::number(self.address, STATEMENTS).await;
        count.expect("a service that answers")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
