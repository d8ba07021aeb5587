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

impl Fault {
    /// True if the server is a node of a cluster, but is used as a single server.
    pub(in crate::redis) fn is_a_cluster(&self) -> bool {
        matches!(self, Self::Refused(why) if why == CLUSTER)
    }

    /// True if Redis does not accept the user and the password, or does not allow this user what the cache needs.
    pub(in crate::redis) fn is_about_the_login(&self) -> bool {
        matches!(self, Self::Refused(why) if LOGIN_CODES.iter().any(|code| why.starts_with(code)))
    }

    /// True if another node of a cluster serves the slot now, or will soon. It says nothing about the connection.
    pub(crate) fn is_of_a_slot(&self) -> bool {
        matches!(self, Self::Disconnected(why) if is_about_a_slot(why))
    }
}

/// The same for the error's text.
pub(in crate::redis) fn is_about_a_slot(why: &str) -> bool {
    SLOT_CODES.iter().any(|code| why.starts_with(code))
}

const CLUSTER: &str = "this server is a node of a Redis Cluster, and holds a part of the keys only";

/// Error codes that depend on the user and the password; the last one is the client's own, for a server that speaks RESP2.
const LOGIN_CODES: [&str; 4] = [
    "WRONGPASS",
    "NOAUTH",
    "NOPERM",
    "Password authentication failed",
];

/// Error codes of a node that does not serve a slot, or not all of it.
const SLOT_CODES: [&str; 4] = ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"];

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
    Fault::Refused(CLUSTER.into())
}

pub(in crate::redis) fn is_missing_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

pub(in crate::redis) fn speaks_only_resp2(error: &RedisError) -> bool {
    let text = error.to_string().to_ascii_lowercase();
    error.kind() == ErrorKind::RESP3NotSupported
        || error.code().is_some_and(|code| code == "NOPROTO")
        || text.contains("unknown command 'hello'")
        // An ACL of Redis 6.2 can forbid the command.
        || (text.contains("noperm") && text.contains("'hello'"))
}

/// True for an outage, false for an answer that refuses the command.
pub(in crate::redis) fn is_outage(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly, TryAgain};
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse => true,
        ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | ReadOnly) => true,
        // In a cluster: another node serves the slot now, or will soon.
        ErrorKind::Server(Ask | Moved | TryAgain) => true,
        ErrorKind::AuthenticationFailed => false,
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
    (ErrorKind::Io, "the reply is missing").into()
}

/// The error for what cannot work until somebody corrects it. [`brief`] returns the text as it is.
pub(in crate::redis) fn refused(text: String) -> RedisError {
    (ErrorKind::InvalidClientConfig, "refused", text).into()
}

/// The server's or the system's error text in one line. It quotes no argument of ours but the user name: what follows
/// a command that the server does not know is cut off.
pub(in crate::redis) fn brief(error: &RedisError) -> String {
    let text = match (error.code(), error.kind(), error.detail()) {
        (Some(code), _, detail) => format!("{code} {}", detail.unwrap_or_default()),
        (None, ErrorKind::InvalidClientConfig, Some(detail)) => detail.to_owned(),
        _ => error.to_string(),
    };
    let line = text.lines().next().unwrap_or_default();
    line.split(", with args beginning with")
        .next()
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect()
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimedOut => f.write_str("Redis did not answer in time"),
            Self::OutsideRuntime => f.write_str("the call is polled outside of a tokio runtime"),
            Self::Disconnected(why) | Self::Refused(why) => f.write_str(why),
        }
    }
}
