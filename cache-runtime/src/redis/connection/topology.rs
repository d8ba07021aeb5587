//! Which node of a Redis Cluster serves which slot.

use std::collections::HashMap;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, Value, from_redis_value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::redis::connection::wire::Wires;

/// For how long the answer of a node is used for further connections. It only has to last while all buckets connect at
/// once: a node that no longer serves a slot says so.
const FRESH: Duration = Duration::from_millis(100);

/// How long a node may take to say who serves what, if another one can be asked.
const PATIENCE: Duration = Duration::from_millis(500);

/// Equal log lines within this time are written once.
const MOMENT: Duration = Duration::from_secs(1);

/// The nodes of a cluster, as they were named or found.
#[derive(Debug)]
pub(in crate::redis) struct Topology {
    /// The nodes that the configuration names.
    seeds: Vec<ConnectionAddr>,
    /// Locked while a node is asked, so that buckets that connect at the same time ask once.
    known: Mutex<Known>,
    pub(in crate::redis) wires: Wires,
    /// Log lines of the last moment.
    said: parking_lot::Mutex<HashMap<String, Instant>>,
}

#[derive(Debug, Default)]
struct Known {
    ranges: Vec<Range>,
    asked: Option<Instant>,
    /// The node that has answered, which is asked first the next time: others may be dead.
    answered: Option<ConnectionAddr>,
}

/// Slots and the master that serves them.
#[derive(Clone, Debug, PartialEq)]
struct Range {
    first: u16,
    last: u16,
    master: ConnectionAddr,
}

impl Topology {
    pub(in crate::redis) fn new(seeds: Vec<ConnectionAddr>) -> Self {
        Self {
            seeds,
            known: Mutex::default(),
            wires: Wires::default(),
            said: parking_lot::Mutex::default(),
        }
    }

    /// True if the line was not written within the last moment.
    pub(in crate::redis) fn is_news(&self, line: &str) -> bool {
        let mut said = self.said.lock();
        said.retain(|_, at| at.elapsed() < MOMENT);
        said.insert(line.to_owned(), Instant::now()).is_none()
    }

    pub(in crate::redis) fn seeds(&self) -> &[ConnectionAddr] {
        &self.seeds
    }

    /// The master that serves the slot now. `open` prepares a connection to a node, with the credentials.
    ///
    /// # Errors
    ///
    /// No node answers, or nobody serves the slot. The error of the last node that was asked.
    pub(in crate::redis) async fn master_of(
        &self,
        slot: u16,
        open: impl Fn(ConnectionAddr) -> Result<ConnectionInfo, RedisError>,
    ) -> Result<ConnectionAddr, RedisError> {
        let mut known = self.known.lock().await;
        if known.asked.is_none_or(|asked| asked.elapsed() >= FRESH) {
            let (ranges, answered) = self.ask(&known, open).await?;
            *known = Known {
                ranges,
                asked: Some(Instant::now()),
                answered: Some(answered),
            };
        }
        let serving = known
            .ranges
            .iter()
            .find(|range| (range.first..=range.last).contains(&slot));
        serving
            .map(|range| range.master.clone())
            .ok_or_else(|| (ErrorKind::Io, "no node of the cluster serves this slot").into())
    }

    async fn ask(
        &self,
        known: &Known,
        open: impl Fn(ConnectionAddr) -> Result<ConnectionInfo, RedisError>,
    ) -> Result<(Vec<Range>, ConnectionAddr), RedisError> {
        let mut nodes: Vec<&ConnectionAddr> = Vec::new();
        // The nodes that were found may be all that is left of those that were named.
        let masters = known.ranges.iter().map(|range| &range.master);
        for node in known.answered.iter().chain(masters).chain(&self.seeds) {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        let mut last = None;
        for node in nodes {
            let asking = async {
                let client = redis::Client::open(open(node.clone())?)?;
                let mut connection = client.get_multiplexed_async_connection().await?;
                let mut slots = redis::cmd("CLUSTER");
                slots.arg("SLOTS");
                slots.query_async::<Value>(&mut connection).await
            };
            match tokio::time::timeout(PATIENCE, asking).await {
                Ok(Ok(answer)) => match read(answer, node) {
                    Some(ranges) if !ranges.is_empty() => return Ok((ranges, node.clone())),
                    _ => last = Some((ErrorKind::Io, "a node knows no masters yet").into()),
                },
                Ok(Err(error)) => last = Some(error),
                Err(_) => last = Some((ErrorKind::Io, "a node did not answer in time").into()),
            }
        }
        Err(last.unwrap_or_else(|| (ErrorKind::Io, "no node of the cluster is named").into()))
    }
}

/// Parses the answer to `CLUSTER SLOTS` of a node: arrays of first slot, last slot, master, replicas.
fn read(answer: Value, asked: &ConnectionAddr) -> Option<Vec<Range>> {
    let rows: Vec<Vec<Value>> = from_redis_value(answer).ok()?;
    rows.into_iter()
        .map(|row| {
            let [first, last, master, ..] = row.as_slice() else {
                return None;
            };
            let master: Vec<Value> = from_redis_value(master.clone()).ok()?;
            let [host, port, ..] = master.as_slice() else {
                return None;
            };
            let host: Option<String> = from_redis_value(host.clone()).ok()?;
            Some(Range {
                first: from_redis_value(first.clone()).ok()?,
                last: from_redis_value(last.clone()).ok()?,
                master: beside(asked, host, from_redis_value(port.clone()).ok()?),
            })
        })
        .collect()
}

/// The address of a node as another one names it. A node that does not know its own host leaves it out, or names it `?`:
/// then it is the host that was asked.
fn beside(asked: &ConnectionAddr, host: Option<String>, port: u16) -> ConnectionAddr {
    let host = host.filter(|host| !host.is_empty() && host != "?");
    match asked {
        ConnectionAddr::TcpTls {
            host: own,
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host: host.unwrap_or_else(|| own.clone()),
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        ConnectionAddr::Tcp(own, _) => {
            ConnectionAddr::Tcp(host.unwrap_or_else(|| own.clone()), port)
        }
        _ => ConnectionAddr::Tcp(host.unwrap_or_else(|| "localhost".to_owned()), port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: Value, port: i64) -> Value {
        Value::Array(vec![
            host,
            Value::Int(port),
            Value::BulkString(b"id".to_vec()),
        ])
    }

    fn row(first: i64, last: i64, master: Value) -> Value {
        Value::Array(vec![Value::Int(first), Value::Int(last), master])
    }

    #[test]
    fn a_node_without_a_name_is_the_one_that_was_asked() {
        let asked = ConnectionAddr::Tcp("seed".to_owned(), 1);
        let named = Value::BulkString(b"other".to_vec());
        let answer = Value::Array(vec![
            row(0, 99, node(named, 7)),
            row(100, 199, node(Value::Nil, 8)),
            row(200, 299, node(Value::BulkString(Vec::new()), 9)),
            row(300, 399, node(Value::BulkString(b"?".to_vec()), 10)),
        ]);
        let masters: Vec<String> = read(answer, &asked)
            .unwrap()
            .into_iter()
            .map(|range| range.master.to_string())
            .collect();
        assert_eq!(masters, ["other:7", "seed:8", "seed:9", "seed:10"]);
    }

    #[test]
    fn what_is_no_answer_of_a_cluster_is_none() {
        let asked = ConnectionAddr::Tcp("seed".to_owned(), 1);
        for answer in [
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![Value::Array(vec![Value::Int(1), Value::Int(2)])]),
        ] {
            assert_eq!(read(answer, &asked), None);
        }
    }
}
