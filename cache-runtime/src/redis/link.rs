//! One connection to one server run, and the commands we send on it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, ServerErrorKind,
    Value, from_redis_value,
};
use tokio::time::Instant;

use super::scripts::{SOURCES, Script};
use super::server::{Ask, Standing, info, run_id};
use super::switch::Way;
use super::target::Target;
use crate::spans::Asking;

/// Why an operation gave nothing.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// No answer in time; whether it ran is unknown.
    TimedOut,
    /// The connection is gone, or the server says that it cannot serve now; whether it ran is unknown.
    Disconnected(String),
    /// The server answered with an error; it did not run.
    Refused(String),
}

/// What a planting found.
#[derive(Debug)]
pub(crate) enum Planted {
    Ours,
    /// An entry stands there.
    Stands(Vec<u8>),
    Foreign,
    /// Somebody else's lease.
    Taken,
    /// Somebody's load has just failed.
    Failed,
}

pub(crate) type Head = [u8; 32];

pub(crate) struct Link {
    connection: MultiplexedConnection,
    /// Counts up with each connection of this process.
    pub(super) epoch: u64,
    /// Hash of the server's run id and reign; 0 where it is hidden.
    pub(crate) run: u64,
    run_id: Option<String>,
    /// How the heartbeat asks for the server's role.
    ask: Ask,
    /// Redis pushes invalidations on this connection.
    pub(crate) tracking: bool,
    /// Server time minus [`millis`], of the latest heartbeat.
    offset: AtomicI64,
    origin: Instant,
    scripts: Vec<String>,
    pub(super) timeouts: AtomicU32,
    lost: AtomicBool,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("epoch", &self.epoch)
            .field("tracking", &self.tracking)
            .finish_non_exhaustive()
    }
}

impl Way for Link {
    fn is_lost(&self) -> bool {
        self.lost.load(SeqCst)
    }

    fn mark_lost(&self) -> bool {
        !self.lost.swap(true, SeqCst)
    }
}

/// What a push said.
pub(crate) enum Push<'a> {
    /// These keys changed.
    Keys(Vec<&'a [u8]>),
    /// Everything changed (`FLUSHALL`).
    Everything,
    /// The connection ended.
    Disconnected,
}

impl Link {
    /// Connects, and makes the connection ready: run id, clock, scripts, tracking.
    pub(super) async fn connect(
        target: &Target,
        epoch: u64,
        timeout: Duration,
        on_push: impl Fn(Push<'_>) + Send + Sync + 'static,
    ) -> Result<Self, Fault> {
        let on_push = std::sync::Arc::new(on_push);
        let mut connection = match open(target, timeout, true, on_push.clone()).await {
            Ok(connection) => connection,
            // A server or proxy that does not speak RESP3 can still be used, without pushes.
            Err(error) if speaks_only_resp2(&error) => {
                open(target, timeout, false, on_push).await.map_err(fault)?
            }
            Err(error) => return Err(fault(error)),
        };
        // Two round trips, however many questions: a far server is not a lost one. What the first asks stands or falls
        // command by command, as a user may be forbidden any of them.
        let mut first = redis::pipe();
        first
            .cmd("TIME")
            .add_command(info("server"))
            .add_command(info("replication"))
            .cmd("CLIENT")
            .arg("TRACKING")
            .arg("ON");
        for source in SOURCES {
            first.cmd("SCRIPT").arg("LOAD").arg(source);
        }
        let sent = Instant::now();
        let mut answers = each(&mut first, &mut connection).await?;
        let took = sent.elapsed();
        let mut next = || answers.next().unwrap_or_else(|| Err(unnamed()));
        let (time, server, replication, tracking) = (next(), next(), next(), next());
        let time = time.map_err(fault)?;
        if let Some(error) = [&server, &replication]
            .into_iter()
            .find_map(|answer| answer.as_ref().err().filter(|error| is_outage(error)))
        {
            return Err(fault(error.clone()));
        }
        let mut scripts = Vec::with_capacity(SOURCES.len());
        for _ in SOURCES {
            scripts.push(next().and_then(read).map_err(fault)?);
        }
        if let Err(error) = &tracking {
            tracing::warn!(reason = %brief(error), "Redis does not track reads: the memory tier only bridges outages");
        }

        let standing = replication.ok().and_then(Standing::read);
        let mut ask = standing.as_ref().map_or(Ask::Role, |_| Ask::Info);
        let mut second = redis::pipe();
        second
            .add_command(info("server"))
            .add_command(ask.command().unwrap_or_else(|| redis::cmd("ROLE")));
        let mut answers = each(&mut second, &mut connection).await?;
        let mut next = || answers.next().unwrap_or_else(|| Err(unnamed()));
        let (server_again, again) = (next(), next().ok().and_then(Standing::read));
        let run_id = run_id(server).filter(|id| Some(id) == run_id(server_again).as_ref());
        if again.is_none() {
            ask = Ask::Nothing;
        }
        // A replica lags behind the removals that its master has acknowledged.
        if again
            .as_ref()
            .or(standing.as_ref())
            .is_some_and(|standing| standing.replica)
        {
            return Err(Fault::Disconnected(REPLICA.into()));
        }
        if standing.is_some() && standing != again {
            return Err(Fault::Disconnected(
                "its role changed while it was asked".into(),
            ));
        }
        if run_id.is_none() {
            tracing::warn!(
                "this Redis does not show a stable run id: entries that a restart from a snapshot brings back cannot be \
                 told from others"
            );
        }
        let run = run_id
            .as_deref()
            .map_or(0, |id| standing.unwrap_or_default().reign(id));
        let link = Self {
            connection,
            epoch,
            run,
            run_id,
            ask,
            tracking: tracking.is_ok(),
            offset: AtomicI64::new(0),
            origin: sent,
            scripts,
            timeouts: AtomicU32::new(0),
            lost: AtomicBool::new(false),
        };
        link.set_clock(sent, took, time)?;
        Ok(link)
    }

    /// Asks the server for its time and its role: it is alive, this is the offset to its clock, and it is still the
    /// master that it was. A server that is demoted need not close its connections.
    pub(super) async fn heartbeat(&self) -> Result<(), Fault> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("TIME");
        if let Some(ask) = self.ask.command() {
            pipeline.add_command(ask);
        }
        let asking = Asking::begin("heartbeat", "TIME");
        let sent = Instant::now();
        let mut answers = asking.ended(each(&mut pipeline, &mut self.connection.clone()).await)?;
        let took = sent.elapsed();
        let time = answers.next().unwrap_or_else(|| Err(unnamed()));
        self.set_clock(sent, took, time.map_err(fault)?)?;
        let Some(answer) = answers.next() else {
            return Ok(());
        };
        let Some(standing) = Standing::read(answer.map_err(fault)?) else {
            return Ok(());
        };
        if standing.replica {
            return Err(Fault::Disconnected(REPLICA.into()));
        }
        match &self.run_id {
            // Demoted and promoted again between two heartbeats.
            Some(run_id) if self.ask == Ask::Info && standing.reign(run_id) != self.run => Err(
                Fault::Disconnected("another reign of this server has begun".into()),
            ),
            _ => Ok(()),
        }
    }

    fn set_clock(&self, sent: Instant, took: Duration, time: Value) -> Result<(), Fault> {
        let (seconds, micros): (i64, i64) = read(time).map_err(fault)?;
        let server = seconds * 1000 + micros / 1000;
        let local = self.millis(sent + took / 2);
        self.offset.store(server - local, Relaxed);
        Ok(())
    }

    /// The server's time in ms since the epoch, as far as this process knows.
    pub(crate) fn server_millis(&self) -> i64 {
        self.millis(Instant::now()) + self.offset.load(Relaxed)
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        match self.send(redis::cmd("GET").arg(key)).await {
            // A list or a hash of somebody else's: an empty text is as foreign.
            Err(Fault::Refused(why)) if why.starts_with("WRONGTYPE") => Ok(Some(Vec::new())),
            other => other,
        }
    }

    pub(super) async fn send<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Fault> {
        let (operation, name) = told(command);
        let asking = Asking::begin(operation, name);
        let mut connection = self.connection.clone();
        asking.ended(command.query_async(&mut connection).await.map_err(fault))
    }

    /// Runs a script. `build` adds the keys and arguments after the number of keys.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: Script,
        build: impl Fn(&mut Cmd),
    ) -> Result<T, Fault> {
        let command = |name: &str, body: &str| {
            let mut command = redis::cmd(name);
            command.arg(body);
            build(&mut command);
            command
        };
        let asking = Asking::begin(script.name(), "EVALSHA");
        let mut connection = self.connection.clone();
        let result = match command("EVALSHA", &self.scripts[script as usize])
            .query_async(&mut connection)
            .await
        {
            // Somebody flushed the scripts: this once by its text, which also loads it again.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                command("EVAL", SOURCES[script as usize])
                    .query_async(&mut connection)
                    .await
                    .map_err(fault)
            }
            other => other.map_err(fault),
        };
        asking.ended(result)
    }

    /// Runs a script once for each, in few round trips. What it refuses for one it may do for the next.
    pub(super) async fn run_for_each<T>(
        &self,
        script: Script,
        all: &[T],
        build: impl Fn(&mut Cmd, &T),
    ) -> Result<(), Fault> {
        for some in all.chunks(STEP) {
            let mut pipeline = redis::pipe();
            for one in some {
                let mut command = redis::cmd("EVALSHA");
                command.arg(&self.scripts[script as usize]);
                build(&mut command, one);
                pipeline.add_command(command);
            }
            let asking = Asking::begin(script.name(), "EVALSHA");
            asking.ended(each(&mut pipeline, &mut self.connection.clone()).await)?;
        }
        Ok(())
    }

    fn millis(&self, at: Instant) -> i64 {
        i64::try_from(at.saturating_duration_since(self.origin).as_millis()).unwrap_or(i64::MAX)
    }
}

async fn open(
    target: &Target,
    timeout: Duration,
    resp3: bool,
    on_push: std::sync::Arc<impl Fn(Push<'_>) + Send + Sync + 'static>,
) -> Result<MultiplexedConnection, RedisError> {
    let info = target.resolve(timeout, resp3).await?;
    // Deadlines are ours: one timer a call, whatever the number of its commands.
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(None);
    if resp3 {
        config = config.set_push_sender(
            move |push: redis::PushInfo| -> Result<(), std::convert::Infallible> {
                match push.kind {
                    redis::PushKind::Invalidate => on_push(invalidated(&push.data)),
                    redis::PushKind::Disconnection => on_push(Push::Disconnected),
                    _ => {}
                }
                Ok(())
            },
        );
    }
    redis::Client::open(info)?
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

fn invalidated(data: &[Value]) -> Push<'_> {
    let keys = match data.first() {
        Some(Value::Array(keys)) => keys.iter().map(|key| match key {
            Value::BulkString(key) => Some(&**key),
            Value::SimpleString(key) => Some(key.as_bytes()),
            _ => None,
        }),
        _ => return Push::Everything,
    };
    keys.collect::<Option<Vec<_>>>()
        .map_or(Push::Everything, Push::Keys)
}

/// The answers to a pipeline one by one: each may be an error of its own.
async fn each(
    pipeline: &mut Pipeline,
    connection: &mut MultiplexedConnection,
) -> Result<std::vec::IntoIter<Result<Value, RedisError>>, Fault> {
    let answers: Result<Vec<Result<Value, RedisError>>, RedisError> =
        pipeline.ignore_errors().query_async(connection).await;
    answers.map(Vec::into_iter).map_err(fault)
}

/// A command's name in figures, and in spans.
fn told(command: &Cmd) -> (&'static str, &'static str) {
    let name = match command.args_iter().next() {
        Some(redis::Arg::Simple(name)) => name,
        _ => &[],
    };
    match name {
        b"GET" => ("get", "GET"),
        b"MGET" => ("mget", "MGET"),
        b"PING" => ("ping", "PING"),
        b"ZSCORE" => ("index", "ZSCORE"),
        b"ZADD" => ("index", "ZADD"),
        b"SCAN" => ("scan", "SCAN"),
        _ => ("other", "other"),
    }
}

fn read<T: FromRedisValue>(value: Value) -> Result<T, RedisError> {
    from_redis_value(value).map_err(RedisError::from)
}

fn speaks_only_resp2(error: &RedisError) -> bool {
    error.kind() == ErrorKind::RESP3NotSupported
        || error.code().is_some_and(|code| code == "NOPROTO")
        || error
            .to_string()
            .to_ascii_lowercase()
            .contains("unknown command 'hello'")
}

/// An outage, as against an answer that says no.
fn is_outage(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse => true,
        ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | ReadOnly) => true,
        _ => error.is_unrecoverable_error(),
    }
}

pub(super) fn fault(error: RedisError) -> Fault {
    if error.is_timeout() {
        Fault::TimedOut
    } else if is_outage(&error) {
        Fault::Disconnected(brief(&error))
    } else {
        Fault::Refused(brief(&error))
    }
}

fn unnamed() -> RedisError {
    (ErrorKind::Io, "no answer").into()
}

/// The server's or the system's words in one line. They quote no argument of ours but the user name.
fn brief(error: &RedisError) -> String {
    let text = match error.code() {
        Some(code) => format!("{code} {}", error.detail().unwrap_or_default()),
        None => error.to_string(),
    };
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect()
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimedOut => f.write_str("timed out"),
            Self::Disconnected(why) | Self::Refused(why) => f.write_str(why),
        }
    }
}

/// Commands in a pipeline that others may be waiting behind.
const STEP: usize = 250;

const REPLICA: &str = "this is a replica; reads go to masters";
