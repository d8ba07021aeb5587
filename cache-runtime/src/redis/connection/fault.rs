//! Why an operation of Redis failed, and which of the client's errors are of which kind.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why an operation failed.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// No answer in time; whether it ran is unknown.
    TimedOut,
    /// The connection is gone, or the server says that it cannot serve now; whether it ran is unknown.
    Disconnected(String),
    /// The server answered with an error; it did not run.
    Refused(String),
    /// Redis was not asked: the caller is polled outside of a tokio runtime, where no timer can limit its wait.
    OutsideRuntime,
}

/// True for an error about a key's type. The error of a script contains that of its command.
pub(in crate::redis) fn is_wrong_type(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE") || brief(error).contains("WRONGTYPE")
}

/// True for an error that only a cluster node returns.
pub(in crate::redis) fn is_of_a_cluster(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, CrossSlot, Moved};
    matches!(
        error.kind(),
        ErrorKind::Server(Ask | ClusterDown | CrossSlot | Moved)
    )
}

/// The error for a server that is one node of a cluster.
pub(in crate::redis) fn cluster() -> Fault {
    Fault::Refused(
        "this server is a node of a Redis Cluster, and holds a part of the keys only; clusters are not supported yet: give the \
         URL of a server that is none"
            .into(),
    )
}

pub(in crate::redis) fn is_missing_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

pub(in crate::redis) fn speaks_only_resp2(error: &RedisError) -> bool {
    error.kind() == ErrorKind::RESP3NotSupported
        || error.code().is_some_and(|code| code == "NOPROTO")
        || error
            .to_string()
            .to_ascii_lowercase()
            .contains("unknown command 'hello'")
}

/// True for an outage, false for an answer that refuses the command.
pub(in crate::redis) fn is_outage(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse => true,
        ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | ReadOnly) => true,
        _ => error.is_unrecoverable_error(),
    }
}

pub(in crate::redis) fn fault(error: RedisError) -> Fault {
    if error.is_timeout() {
        Fault::TimedOut
    } else if is_outage(&error) {
        Fault::Disconnected(brief(&error))
    } else {
        Fault::Refused(brief(&error))
    }
}

pub(in crate::redis) fn unnamed() -> RedisError {
    (ErrorKind::Io, "no answer").into()
}

/// The server's or the system's error text in one line. It quotes no argument of ours but the user name: what follows
/// a command that the server does not know is cut off.
pub(in crate::redis) fn brief(error: &RedisError) -> String {
    let text = match error.code() {
        Some(code) => format!("{code} {}", error.detail().unwrap_or_default()),
        None => error.to_string(),
    };
    let line = text.lines().next().unwrap_or_default();
    line.split(", with args beginning with")
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
            Self::OutsideRuntime => f.write_str("polled outside of a tokio runtime"),
            Self::Disconnected(why) | Self::Refused(why) => f.write_str(why),
        }
    }
}
