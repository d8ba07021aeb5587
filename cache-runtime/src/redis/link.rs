//! One connection to one server run, and the commands we send on it.

use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst,
};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, ServerErrorKind,
    Value, from_redis_value,
};
use tokio::time::Instant;

use super::lease::millis;
use super::ledger::{Birth, Ledger, Page, read_birth, write_birth};
use super::scripts::{SOURCES, Script};
use super::server::{Ask, Standing, info, run_id};
use super::switch::Way;
use super::target::Target;
use super::tier::LEDGER_LIFE;
use crate::sabotage::{Safeguard, off};
use crate::spans::Asking;
use crate::token;

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
    /// Something stands there that was not there, or was another, when it was read.
    Stands,
    Foreign,
}

pub(crate) struct Link {
    connection: MultiplexedConnection,
    /// Counts up with each connection of this process.
    pub(super) epoch: u64,
    /// Hash of the server's run id and reign; 0 where it is hidden.
    pub(crate) run: u64,
    run_id: Option<String>,
    /// How the heartbeat asks for the server's role.
    ask: Ask,
    /// Redis pushes on this connection which keys have changed, and what was removed. Without it the ledger's news are
    /// read with every entry, and memory only bridges outages.
    pub(crate) pushes: bool,
    pub(crate) ledger: std::sync::Arc<Ledger>,
    /// The ledger's name and its channel's.
    ledger_name: String,
    channel: String,
    /// Server time minus [`millis`], of the latest heartbeat.
    offset: AtomicI64,
    origin: Instant,
    scripts: Vec<String>,
    pub(super) timeouts: AtomicU32,
    /// Counts answers: whoever waited in vain can tell a slow server from a silent one.
    pub(super) answers: AtomicU64,
    lost: AtomicBool,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("epoch", &self.epoch)
            .field("pushes", &self.pushes)
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
    /// The ledger's channel told this.
    Ledger(&'a [u8]),
    /// The connection ended.
    Disconnected,
}

/// What a connection is made for.
pub(super) struct Purpose<'a> {
    pub(super) target: &'a Target,
    pub(super) epoch: u64,
    pub(super) timeout: Duration,
    pub(super) ledger_name: String,
    pub(super) channel: String,
    /// Entries of another run of the server are believed.
    pub(super) trusts_restarts: bool,
    pub(super) ledger: std::sync::Arc<Ledger>,
}

/// What the server said to the first questions.
struct Greeting {
    sent: Instant,
    took: Duration,
    time: Value,
    run_id: Option<String>,
    standing: Option<Standing>,
    pushes: bool,
    scripts: Vec<String>,
}

impl Link {
    /// Connects, and makes the connection ready: run id, clock, scripts, tracking, the ledger.
    ///
    /// Two round trips, however many questions: a far server is not a lost one.
    pub(super) async fn connect(
        purpose: Purpose<'_>,
        on_push: impl Fn(Push<'_>) + Send + Sync + 'static,
    ) -> Result<Self, Fault> {
        let on_push = std::sync::Arc::new(on_push);
        let (target, timeout) = (purpose.target, purpose.timeout);
        let (mut connection, resp3) = match open(target, timeout, true, on_push.clone()).await {
            Ok(connection) => (connection, true),
            // A server or proxy that does not speak RESP3 can still be used, without pushes.
            Err(error) if speaks_only_resp2(&error) => {
                let connection = open(target, timeout, false, on_push).await.map_err(fault)?;
                (connection, false)
            }
            Err(error) => return Err(fault(error)),
        };
        let channel = resp3.then_some(purpose.channel.as_str());
        let greeting = if off(Safeguard::SubscribeFirst) {
            greet(&mut connection, None).await?
        } else {
            greet(&mut connection, channel).await?
        };
        let mut ask = greeting.standing.as_ref().map_or(Ask::Role, |_| Ask::Info);
        let (run_id, run) = loop {
            let (again, page) = second_look(&mut connection, &mut ask, &greeting, &purpose).await?;
            let run_id = greeting
                .run_id
                .clone()
                .filter(|id| Some(id) == again.as_ref());
            let run = run_of(run_id.as_deref(), greeting.standing.as_ref());
            let believed = if purpose.trusts_restarts || off(Safeguard::RunId) {
                0
            } else {
                run
            };
            if purpose.ledger.opened(believed, page) {
                break (run_id, run);
            }
        };
        if off(Safeguard::SubscribeFirst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = connection.subscribe(&purpose.channel).await;
        }
        if run_id.is_none() {
            tracing::warn!(
                "this Redis does not show a stable run id: entries that a restart from a snapshot brings back cannot be \
                 told from others"
            );
        }
        let link = Self {
            connection,
            epoch: purpose.epoch,
            run,
            run_id,
            ask,
            pushes: greeting.pushes,
            ledger: purpose.ledger,
            ledger_name: purpose.ledger_name,
            channel: purpose.channel,
            offset: AtomicI64::new(0),
            origin: greeting.sent,
            scripts: greeting.scripts,
            timeouts: AtomicU32::new(0),
            answers: AtomicU64::new(0),
            lost: AtomicBool::new(false),
        };
        link.set_clock(greeting.sent, greeting.took, greeting.time)?;
        Ok(link)
    }

    /// Asks the server for its time and its role: it is alive, this is the offset to its clock, and it is still the
    /// master that it was. A server that is demoted need not close its connections.
    ///
    /// Tends the ledger in the same round trip. `longest`: how long entries of this process live at most.
    pub(super) async fn heartbeat(&self, longest: Duration) -> Result<Tended, Fault> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("TIME");
        let mut tend = redis::cmd("EVALSHA");
        tend.arg(&self.scripts[Script::Tend as usize]);
        self.tend(&mut tend, longest);
        pipeline.add_command(tend);
        if let Some(ask) = self.ask.command() {
            pipeline.add_command(ask);
        }
        let asking = Asking::begin("heartbeat", "TIME");
        let sent = Instant::now();
        let mut answers = asking.ended(each(&mut pipeline, &mut self.connection.clone()).await)?;
        let took = sent.elapsed();
        let mut next = || answers.next().unwrap_or_else(|| Err(unnamed()));
        self.set_clock(sent, took, next().map_err(fault)?)?;
        let tended = match next() {
            Err(error) if is_missing_script(&error) => {
                self.run(Script::Tend, |command| self.tend(command, longest))
                    .await?
            }
            Err(error) if is_wrong_type(&error) => return Err(self.foreign_ledger()),
            answer => answer.and_then(read).map_err(fault)?,
        };
        self.check_role(answers.next())?;
        let (birth, floor): (String, String) = tended;
        Ok(Tended {
            birth: read_birth(birth.as_bytes()).ok_or_else(|| self.foreign_ledger())?,
            floor: floor.parse().unwrap_or(0),
        })
    }

    fn tend(&self, command: &mut Cmd, longest: Duration) {
        command
            .arg(1)
            .arg(&self.ledger_name)
            .arg(&self.channel)
            .arg(write_birth(token::number()))
            .arg(millis(longest))
            .arg(millis(LEDGER_LIFE));
    }

    fn check_role(&self, answer: Option<Result<Value, RedisError>>) -> Result<(), Fault> {
        let standing = match answer {
            Some(answer) => Standing::read(answer.map_err(fault)?),
            None => None,
        };
        let Some(standing) = standing else {
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

    /// What stands at the ledger's name is not ours.
    pub(super) fn foreign_ledger(&self) -> Fault {
        foreign_ledger(&self.ledger_name)
    }

    pub(super) fn ledger_name(&self) -> &str {
        &self.ledger_name
    }

    pub(super) fn channel(&self) -> &str {
        &self.channel
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
        let mut command = redis::cmd("GET");
        command.arg(key);
        let got = if self.pushes {
            self.send(&command).await
        } else {
            // In a box of its own: those who are pushed to need no room for it.
            Box::pin(self.send_with_news(command)).await
        };
        match got {
            // A list or a hash of somebody else's: an empty text is as foreign.
            Err(Fault::Refused(why)) if why.starts_with("WRONGTYPE") => Ok(Some(Vec::new())),
            other => other,
        }
    }

    /// Without pushes: reads, and then the ledger's news, in one round trip. The news are no older than what was read.
    pub(super) async fn send_with_news<T: FromRedisValue>(&self, command: Cmd) -> Result<T, Fault> {
        let mut pipeline = redis::pipe();
        pipeline.add_command(command);
        pipeline
            .cmd("ZRANGEBYSCORE")
            .arg(&self.ledger_name)
            .arg(format!("({}", self.ledger.complete()))
            .arg("+inf")
            .arg("WITHSCORES");
        // The lowest scores: the longest life, and the birth.
        pipeline
            .cmd("ZRANGE")
            .arg(&self.ledger_name)
            .arg(0)
            .arg(1)
            .arg("WITHSCORES");
        let asking = Asking::begin("get", "GET");
        let answers = each(&mut pipeline, &mut self.connection.clone()).await;
        let mut answers = asking.ended(answers)?;
        let mut next = || answers.next().unwrap_or_else(|| Err(unnamed()));
        let (got, news, lowest) = (next(), next(), next());
        let mut members = members_of(news.map_err(fault)?)?;
        members.extend(members_of(lowest.map_err(fault)?)?);
        if !self.ledger.take_news(&Page::read(members)) {
            return Err(Fault::Disconnected("the ledger has begun anew".into()));
        }
        got.and_then(read).map_err(fault)
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
            Err(error) if is_missing_script(&error) => command("EVAL", SOURCES[script as usize])
                .query_async(&mut connection)
                .await
                .map_err(fault),
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

    /// Runs a script once for each, in few round trips; the first refusal ends it.
    pub(super) async fn run_each<T: FromRedisValue, I>(
        &self,
        script: Script,
        all: &[I],
        build: impl Fn(&mut Cmd, &I),
    ) -> Result<Vec<T>, Fault> {
        let mut results = Vec::with_capacity(all.len());
        for some in all.chunks(STEP) {
            if let [one] = some {
                results.push(self.run(script, |command| build(command, one)).await?);
                continue;
            }
            let mut pipeline = redis::pipe();
            for one in some {
                let mut command = redis::cmd("EVALSHA");
                command.arg(&self.scripts[script as usize]);
                build(&mut command, one);
                pipeline.add_command(command);
            }
            let asking = Asking::begin(script.name(), "EVALSHA");
            let answers = each(&mut pipeline, &mut self.connection.clone()).await;
            for (one, answer) in some.iter().zip(asking.ended(answers)?) {
                results.push(match answer {
                    Err(error) if is_missing_script(&error) => {
                        self.run(script, |command| build(command, one)).await?
                    }
                    answer => answer.and_then(read).map_err(fault)?,
                });
            }
        }
        Ok(results)
    }

    /// The answers to several commands that are sent together.
    pub(super) async fn send_all<T: FromRedisValue>(
        &self,
        operation: &'static str,
        commands: impl IntoIterator<Item = Cmd>,
    ) -> Result<Vec<Result<T, Fault>>, Fault> {
        let mut pipeline = redis::pipe();
        for command in commands {
            pipeline.add_command(command);
        }
        let asking = Asking::begin(operation, "pipeline");
        let answers = asking.ended(each(&mut pipeline, &mut self.connection.clone()).await)?;
        Ok(answers
            .map(|answer| answer.and_then(read).map_err(fault))
            .collect())
    }

    fn millis(&self, at: Instant) -> i64 {
        i64::try_from(at.saturating_duration_since(self.origin).as_millis()).unwrap_or(i64::MAX)
    }
}

/// How the ledger is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tended {
    pub(super) birth: Birth,
    pub(super) floor: u64,
}

/// The first round trip. What it asks stands or falls command by command, as a user may be forbidden any of them.
async fn greet(
    connection: &mut MultiplexedConnection,
    channel: Option<&str>,
) -> Result<Greeting, Fault> {
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
    let mut subscriber = connection.clone();
    let subscribe = async {
        match channel {
            Some(channel) => subscriber.subscribe(channel).await,
            None => Ok(()),
        }
    };
    let sent = Instant::now();
    // Sent together, and before the second round trip: the ledger is read by somebody who hears of every change to it.
    let (answers, subscribed) = tokio::join!(each(&mut first, connection), subscribe);
    let took = sent.elapsed();
    let mut answers = answers?;
    let mut next = || answers.next().unwrap_or_else(|| Err(unnamed()));
    let (time, server, replication, tracking) = (next(), next(), next(), next());
    let time = time.map_err(fault)?;
    let outages = [&server, &replication]
        .into_iter()
        .filter_map(|answer| answer.as_ref().err())
        .chain(subscribed.as_ref().err());
    if let Some(error) = outages.into_iter().find(|error| is_outage(error)) {
        return Err(fault(error.clone()));
    }
    let mut scripts = Vec::with_capacity(SOURCES.len());
    for _ in SOURCES {
        scripts.push(next().and_then(read).map_err(fault)?);
    }
    for (refused, what) in [
        (tracking.as_ref().err(), "which keys change"),
        (subscribed.as_ref().err(), "what is removed"),
    ] {
        if let Some(error) = refused {
            tracing::warn!(
                reason = %brief(error),
                "Redis does not push {what}: each read asks for it, and the memory tier only bridges outages"
            );
        }
    }
    Ok(Greeting {
        sent,
        took,
        time,
        run_id: run_id(server),
        standing: replication.ok().and_then(Standing::read),
        pushes: tracking.is_ok() && subscribed.is_ok(),
        scripts,
    })
}

/// The second round trip: the server's identity once more, its role, and the ledger.
async fn second_look(
    connection: &mut MultiplexedConnection,
    ask: &mut Ask,
    greeting: &Greeting,
    purpose: &Purpose<'_>,
) -> Result<(Option<String>, Page), Fault> {
    let mut second = redis::pipe();
    second
        .add_command(info("server"))
        .add_command(ask.command().unwrap_or_else(|| redis::cmd("ROLE")));
    let mut ledger = redis::cmd("EVALSHA");
    ledger
        .arg(&greeting.scripts[Script::Open as usize])
        .arg(1)
        .arg(&purpose.ledger_name)
        .arg(&purpose.channel)
        .arg(write_birth(token::number()))
        .arg(millis(LEDGER_LIFE));
    second.add_command(ledger);
    let mut answers = each(&mut second, connection).await?;
    let mut next = || answers.next().unwrap_or_else(|| Err(unnamed()));
    let (server, role, ledger) = (next(), next(), next());
    let again = role.ok().and_then(Standing::read);
    if again.is_none() {
        *ask = Ask::Nothing;
    }
    // A replica lags behind the removals that its master has acknowledged.
    let standing = again.as_ref().or(greeting.standing.as_ref());
    if standing.is_some_and(|standing| standing.replica) {
        return Err(Fault::Disconnected(REPLICA.into()));
    }
    if greeting.standing.is_some() && greeting.standing != again {
        return Err(Fault::Disconnected(
            "its role changed while it was asked".into(),
        ));
    }
    let page = match ledger {
        Ok(members) => Page::read(members_of(members)?),
        Err(error) if is_wrong_type(&error) => {
            return Err(foreign_ledger(&purpose.ledger_name));
        }
        Err(error) => return Err(fault(error)),
    };
    if page.birth.is_none() {
        return Err(foreign_ledger(&purpose.ledger_name));
    }
    Ok((run_id(server), page))
}

fn run_of(run_id: Option<&str>, standing: Option<&Standing>) -> u64 {
    run_id.map_or(0, |id| standing.cloned().unwrap_or_default().reign(id))
}

fn foreign_ledger(name: &str) -> Fault {
    Fault::Refused(format!(
        "the key `{name}` holds something that is not ours, so removals cannot be recorded: rename or delete it, or set \
         another CACHE_NAMESPACE"
    ))
}

/// Members and scores, one after the other, or in pairs.
fn members_of(value: Value) -> Result<Vec<(Vec<u8>, f64)>, Fault> {
    read(value).map_err(fault)
}

/// A script's error is its command's, with words around it.
fn is_wrong_type(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE") || brief(error).contains("WRONGTYPE")
}

fn is_missing_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
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
                    redis::PushKind::Message => {
                        if let Some(Value::BulkString(payload)) = push.data.get(1) {
                            on_push(Push::Ledger(payload));
                        }
                    }
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
        b"SET" => ("plant", "SET"),
        b"ZADD" => ("catalogue", "ZADD"),
        b"ZRANGEBYLEX" => ("catalogue", "ZRANGEBYLEX"),
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
