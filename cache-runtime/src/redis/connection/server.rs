//! Identifies the server: whether it is a master, and from which run and promotion its data come.
//!
//! A server process that restarts has another `run_id`. A server that was demoted and promoted again keeps its
//! `run_id`, although its data came from another master meanwhile, which may have lost removals or made some that never
//! arrived. Only a promotion sets `master_replid2` (a random name of the history that it took over). `master_replid` is
//! not used: it also changes when the first replica attaches, and would make every cache cold just then. `run_id` and
//! `master_replid2` together identify a *reign*.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value, from_redis_value};
use xxhash_rust::xxh3::xxh3_64;

/// How to ask the server for its role, depending on what this user may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) enum Ask {
    Info,
    Role,
    Nothing,
}

impl Ask {
    pub(in crate::redis) fn command(self) -> Option<Cmd> {
        match self {
            Self::Info => Some(info("replication")),
            Self::Role => Some(redis::cmd("ROLE")),
            Self::Nothing => None,
        }
    }
}

/// The server's role, as the answer to [`Ask`] says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::redis) struct ServerRole {
    pub(in crate::redis) replica: bool,
    /// The history that this server's latest promotion took over.
    promotion: Option<String>,
}

impl ServerRole {
    /// Parses the answer. `None`: it is in no form that we know.
    pub(in crate::redis) fn read(answer: Value) -> Option<Self> {
        if let Value::Array(role) = answer {
            let role: String = from_redis_value(role.into_iter().next()?).ok()?;
            return Some(Self {
                replica: is_replica(&role),
                promotion: None,
            });
        }
        let info: String = from_redis_value(answer).ok()?;
        Some(Self {
            replica: is_replica(field(&info, "role")?),
            promotion: field(&info, "master_replid2")
                .filter(|id| id.bytes().any(|byte| byte != b'0'))
                .map(str::to_owned),
        })
    }

    /// Hash of the reign; part of the origin that entries and leases carry.
    pub(in crate::redis) fn reign(&self, run_id: &str) -> u64 {
        let reign = [run_id, self.promotion.as_deref().unwrap_or("")].concat();
        xxh3_64(reign.as_bytes()).max(1)
    }
}

pub(in crate::redis) fn info(section: &str) -> Cmd {
    let mut command = redis::cmd("INFO");
    command.arg(section);
    command
}

/// The server's run id. `None`: it is hidden.
pub(in crate::redis) fn run_id(answer: Result<Value, RedisError>) -> Option<String> {
    let info: String = from_redis_value(answer.ok()?).ok()?;
    field(&info, "run_id").map(str::to_owned)
}

/// Whether `SET` has the option `IFEQ`: since Redis 8.4 (<https://redis.io/docs/latest/commands/set/>) and Valkey 8.1
/// (<https://valkey.io/commands/set/>). Valkey also names the version of Redis that it is compatible with. `info`: the answer to
/// `INFO server`.
pub(in crate::redis) fn has_if_equal(info: &Result<Value, RedisError>) -> bool {
    let Some(info) = text(info) else {
        return false;
    };
    let (version, since) = match field(&info, "valkey_version") {
        Some(version) => (version, (8, 1)),
        None => (field(&info, "redis_version").unwrap_or_default(), (8, 4)),
    };
    major_and_minor(version).is_some_and(|version| version >= since)
}

/// The first two numbers of a version.
pub(crate) fn major_and_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The mode that an answer to `INFO server` names: `standalone`, `cluster` or `sentinel`. Valkey has another name for the
/// field than Redis.
pub(crate) fn mode(info: &str) -> Option<&str> {
    field(info, "redis_mode").or_else(|| field(info, "server_mode"))
}

/// Whether the server is a node of a cluster. `info`: its answer to `INFO server`. If that does not say it, the server is asked
/// for its slots, which a server without a cluster refuses, whatever its version.
pub(in crate::redis) async fn is_node(
    connection: &mut MultiplexedConnection,
    info: &Result<Value, RedisError>,
) -> bool {
    match says_cluster(info) {
        Some(says) => says,
        None => {
            let mut slots = redis::cmd("CLUSTER");
            slots.arg("SLOTS");
            slots.query_async::<Value>(connection).await.is_ok()
        }
    }
}

/// `None`: the answer does not say it.
fn says_cluster(answer: &Result<Value, RedisError>) -> Option<bool> {
    Some(mode(&text(answer)?)? == "cluster")
}

fn text(answer: &Result<Value, RedisError>) -> Option<String> {
    from_redis_value(answer.as_ref().ok()?.clone()).ok()
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

fn is_replica(role: &str) -> bool {
    matches!(role, "slave" | "replica")
}

#[cfg(test)]
mod tests {
    use redis::ErrorKind;

    use super::*;

    fn replicating(replid2: &str) -> ServerRole {
        let info = format!(
            "# Replication\r\nrole:master\r\nmaster_replid:4f55\r\nmaster_replid2:{replid2}\r\n"
        );
        ServerRole::read(Value::BulkString(info.into())).unwrap()
    }

    #[test]
    fn a_promotion_begins_a_reign_and_nothing_else_does() {
        let (never, once) = (replicating("0000"), replicating("62de"));
        assert_eq!(never.reign("run"), ServerRole::default().reign("run"));
        assert_ne!(never.reign("run"), once.reign("run"));
        assert_ne!(once.reign("run"), replicating("7d40").reign("run"));
        assert_ne!(once.reign("run"), once.reign("other"));
    }

    #[test]
    fn redis_and_valkey_say_whether_they_are_nodes_of_a_cluster() {
        let says = |info: &str| says_cluster(&Ok(Value::BulkString(info.into())));
        for name in ["redis_mode", "server_mode"] {
            let info = |mode| format!("# Server\r\n{name}:{mode}\r\nos:Linux\r\n");
            assert_eq!(says(&info("cluster")), Some(true));
            assert_eq!(says(&info("standalone")), Some(false));
        }
        assert_eq!(says("# Server\r\n"), None);
        assert_eq!(
            says_cluster(&Err(RedisError::from((ErrorKind::Io, "")))),
            None
        );
    }

    #[test]
    fn servers_with_the_option_ifeq_are_known_by_their_versions() {
        let has = |info: &str| has_if_equal(&Ok(Value::BulkString(info.into())));
        for (redis, expected) in [
            ("8.2.9", false),
            ("8.4.0", true),
            ("8.10.1", true),
            ("later", false),
        ] {
            assert_eq!(
                has(&format!("redis_version:{redis}\r\n")),
                expected,
                "{redis}"
            );
        }
        for (valkey, expected) in [("8.0.9", false), ("8.1.0", true), ("9.1.2", true)] {
            let info =
                format!("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:{valkey}\r\n");
            assert_eq!(has(&info), expected, "{valkey}");
        }
        assert!(!has("# Server\r\n"));
        assert!(!has_if_equal(&Err(RedisError::from((ErrorKind::Io, "")))));
    }

    #[test]
    fn roles_are_read_from_both_answers() {
        let role = |name: &str| Value::Array(vec![Value::BulkString(name.into()), Value::Int(0)]);
        assert!(ServerRole::read(role("slave")).unwrap().replica);
        assert!(!ServerRole::read(role("master")).unwrap().replica);
        assert!(!replicating("0").replica);
        assert_eq!(ServerRole::read(Value::BulkString("".into())), None);
    }
}
