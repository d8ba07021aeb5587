//! Makes a connection ready in two round trips: identifies the server, turns pushes on, loads the scripts and reads the
//! ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionInfo, RedisError, Value};
use tokio::time::Instant;

use crate::common::random;
use crate::common::safeguard::{Safeguard, off};
use crate::redis::connection::clock::ServerClock;
use crate::redis::connection::clock::millis;
use crate::redis::connection::fault::{
    Fault, cluster, fault, is_of_a_cluster, is_outage, is_wrong_type, speaks_only_resp2, unnamed,
};
use crate::redis::connection::link::{Link, REPLICA, each, foreign_ledger, members_of, read};
use crate::redis::connection::login::SignedIn;
use crate::redis::connection::provided::Issued;
use crate::redis::connection::push::{Incoming, Push};
use crate::redis::connection::round_trip::RoundTrip;
use crate::redis::connection::server::{Ask, ServerRole, has_if_equal, info, is_node, run_id};
use crate::redis::connection::target::Target;
use crate::redis::connection::tier::LEDGER_LIFE;
use crate::redis::connection::wire::{OnPush, PushReceiver, Wire};
use crate::redis::lack::Lack;
use crate::redis::ledger::{Birth, Ledger, Page, write_birth};
use crate::redis::scripts::{SOURCES, Script};
use crate::telemetry::histogram::Histogram;

/// Parameters of a connection.
pub(in crate::redis) struct Purpose<'a> {
    pub(in crate::redis) target: &'a Target,
    /// The credentials to connect with.
    pub(in crate::redis) login: &'a Issued,
    pub(in crate::redis) epoch: u64,
    pub(in crate::redis) timeout: Duration,
    pub(in crate::redis) ledger_name: String,
    pub(in crate::redis) channel: String,
    /// Entries of another run of the server are accepted.
    pub(in crate::redis) trusts_restarts: bool,
    pub(in crate::redis) ledger: Arc<Ledger>,
    /// Where the duration of operations is counted.
    pub(in crate::redis) times: Arc<Histogram>,
}

/// The server's answers to the first round trip.
struct Greeting {
    sent: Instant,
    took: Duration,
    time: Value,
    run_id: Option<String>,
    role: Option<ServerRole>,
    /// The server answers `CLIENT TRACKING` and `SUBSCRIBE` with yes.
    pushes: bool,
    has_if_equal: bool,
    subscribed: bool,
    publishes: bool,
    lacks: Vec<Lack>,
    scripts: Vec<String>,
}

impl Link {
    /// It takes two round trips, however many questions there are, so that connecting to a far server succeeds in time.
    pub(in crate::redis) async fn connect(
        purpose: Purpose<'_>,
        on_push: impl Fn(Push<'_>) + Send + Sync + 'static,
    ) -> Result<Self, Fault> {
        let on_push: OnPush = Arc::new(on_push);
        let (opened, resp3) = match open(&purpose, true, on_push.clone()).await {
            Ok(opened) => (opened, true),
            // A server or proxy that does not speak RESP3 can still be used, without pushes.
            Err(error) if speaks_only_resp2(&error) => {
                let opened = open(&purpose, false, on_push).await.map_err(fault)?;
                (opened, false)
            }
            Err(error) => return Err(fault(error)),
        };
        let reused = opened.wire.clone().filter(|(_, reused)| *reused);
        let reused = Reused(reused.map(|(wire, _)| wire));
        let made = Self::make_ready(purpose, opened, resp3).await;
        if made.as_ref().err().is_none_or(Fault::is_of_a_slot) {
            reused.spare();
        }
        made
    }

    async fn make_ready(purpose: Purpose<'_>, opened: Opened, resp3: bool) -> Result<Self, Fault> {
        let Opened {
            mut connection,
            info,
            signed_in,
            wire,
        } = opened;
        let subscribes = resp3 && !off(Safeguard::SubscribeFirst);
        let mut greeting = greet(&mut connection, &purpose, subscribes).await?;
        if !resp3 {
            // Redis accepts CLIENT TRACKING on such a connection, and tells nothing.
            greeting.pushes = false;
            greeting.lacks.retain(|lack| *lack == Lack::Publish);
            greeting.lacks.push(Lack::Resp3);
        }
        let mut ask = greeting.role.as_ref().map_or(Ask::Role, |_| Ask::Info);
        let opened = open_ledger(&mut connection, &mut ask, &greeting, &purpose).await?;
        if off(Safeguard::SubscribeFirst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = connection.subscribe(&purpose.channel).await;
        }
        if opened.run_id.is_none() {
            greeting.lacks.push(Lack::Info);
        }
        if opened.quiet {
            without_messages(&mut connection, &purpose.channel, &mut greeting).await?;
            // A message has told of another ledger meanwhile, and it is unknown who relies on messages in that one.
            if purpose.ledger.birth() != opened.birth {
                return Err(Fault::Disconnected("the ledger has begun anew".into()));
            }
        }
        let link = Self {
            connection,
            wire: wire.map(|(wire, _)| wire),
            signed_in,
            info,
            epoch: purpose.epoch,
            run: opened.run,
            run_id: opened.run_id,
            ask,
            pushes: greeting.pushes,
            has_if_equal: greeting.has_if_equal,
            ledger: purpose.ledger,
            ledger_name: purpose.ledger_name,
            channel: purpose.channel,
            clock: ServerClock::new(greeting.sent),
            round_trip: RoundTrip::new(greeting.took.min(opened.took)),
            heard: AtomicU64::new(0),
            origin: greeting.sent,
            scripts: greeting.scripts,
            lacks: greeting.lacks,
            marked: AtomicU64::new(0),
            timeouts: AtomicU32::new(0),
            answers: AtomicU64::new(0),
            times: purpose.times,
            lost: AtomicBool::new(false),
        };
        link.set_clock(greeting.sent, greeting.took, greeting.time)?;
        Ok(link)
    }
}

/// The first round trip. Each command may fail on its own, because the user may lack the permission for any of them.
async fn greet(
    connection: &mut MultiplexedConnection,
    purpose: &Purpose<'_>,
    subscribes: bool,
) -> Result<Greeting, Fault> {
    let in_cluster = purpose.target.is_cluster();
    let mut first = redis::pipe();
    first
        .cmd("TIME")
        .add_command(info("server"))
        .add_command(info("replication"))
        .cmd("CLIENT")
        .arg("TRACKING")
        .arg("ON")
        // Only shows whether it is allowed: it is no message of a ledger, so everybody passes over it.
        .cmd("PUBLISH")
        .arg(&purpose.channel)
        .arg(NO_MESSAGE);
    for source in SOURCES {
        first.cmd("SCRIPT").arg("LOAD").arg(source);
    }
    let mut subscriber = connection.clone();
    let subscribe = async {
        match subscribes {
            true => subscriber.subscribe(&purpose.channel).await,
            false => Ok(()),
        }
    };
    let sent = Instant::now();
    // Both are sent together, before the second round trip, so that the ledger is read after the subscription to its
    // changes.
    let (answers, subscribed) = tokio::join!(each(&mut first, connection), subscribe);
    let took = sent.elapsed();
    let mut answers = answers?;
    let mut next = || answers.next().unwrap_or_else(|| Err(unnamed()));
    let (time, server, replication, tracking) = (next(), next(), next(), next());
    let published = next();
    let time = time.map_err(fault)?;
    if !in_cluster && is_node(connection, &server).await {
        return Err(cluster());
    }
    let outages = [&server, &replication, &published]
        .into_iter()
        .filter_map(|answer| answer.as_ref().err())
        .chain(subscribed.as_ref().err());
    if let Some(error) = outages.into_iter().find(|error| is_outage(error)) {
        return Err(fault(error.clone()));
    }
    let mut scripts = Vec::with_capacity(SOURCES.len());
    for _ in SOURCES {
        scripts.push(next().and_then(read).map_err(no_scripts)?);
    }
    let refused = [
        (tracking.is_err(), Lack::Tracking),
        (subscribed.is_err(), Lack::Subscribe),
        (published.is_err(), Lack::Publish),
    ];
    let lacks = refused.into_iter().filter(|(refused, _)| *refused);
    Ok(Greeting {
        sent,
        took,
        time,
        has_if_equal: has_if_equal(&server),
        run_id: run_id(server),
        role: replication.ok().and_then(ServerRole::read),
        pushes: tracking.is_ok() && subscribed.is_ok(),
        subscribed: subscribes && subscribed.is_ok(),
        publishes: published.is_ok(),
        lacks: lacks.map(|(_, lack)| lack).collect(),
        scripts,
    })
}

/// The ledger as it was found, and the server that it was found on.
struct OpenedLedger {
    birth: Option<Birth>,
    /// A user of the namespace may not publish.
    quiet: bool,
    /// `None` if the server hides it.
    run_id: Option<String>,
    /// Hash of the run id and reign, or of what stands for them.
    run: u64,
    /// The length of the last round trip.
    took: Duration,
}

/// Reads the ledger, or begins one. It is read again if a message tells of another one meanwhile, or if it has to belong to a
/// run that the server hides.
async fn open_ledger(
    connection: &mut MultiplexedConnection,
    ask: &mut Ask,
    greeting: &Greeting,
    purpose: &Purpose<'_>,
) -> Result<OpenedLedger, Fault> {
    let mut mark = None;
    let mut quiet = false;
    loop {
        let asked = Instant::now();
        let owner = mark
            .clone()
            .unwrap_or_else(|| owner_of_ledger(greeting, purpose));
        let looked = second_look(connection, ask, greeting, purpose, &owner).await;
        let (again, page) = looked?;
        let took = asked.elapsed();
        let run_id = greeting
            .run_id
            .clone()
            .filter(|id| Some(id) == again.as_ref());
        if run_id.is_none() && mark.is_none() && !purpose.trusts_restarts {
            mark = Some(mark_of_run(connection, page.owner.as_deref()).await?);
            continue;
        }
        quiet |= page.quiet;
        let run = run_of(run_id.as_deref(), greeting.role.as_ref());
        let believed = if purpose.trusts_restarts || off(Safeguard::RunId) {
            0
        } else {
            run
        };
        let birth = page.birth;
        if purpose.ledger.opened(believed, page) {
            return Ok(OpenedLedger {
                birth,
                quiet,
                run_id,
                run,
                took,
            });
        }
    }
}

/// The second round trip: the server's identity once more, its role, and the ledger.
async fn second_look(
    connection: &mut MultiplexedConnection,
    ask: &mut Ask,
    greeting: &Greeting,
    purpose: &Purpose<'_>,
    owner: &str,
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
        .arg(write_birth(random::number()))
        .arg(millis(LEDGER_LIFE))
        .arg(owner)
        .arg(if greeting.publishes { "" } else { QUIET });
    second.add_command(ledger);
    let mut answers = each(&mut second, connection).await?;
    let mut next = || answers.next().unwrap_or_else(|| Err(unnamed()));
    let (server, role, ledger) = (next(), next(), next());
    let again = role.ok().and_then(ServerRole::read);
    if again.is_none() {
        *ask = Ask::Nothing;
    }
    // A replica lags behind the removals that its master has acknowledged.
    let role = again.as_ref().or(greeting.role.as_ref());
    if role.is_some_and(|role| role.replica) {
        return Err(Fault::Disconnected(REPLICA.into()));
    }
    if greeting.role.is_some() && greeting.role != again {
        return Err(Fault::Disconnected(
            "its role changed while it was asked".into(),
        ));
    }
    let page = match ledger {
        Ok(members) => Page::read(members_of(members)?),
        Err(error) if is_wrong_type(&error) => {
            return Err(foreign_ledger(&purpose.ledger_name));
        }
        Err(error) if is_of_a_cluster(&error) && !purpose.target.is_cluster() => {
            return Err(cluster());
        }
        Err(error) => return Err(no_scripts(error)),
    };
    if page.birth.is_none() {
        return Err(foreign_ledger(&purpose.ledger_name));
    }
    Ok((run_id(server), page))
}

/// Where a user may not publish, nobody may rely on messages. The ledger is marked by now; whoever reads it later does not
/// subscribe. Whoever has subscribed before is counted here: a reader subscribes first, and then reads the ledger.
async fn without_messages(
    connection: &mut MultiplexedConnection,
    channel: &str,
    greeting: &mut Greeting,
) -> Result<(), Fault> {
    if std::mem::take(&mut greeting.subscribed) {
        match connection.unsubscribe(channel).await.map_err(fault) {
            // It then counts as one who relies on messages, which keeps those from Redis who may not publish.
            Err(Fault::Refused(_)) if greeting.publishes => {}
            Err(Fault::Refused(why)) => {
                return Err(Fault::Refused(format!(
                    "this user may not PUBLISH, and having subscribed, not UNSUBSCRIBE either ({why}): {NOT_USED}"
                )));
            }
            done => done?,
        }
    }
    greeting.pushes = false;
    if greeting.publishes {
        greeting.lacks.push(Lack::PublishOfOthers);
        return Ok(());
    }
    let mut count = redis::cmd("PUBSUB");
    count.arg("NUMSUB").arg(channel);
    let answer = count.query_async::<(String, u64)>(connection).await;
    let listeners = answer.map_err(|error| match fault(error) {
        Fault::Refused(why) => Fault::Refused(format!(
            "this user may not PUBLISH, and not ask by PUBSUB NUMSUB either whether other processes rely on that ({why}): {NOT_USED}"
        )),
        fault => fault,
    })?;
    match listeners {
        (_, 0) => Ok(()),
        (_, others) => Err(Fault::Refused(format!(
            "this user may not PUBLISH to `{channel}`, and other processes ({others}) rely on such messages, so they would keep what \
             this one removes: {NOT_USED}"
        ))),
    }
}

/// The digest of a script that a server has in its memory, but in no snapshot, and that is sent to no replica: the one that
/// the ledger names, if this server has it, or a new one. It stands for the run of a server that hides its run id.
async fn mark_of_run(
    connection: &mut MultiplexedConnection,
    named: Option<&str>,
) -> Result<String, Fault> {
    if let Some(digest) = named.filter(|digest| digest.len() == 40) {
        let mut exists = redis::cmd("SCRIPT");
        exists.arg("EXISTS").arg(digest);
        match exists.query_async::<Vec<bool>>(connection).await {
            Ok(known) if known == [true] => return Ok(digest.to_owned()),
            Err(error) if is_outage(&error) => return Err(fault(error)),
            // Refused, or another run of the server.
            _ => {}
        }
    }
    let mut load = redis::cmd("SCRIPT");
    load.arg("LOAD")
        .arg(format!("return '{}'", write_birth(random::number())));
    load.query_async(connection).await.map_err(no_scripts)
}

/// The fault of a server that does not run our scripts.
fn no_scripts(error: RedisError) -> Fault {
    match fault(error) {
        Fault::Refused(why) if is_forbidden(&why) => Fault::Refused(format!(
            "scripts are refused ({why}), and every store and removal is one: {NOT_USED}"
        )),
        fault => fault,
    }
}

/// True if the words mean that a command may not be used.
fn is_forbidden(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    ["noperm", "unknown command", "unknown subcommand"]
        .iter()
        .any(|word| why.contains(word))
}

/// How the text ends that tells why Redis is not used. `meaning` adds nothing to it.
const NOT_USED: &str = "Redis is not used until this is allowed";

/// What is published to see whether it is allowed.
const NO_MESSAGE: &str = "?";

/// The member of the ledger that says that a user may not publish.
const QUIET: &str = "q";

/// The run that the ledger has to belong to. Empty: to none.
fn owner_of_ledger(greeting: &Greeting, purpose: &Purpose<'_>) -> String {
    let run = run_of(greeting.run_id.as_deref(), greeting.role.as_ref());
    if run == 0 || purpose.trusts_restarts || !purpose.target.is_cluster() {
        return String::new();
    }
    write_birth(run)
}

fn run_of(run_id: Option<&str>, role: Option<&ServerRole>) -> u64 {
    run_id.map_or(0, |id| role.cloned().unwrap_or_default().reign(id))
}

async fn open(purpose: &Purpose<'_>, resp3: bool, on_push: OnPush) -> Result<Opened, RedisError> {
    let Purpose {
        target,
        login,
        timeout,
        ..
    } = *purpose;
    let info = target.resolve_as(login, timeout, resp3).await?;
    let signed_in = Arc::new(SignedIn::with(login.number));
    // We set the deadlines ourselves: one timer per call, whatever the number of its commands.
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(None);
    if let Some((wires, tag)) = target.shared_wires() {
        let receiver = PushReceiver {
            tag: &tag,
            epoch: purpose.epoch,
            on_push,
        };
        let opened = wires.open(&info, resp3, config, receiver, signed_in);
        let (wire, reused) = opened.await?;
        let (connection, signed_in) = (wire.connection.clone(), wire.signed_in.clone());
        let wire = Some((wire, reused));
        return Ok(Opened {
            connection,
            info,
            signed_in,
            wire,
        });
    }
    if resp3 {
        config = config.set_push_sender(
            move |push: redis::PushInfo| -> Result<(), std::convert::Infallible> {
                if let Some(incoming) = Incoming::read(&push) {
                    on_push(incoming.into_push());
                }
                Ok(())
            },
        );
    }
    let connection = redis::Client::open(info.clone())?
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    Ok(Opened {
        connection,
        info,
        signed_in,
        wire: None,
    })
}

/// A connection that other links use already. Its end may not have been noticed: unless the server answers, the connection is
/// retired when this is dropped, also if nobody waits for the answer any longer.
struct Reused(Option<Arc<Wire>>);

impl Reused {
    fn spare(mut self) {
        self.0 = None;
    }
}

impl Drop for Reused {
    fn drop(&mut self) {
        if let Some(wire) = &self.0 {
            wire.retire();
        }
    }
}

/// A connection on which nothing has been asked yet.
struct Opened {
    connection: MultiplexedConnection,
    info: ConnectionInfo,
    signed_in: Arc<SignedIn>,
    /// In a cluster: the connection that several links share, and whether others use it already.
    wire: Option<(Arc<Wire>, bool)>,
}
