//! A plain connection for the command-line tool. It sends what it is told to, writes nothing by itself, and needs neither
//! the ledger nor the scripts.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::from_redis_value;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, PushInfo, PushKind, RedisError, Value};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::redis::connection::fault::{Fault, fault, refused, speaks_only_resp2};
use crate::redis::connection::server::mode;
use crate::redis::connection::target::Target;

/// A plain connection, which sends one command at a time.
#[derive(Clone)]
pub(crate) struct Console {
    connection: MultiplexedConnection,
    limit: Duration,
    /// The server speaks RESP3, which pushes need.
    pub(crate) resp3: bool,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("resp3", &self.resp3)
            .finish_non_exhaustive()
    }
}

/// A push of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// This key changed.
    Changed(Vec<u8>),
    /// A message of a channel.
    Message(Vec<u8>),
}

impl Console {
    /// Connects and authenticates, as the runtime does. `limit`: for the connection, and for each answer later.
    pub(crate) async fn open(target: &Target, limit: Duration) -> Result<Self, Fault> {
        let (console, _) = Self::open_listening(target, limit).await?;
        Ok(console)
    }

    /// Like [`Console::open`], with the pushes that the connection receives.
    pub(crate) async fn open_listening(
        target: &Target,
        limit: Duration,
    ) -> Result<(Self, UnboundedReceiver<Told>), Fault> {
        let (told, pushes) = unbounded_channel();
        let (connection, resp3) = match within(limit, connect(target, limit, true, &told)).await {
            Ok(connection) => (connection, true),
            Err(Failed::Error(error)) if speaks_only_resp2(&error) => {
                let connecting = connect(target, limit, false, &told);
                (within(limit, connecting).await.map_err(Fault::from)?, false)
            }
            Err(failed) => return Err(failed.into()),
        };
        let console = Self {
            connection,
            limit,
            resp3,
        };
        Ok((console, pushes))
    }

    /// Connects to one of the target's sentinels, as the runtime does.
    pub(crate) async fn open_sentinel(
        target: &Target,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> Result<Self, Fault> {
        let connecting = async {
            let sentinels = target.as_sentinels();
            let sentinels = sentinels.ok_or_else(|| refused("no sentinel is named".to_owned()))?;
            let (params, issued) = (sentinels.files.load().await?, sentinels.issue(limit).await?);
            sentinels.connect(host, port, &params, &issued).await
        };
        Ok(Self {
            connection: within(limit, connecting).await.map_err(Fault::from)?,
            limit,
            resp3: false,
        })
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        words: &[impl AsRef<[u8]>],
    ) -> Result<T, Fault> {
        let command = command(words);
        let mut connection = self.connection.clone();
        let asking = command.query_async(&mut connection);
        within(self.limit, asking).await.map_err(Fault::from)
    }

    /// Sends several commands together. Each has an answer of its own.
    pub(crate) async fn ask_all<T: FromRedisValue>(
        &self,
        commands: &[Vec<Vec<u8>>],
    ) -> Result<Vec<Result<T, Fault>>, Fault> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for words in commands {
            pipeline.add_command(command(words));
        }
        let mut connection = self.connection.clone();
        let asking = pipeline.ignore_errors().query_async(&mut connection);
        let answers: Vec<Result<Value, RedisError>> =
            within(self.limit, asking).await.map_err(Fault::from)?;
        Ok(answers
            .into_iter()
            .map(|answer| {
                answer
                    .and_then(|value| from_redis_value(value).map_err(RedisError::from))
                    .map_err(fault)
            })
            .collect())
    }

    /// Whether the server is a node of a Redis Cluster. Where `INFO` does not say it, a command does that only nodes execute.
    pub(crate) async fn is_of_a_cluster(&self) -> Result<bool, Fault> {
        let says = match self.ask::<String>(&["INFO", "server"]).await {
            Ok(info) => mode(&info).map(|mode| mode == "cluster"),
            Err(Fault::Refused(_)) => None,
            Err(fault) => return Err(fault),
        };
        Ok(match says {
            Some(says) => says,
            None => self.ask::<Value>(&["CLUSTER", "SLOTS"]).await.is_ok(),
        })
    }

    /// Subscribes this connection to a channel.
    pub(crate) async fn subscribe(&self, channel: &str) -> Result<(), Fault> {
        let mut connection = self.connection.clone();
        within(self.limit, connection.subscribe(channel))
            .await
            .map_err(Fault::from)
    }

    /// Ends the subscription.
    pub(crate) async fn unsubscribe(&self, channel: &str) -> Result<(), Fault> {
        let mut connection = self.connection.clone();
        within(self.limit, connection.unsubscribe(channel))
            .await
            .map_err(Fault::from)
    }
}

async fn connect(
    target: &Target,
    limit: Duration,
    resp3: bool,
    told: &UnboundedSender<Told>,
) -> Result<MultiplexedConnection, RedisError> {
    let info = target.resolve(limit, resp3).await?;
    let mut config = untimed();
    if resp3 {
        let told = told.clone();
        config = config.set_push_sender(move |push: PushInfo| -> Result<(), Infallible> {
            for push in understood(push) {
                // Nobody listens any more: then nobody misses it.
                let _ = told.send(push);
            }
            Ok(())
        });
    }
    redis::Client::open(info)?
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

/// Without limits of the client's own: [`within`] sets them.
fn untimed() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
}

fn command(words: &[impl AsRef<[u8]>]) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word.as_ref());
    }
    command
}

fn understood(push: PushInfo) -> Vec<Told> {
    let bytes = |value: &Value| match value {
        Value::BulkString(bytes) => Some(bytes.clone()),
        Value::SimpleString(text) => Some(text.clone().into_bytes()),
        _ => None,
    };
    match (push.kind, &push.data[..]) {
        (PushKind::Invalidate, [Value::Array(keys), ..]) => {
            keys.iter().filter_map(bytes).map(Told::Changed).collect()
        }
        (PushKind::Message, [_, payload, ..]) => {
            bytes(payload).map(Told::Message).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Why an operation of a console failed.
enum Failed {
    Late,
    Error(RedisError),
}

impl From<Failed> for Fault {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Late => Self::TimedOut,
            Failed::Error(error) => fault(error),
        }
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, Failed> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(Failed::Error),
        Err(_) => Err(Failed::Late),
    }
}
