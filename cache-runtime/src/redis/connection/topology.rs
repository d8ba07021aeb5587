//! Which node of a Redis Cluster serves which slot.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::select_ok;
use parking_lot::Mutex;
use redis::{ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, Value, from_redis_value};
use tokio::time::Instant;

use crate::redis::connection::wire::Wires;

/// For how long the answer of a node is used for further connections. It only has to last while all buckets connect at
/// once: a node that no longer serves a slot says so.
const FRESH: Duration = Duration::from_millis(100);

/// How long a bucket waits while another one asks. That one may belong to a runtime that stands still.
const TURN: Duration = Duration::from_millis(200);

/// How long a node may take to say who serves what.
const PATIENCE: Duration = Duration::from_millis(1000);

/// After this time without an answer, the next node is asked as well.
const NEXT: Duration = Duration::from_millis(50);

/// Equal log lines within this time are written once.
const MOMENT: Duration = Duration::from_secs(1);

/// The nodes of a cluster, as they were named or found.
#[derive(Debug)]
pub(in crate::redis) struct Topology {
    /// The nodes that the configuration names.
    seeds: Vec<ConnectionAddr>,
    known: Mutex<Known>,
    /// Held while nodes are asked, so that buckets that connect at the same time ask once.
    turn: tokio::sync::Mutex<()>,
    /// Counts the questions: each begins with another node, because the one that was asked may be cut off from the others,
    /// and not know it.
    asked: AtomicUsize,
    pub(in crate::redis) wires: Wires,
    /// Log lines of the last moment.
    said: Mutex<HashMap<String, Instant>>,
}

#[derive(Debug, Default)]
struct Known {
    ranges: Vec<Range>,
    asked: Option<Instant>,
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
            turn: tokio::sync::Mutex::default(),
            asked: AtomicUsize::new(0),
            said: Mutex::default(),
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

    /// The master that serves the slot now. `open` prepares a connection to a node, with the credentials and TLS files.
    ///
    /// # Errors
    ///
    /// No node answers, or nobody serves the slot. The error of the last node that was asked.
    pub(in crate::redis) async fn master_of(
        &self,
        slot: u16,
        open: impl Fn(ConnectionAddr) -> Result<ConnectionInfo, RedisError>,
    ) -> Result<ConnectionAddr, RedisError> {
        let _turn = tokio::time::timeout(TURN, self.turn.lock()).await;
        let is_fresh = {
            let known = self.known.lock();
            known.asked.is_some_and(|asked| asked.elapsed() < FRESH)
        };
        if !is_fresh {
            let ranges = self.ask(open).await?;
            *self.known.lock() = Known {
                ranges,
                asked: Some(Instant::now()),
            };
        }
        let known = self.known.lock();
        let mut ranges = known.ranges.iter();
        let serving = ranges.find(|range| (range.first..=range.last).contains(&slot));
        serving.map(|range| range.master.clone()).ok_or_else(|| {
            (
                ErrorKind::Io,
                "no node of the cluster serves the slot of these keys",
            )
                .into()
        })
    }

    /// The master that served the slot when the nodes were asked last.
    pub(in crate::redis) fn last_master_of(&self, slot: u16) -> Option<ConnectionAddr> {
        let known = self.known.lock();
        let mut ranges = known.ranges.iter();
        let serving = ranges.find(|range| (range.first..=range.last).contains(&slot));
        serving.map(|range| range.master.clone())
    }

    /// Asks the nodes, each a moment after the one before it, and takes the first good answer.
    async fn ask(
        &self,
        open: impl Fn(ConnectionAddr) -> Result<ConnectionInfo, RedisError>,
    ) -> Result<Vec<Range>, RedisError> {
        let open = &open;
        let asking = self.nodes().into_iter().enumerate().map(|(at, node)| {
            Box::pin(async move {
                tokio::time::sleep(NEXT * u32::try_from(at).unwrap_or(u32::MAX)).await;
                match tokio::time::timeout(PATIENCE, slots(&node, open)).await {
                    Ok(answer) => answer,
                    Err(_) => Err((ErrorKind::Io, "a node did not answer in time").into()),
                }
            })
        });
        let asking: Vec<_> = asking.collect();
        if asking.is_empty() {
            return Err((ErrorKind::Io, "no node of the cluster is named").into());
        }
        select_ok(asking).await.map(|(ranges, _)| ranges)
    }

    /// All nodes that were named or found, beginning with another one each time.
    fn nodes(&self) -> Vec<ConnectionAddr> {
        let mut nodes: Vec<ConnectionAddr> = Vec::new();
        let known = self.known.lock();
        // The nodes that were found may be all that is left of those that were named.
        let masters = known.ranges.iter().map(|range| &range.master);
        for node in masters.chain(&self.seeds) {
            if !nodes.contains(node) {
                nodes.push(node.clone());
            }
        }
        let first = self.asked.fetch_add(1, Relaxed) % nodes.len().max(1);
        nodes.rotate_left(first);
        nodes
    }
}

/// Asks one node.
async fn slots(
    node: &ConnectionAddr,
    open: impl Fn(ConnectionAddr) -> Result<ConnectionInfo, RedisError>,
) -> Result<Vec<Range>, RedisError> {
    let client = redis::Client::open(open(node.clone())?)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("SLOTS");
    let answer = slots.query_async::<Value>(&mut connection).await?;
    read(answer, node)
        .filter(|ranges| !ranges.is_empty())
        .ok_or_else(|| (ErrorKind::Io, "a node of the cluster knows no masters yet").into())
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
pub(in crate::redis) fn beside(
    asked: &ConnectionAddr,
    host: Option<String>,
    port: u16,
) -> ConnectionAddr {
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
