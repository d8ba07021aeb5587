//! One connection to one server run, and the commands we send on it.

mod handshake;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    Cmd, ConnectionInfo, FromRedisValue, Pipeline, RedisError, RedisWrite, Value, from_redis_value,
};
use tokio::time::Instant;

pub(in crate::redis) use self::handshake::Purpose;
use crate::common::random;
use crate::outage::switch::Connection;
use crate::redis::connection::clock::{ServerClock, millis};
use crate::redis::connection::fault::{Fault, fault, is_missing_script, is_wrong_type, unnamed};
use crate::redis::connection::login::SignedIn;
use crate::redis::connection::round_trip::RoundTrip;
use crate::redis::connection::server::{Ask, ServerRole};
use crate::redis::connection::span::RedisSpan;
use crate::redis::connection::tier::LEDGER_LIFE;
use crate::redis::connection::wire::Wire;
use crate::redis::lack::Lack;
use crate::redis::ledger::{Birth, Ledger, Page, read_birth, write_birth};
use crate::redis::scripts::{SOURCES, Script};
use crate::telemetry::histogram::Histogram;

/// The result of an attempt to plant a lease.
#[derive(Debug)]
pub(crate) enum Planted {
    Ours,
    /// The key holds something that was not there, or was different, when it was read.
    Stands,
    Foreign,
}

pub(crate) struct Link {
    connection: MultiplexedConnection,
    /// In a cluster: the connection that the links to one master share.
    wire: Option<Arc<Wire>>,
    /// With which credentials the connection is authenticated now.
    pub(in crate::redis) signed_in: Arc<SignedIn>,
    /// The address and the user with which this connection began.
    pub(in crate::redis) info: ConnectionInfo,
    /// Counts up with each connection of this process.
    pub(in crate::redis) epoch: u64,
    /// Hash of the server's run id and reign; 0 if the run id is hidden.
    pub(crate) run: u64,
    run_id: Option<String>,
    /// How the heartbeat asks for the server's role.
    ask: Ask,
    /// True if Redis pushes on this connection which keys have changed and what was removed. Otherwise the newer part
    /// of the ledger is read with every entry, and memory only bridges outages.
    pub(crate) pushes: bool,
    /// The server has the option `IFEQ` of `SET`.
    pub(in crate::redis) has_if_equal: bool,
    pub(crate) ledger: Arc<Ledger>,
    /// The ledger's name and its channel's.
    ledger_name: String,
    channel: String,
    clock: ServerClock,
    pub(in crate::redis) round_trip: RoundTrip,
    /// When the latest answered heartbeat was sent, in microseconds since `origin`.
    heard: AtomicU64,
    origin: Instant,
    scripts: Vec<String>,
    /// What the server does not allow this user.
    pub(in crate::redis) lacks: Vec<Lack>,
    /// The birth of the ledger in which the latest heartbeat has set the mark of `unstored.rs`; 0 if none has.
    pub(in crate::redis) marked: AtomicU64,
    pub(in crate::redis) timeouts: AtomicU32,
    /// Counts answers, so that a caller whose wait has timed out can tell a slow server from a silent one.
    pub(in crate::redis) answers: AtomicU64,
    /// How long operations took.
    times: Arc<Histogram>,
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

impl Connection for Link {
    fn is_lost(&self) -> bool {
        self.lost.load(SeqCst)
    }

    fn mark_lost(&self) -> bool {
        !self.lost.swap(true, SeqCst)
    }

    fn heard(&self) -> Instant {
        self.origin + Duration::from_micros(self.heard.load(Relaxed))
    }
}

impl Link {
    /// The server has stopped answering on this connection. In a cluster other links use it, too, and end with it.
    pub(in crate::redis) fn abandon(&self) {
        if let Some(wire) = &self.wire {
            wire.retire();
        }
    }

    /// Asks the server for its time and its role. The answer shows that it is alive, which offset its clock has, and
    /// that it is still the same master: a demoted server need not close its connections.
    ///
    /// Runs `tend.lua` on the ledger in the same round trip. `longest`: how long entries of this process live at most;
    /// `marks`: whether to set the mark of `unstored.rs`.
    pub(in crate::redis) async fn heartbeat(
        &self,
        longest: Duration,
        marks: bool,
    ) -> Result<Tended, Fault> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("TIME");
        let mut tend = redis::cmd("EVALSHA");
        tend.arg(&self.scripts[Script::Tend as usize]);
        self.tend(&mut tend, longest, marks);
        pipeline.add_command(tend);
        if let Some(ask) = self.ask.command() {
            pipeline.add_command(ask);
        }
        let asking = RedisSpan::begin("heartbeat", "TIME", Some(&self.times));
        let sent = Instant::now();
        let mut answers = asking.ended(each(&mut pipeline, &mut self.connection.clone()).await)?;
        let took = sent.elapsed();
        let mut next = || answers.next().unwrap_or_else(|| Err(unnamed()));
        self.set_clock(sent, took, next().map_err(fault)?)?;
        self.round_trip.took(took);
        let tended = match next() {
            Err(error) if is_missing_script(&error) => {
                self.run(Script::Tend, |command| {
                    self.tend(command, longest, marks);
                })
                .await?
            }
            Err(error) if is_wrong_type(&error) => return Err(self.foreign_ledger()),
            answer => answer.and_then(read).map_err(fault)?,
        };
        self.check_role(answers.next())?;
        let (birth, floor): (String, String) = tended;
        let birth = read_birth(birth.as_bytes()).ok_or_else(|| self.foreign_ledger())?;
        if marks {
            self.marked.store(birth, SeqCst);
        }
        Ok(Tended {
            birth,
            floor: floor.parse().unwrap_or(0),
        })
    }

    /// Whether the mark of `unstored.rs` is in the ledger that this process knows: then the names of all keys that are removed
    /// from now on come over this connection.
    pub(in crate::redis) fn is_marked(&self) -> bool {
        let marked = self.marked.load(SeqCst);
        marked != 0 && self.ledger.birth() == Some(marked)
    }

    fn tend(&self, command: &mut Cmd, longest: Duration, marks: bool) {
        command
            .arg(1)
            .arg(&self.ledger_name)
            .arg(&self.channel)
            .arg(write_birth(random::number()))
            .arg(millis(longest))
            .arg(millis(LEDGER_LIFE))
            .arg(if marks { UNSTORED } else { "" });
    }

    fn check_role(&self, answer: Option<Result<Value, RedisError>>) -> Result<(), Fault> {
        let role = match answer {
            Some(answer) => ServerRole::read(answer.map_err(fault)?),
            None => None,
        };
        let Some(role) = role else {
            return Ok(());
        };
        if role.replica {
            return Err(Fault::Disconnected(REPLICA.into()));
        }
        match &self.run_id {
            // The server was demoted and promoted again between two heartbeats.
            Some(run_id) if self.ask == Ask::Info && role.reign(run_id) != self.run => Err(
                Fault::Disconnected("the server was promoted to master again".into()),
            ),
            _ => Ok(()),
        }
    }

    /// The error for a ledger's key that holds a value that is not ours.
    pub(in crate::redis) fn foreign_ledger(&self) -> Fault {
        foreign_ledger(&self.ledger_name)
    }

    pub(in crate::redis) fn ledger_name(&self) -> &str {
        &self.ledger_name
    }

    pub(in crate::redis) fn channel(&self) -> &str {
        &self.channel
    }

    fn set_clock(&self, sent: Instant, took: Duration, time: Value) -> Result<(), Fault> {
        let (seconds, micros): (i64, i64) = read(time).map_err(fault)?;
        self.clock.heard(sent, took, seconds * 1_000_000 + micros);
        let heard = sent.saturating_duration_since(self.origin).as_micros();
        self.heard
            .store(u64::try_from(heard).unwrap_or(u64::MAX), Relaxed);
        Ok(())
    }

    /// The server's time in ms since the epoch, as far as this process knows.
    pub(crate) fn server_millis(&self) -> i64 {
        self.clock.now() / 1000
    }

    /// The same in microseconds, for what other processes see.
    pub(in crate::redis) fn server_micros(&self) -> u64 {
        u64::try_from(self.clock.told()).unwrap_or(0)
    }

    /// Reads the key. Its name begins with `prefix`.
    pub(in crate::redis) async fn get(
        &self,
        prefix: &str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let mut command = Cmd::with_capacity(2, GET.len() + prefix.len() + key.len());
        command.arg(GET);
        // Cannot fail: the writer appends to a vector.
        let mut name = command.writer_for_next_arg();
        let _ = name.write_all(prefix.as_bytes());
        let _ = name.write_all(key.as_bytes());
        drop(name);
        let got = if self.pushes {
            let asking = RedisSpan::begin("get", GET, Some(&self.times));
            let mut connection = self.connection.clone();
            let reply = connection.req_packed_command(&command).await;
            asking.ended(match reply.and_then(Value::extract_error) {
                // The usual replies, without the checks for all others.
                Ok(Value::BulkString(bytes)) => Ok(Some(bytes)),
                Ok(Value::Nil) => Ok(None),
                reply => reply.and_then(read).map_err(fault),
            })
        } else {
            // Boxed, so that a connection with pushes needs no room for this future.
            Box::pin(self.send_with_news(command)).await
        };
        or_foreign(got)
    }

    /// Reads the key and, if it is empty, plants the lease in the same round trip. `true`: the lease was planted. For a
    /// server so far away that a call cannot wait for two round trips.
    pub(in crate::redis) async fn get_or_plant(
        &self,
        key: &str,
        lease: &[u8],
        life: Duration,
    ) -> Result<(Option<Vec<u8>>, bool), Fault> {
        let mut get = redis::cmd("GET");
        get.arg(key);
        let mut plant = redis::cmd("SET");
        plant
            .arg(key)
            .arg(lease)
            .arg("PX")
            .arg(millis(life))
            .arg("NX");
        let mut answers = if self.pushes {
            let mut pipeline = redis::pipe();
            pipeline.add_command(get).add_command(plant);
            let asking = RedisSpan::begin("get or plant", "GET", Some(&self.times));
            let answers = each(&mut pipeline, &mut self.connection.clone()).await;
            asking.ended(answers)?
        } else {
            self.ask_with_news("get or plant", [get, plant]).await?
        };
        let mut next = || answers.next().unwrap_or_else(|| Err(unnamed()));
        let (got, planted) = (next(), next());
        let got = or_foreign(got.and_then(read).map_err(fault))?;
        match planted {
            Ok(Value::Nil) => Ok((got, false)),
            Ok(_) => Ok((got, true)),
            // The entry that was read can be used although the lease was refused.
            Err(_) if got.is_some() => Ok((got, false)),
            Err(error) => Err(fault(error)),
        }
    }

    /// Stores the value if the key still holds `expected`. False if it does not, or if the server refuses the command.
    pub(in crate::redis) async fn set_if_equal(
        &self,
        key: &str,
        expected: &[u8],
        value: &[u8],
        life: Duration,
    ) -> Result<bool, Fault> {
        let mut command = redis::cmd("SET");
        command.arg(key).arg(value).arg("IFEQ").arg(expected);
        command.arg("PX").arg(millis(life));
        let asking = RedisSpan::begin("store", "SET", Some(&self.times));
        let mut connection = self.connection.clone();
        let set = command.query_async::<Value>(&mut connection).await;
        match asking.ended(set.map_err(fault)) {
            Ok(answer) => Ok(answer != Value::Nil),
            Err(Fault::Refused(_)) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Without pushes: sends the command, and then reads the newer part of the ledger, in one round trip. That part is
    /// no older than what the command read.
    pub(in crate::redis) async fn send_with_news<T: FromRedisValue>(
        &self,
        command: Cmd,
    ) -> Result<T, Fault> {
        let mut answers = self.ask_with_news("get", [command]).await?;
        let got = answers.next().unwrap_or_else(|| Err(unnamed()));
        got.and_then(read).map_err(fault)
    }

    /// Sends several commands and takes in the newer part of the ledger, which is read in the same round trip. Returns
    /// the commands' answers.
    async fn ask_with_news(
        &self,
        operation: &'static str,
        commands: impl IntoIterator<Item = Cmd>,
    ) -> Result<std::vec::IntoIter<Result<Value, RedisError>>, Fault> {
        let mut pipeline = redis::pipe();
        for command in commands {
            pipeline.add_command(command);
        }
        pipeline
            .cmd("ZRANGEBYSCORE")
            .arg(&self.ledger_name)
            .arg(format!("({}", self.ledger.complete()))
            .arg("+inf")
            .arg("WITHSCORES");
        // The members with the lowest scores: the longest life, and the birth.
        pipeline
            .cmd("ZRANGE")
            .arg(&self.ledger_name)
            .arg(0)
            .arg(1)
            .arg("WITHSCORES");
        let asking = RedisSpan::begin(operation, "GET", Some(&self.times));
        let answers = each(&mut pipeline, &mut self.connection.clone()).await;
        let mut answers: Vec<_> = asking.ended(answers)?.collect();
        let mut last = || answers.pop().unwrap_or_else(|| Err(unnamed()));
        let (lowest, news) = (last(), last());
        let mut members = members_of(news.map_err(fault)?)?;
        members.extend(members_of(lowest.map_err(fault)?)?);
        if !self.ledger.take_news(&Page::read(members)) {
            return Err(Fault::Disconnected(
                "the ledger was lost, and a new one has begun".into(),
            ));
        }
        Ok(answers.into_iter())
    }

    pub(in crate::redis) async fn send<T: FromRedisValue>(
        &self,
        command: &Cmd,
    ) -> Result<T, Fault> {
        let (operation, name) = labels(command);
        let asking = RedisSpan::begin(operation, name, Some(&self.times));
        let mut connection = self.connection.clone();
        asking.ended(command.query_async(&mut connection).await.map_err(fault))
    }

    /// Runs a script. `build` adds the number of keys, the keys and the arguments.
    pub(in crate::redis) async fn run<T: FromRedisValue>(
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
        let asking = RedisSpan::begin(script.name(), "EVALSHA", Some(&self.times));
        let mut connection = self.connection.clone();
        let result = match command("EVALSHA", &self.scripts[script as usize])
            .query_async(&mut connection)
            .await
        {
            // The server's scripts were flushed: send this one as text once, which also loads it again.
            Err(error) if is_missing_script(&error) => command("EVAL", SOURCES[script as usize])
                .query_async(&mut connection)
                .await
                .map_err(fault),
            other => other.map_err(fault),
        };
        asking.ended(result)
    }

    /// Runs a script once for each item, in few round trips. Each item has its own result: an error for one does not
    /// stop the others.
    pub(in crate::redis) async fn run_each<T: FromRedisValue, I>(
        &self,
        script: Script,
        all: &[I],
        build: impl Fn(&mut Cmd, &I),
    ) -> Result<Vec<Result<T, Fault>>, Fault> {
        let mut results = Vec::with_capacity(all.len());
        for some in all.chunks(STEP) {
            if let [one] = some {
                results.push(self.run(script, |command| build(command, one)).await);
                continue;
            }
            let mut pipeline = redis::pipe();
            for one in some {
                let mut command = redis::cmd("EVALSHA");
                command.arg(&self.scripts[script as usize]);
                build(&mut command, one);
                pipeline.add_command(command);
            }
            let asking = RedisSpan::begin(script.name(), "EVALSHA", Some(&self.times));
            let answers = each(&mut pipeline, &mut self.connection.clone()).await;
            for (one, answer) in some.iter().zip(asking.ended(answers)?) {
                results.push(match answer {
                    Err(error) if is_missing_script(&error) => {
                        self.run(script, |command| build(command, one)).await
                    }
                    answer => answer.and_then(read).map_err(fault),
                });
            }
        }
        Ok(results)
    }

    /// The answers to several commands that are sent together.
    pub(in crate::redis) async fn send_all<T: FromRedisValue>(
        &self,
        operation: &'static str,
        commands: impl IntoIterator<Item = Cmd>,
    ) -> Result<Vec<Result<T, Fault>>, Fault> {
        let mut pipeline = redis::pipe();
        for command in commands {
            pipeline.add_command(command);
        }
        let asking = RedisSpan::begin(operation, "pipeline", Some(&self.times));
        let answers = asking.ended(each(&mut pipeline, &mut self.connection.clone()).await)?;
        Ok(answers
            .map(|answer| answer.and_then(read).map_err(fault))
            .collect())
    }
}

/// Treats a value of another Redis type like an empty string: neither is ours.
fn or_foreign(got: Result<Option<Vec<u8>>, Fault>) -> Result<Option<Vec<u8>>, Fault> {
    match got {
        Err(Fault::Refused(why)) if why.starts_with("WRONGTYPE") => Ok(Some(Vec::new())),
        other => other,
    }
}

/// The state of the ledger that a heartbeat has read.
#[derive(Clone, Copy, Debug)]
pub(in crate::redis) struct Tended {
    pub(in crate::redis) birth: Birth,
    pub(in crate::redis) floor: u64,
}

fn foreign_ledger(name: &str) -> Fault {
    Fault::Refused(format!(
        "the key `{name}` holds a value that is not ours, so removals cannot be recorded: rename or delete it, or set \
         another CACHE_NAMESPACE"
    ))
}

/// Reads members and scores, which come one after the other or in pairs.
fn members_of(value: Value) -> Result<Vec<(Vec<u8>, f64)>, Fault> {
    read(value).map_err(fault)
}

/// The answers to a pipeline; each may be an error of its own.
async fn each(
    pipeline: &mut Pipeline,
    connection: &mut MultiplexedConnection,
) -> Result<std::vec::IntoIter<Result<Value, RedisError>>, Fault> {
    let answers: Result<Vec<Result<Value, RedisError>>, RedisError> =
        pipeline.ignore_errors().query_async(connection).await;
    answers.map(Vec::into_iter).map_err(fault)
}

/// A command's name in metrics, and its name in spans.
fn labels(command: &Cmd) -> (&'static str, &'static str) {
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

const GET: &str = "GET";

/// The mark of `unstored.rs`, a member of the ledger.
const UNSTORED: &str = "m";

/// Commands per pipeline. A longer pipeline would delay the calls behind it on the connection.
const STEP: usize = 250;

const REPLICA: &str = "this server is a replica, and the cache uses only a master";
