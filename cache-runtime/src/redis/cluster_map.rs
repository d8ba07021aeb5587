//! The nodes of a Redis Cluster, as they describe themselves to the command-line tool: which master serves which slots, and
//! with them which buckets of keys.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use redis::{Value, from_redis_value};
use tokio::time::Instant;

use crate::redis::bucket::Bucket;
use crate::redis::connection::fault::Fault;
use crate::redis::connection::target::Target;
use crate::redis::console::Console;

/// How long other nodes may take to answer after the first one. They are asked as well, because a node that is cut off from
/// the others does not know the latest owners.
const OTHERS: Duration = Duration::from_millis(300);

/// Which master serves what.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClusterMap {
    /// In the order of their first slots.
    pub(crate) masters: Vec<Master>,
    /// Addresses of nodes that the others have given up, and whether each was a master. `None`: the node does not tell.
    pub(crate) given_up: Option<Vec<(String, bool)>>,
}

/// A master with slots.
#[derive(Clone, Debug)]
pub(crate) struct Master {
    /// Host and port.
    pub(crate) name: String,
    pub(crate) target: Target,
    pub(crate) slots: u64,
    /// The buckets of keys in these slots.
    pub(crate) buckets: Vec<Bucket>,
    /// Names and addresses of the replicas that are not known to be dead.
    pub(crate) replicas: Vec<(String, Target)>,
    ranges: Vec<(u16, u16)>,
    id: String,
}

impl ClusterMap {
    /// Asks these nodes at the same time. If they do not agree, the answer that most of them give counts.
    ///
    /// # Errors
    ///
    /// None of them answers with the masters; the error of the last one.
    pub(crate) async fn ask(nodes: &[Target], limit: Duration) -> Result<Self, Fault> {
        let mut asking: FuturesUnordered<_> = nodes
            .iter()
            .map(async |node| Self::of(&Console::open(node, limit).await?, node).await)
            .collect();
        let mut maps: Vec<Self> = Vec::new();
        let mut failed = Fault::Disconnected("no node of the cluster is named".into());
        let mut until = Instant::now() + 2 * limit;
        while let Ok(Some(answer)) = tokio::time::timeout_at(until, asking.next()).await {
            match answer {
                Ok(map) => {
                    until = until.min(Instant::now() + OTHERS);
                    maps.push(map);
                }
                Err(fault) => failed = fault,
            }
        }
        let agree = |map: &Self| maps.iter().filter(|other| other.agrees(map)).count();
        let most = maps.iter().max_by_key(|map| agree(map)).cloned();
        most.ok_or(failed)
    }

    /// Asks one node, over a connection to it.
    pub(crate) async fn of(console: &Console, node: &Target) -> Result<Self, Fault> {
        let words = |word: &str| vec![b"CLUSTER".to_vec(), word.as_bytes().to_vec()];
        let asked = [words("SLOTS"), words("NODES")];
        let mut answers = console.ask_all::<Value>(&asked).await?.into_iter();
        let slots = answers.next().transpose()?.unwrap_or(Value::Nil);
        let map = Self::read(slots, node).filter(|map| !map.masters.is_empty());
        let mut map = map.ok_or_else(|| {
            Fault::Disconnected("this node of a cluster knows no masters yet".into())
        })?;
        // Not every user may ask this. It only tells more about nodes that serve nothing.
        let nodes = answers.next().and_then(Result::ok);
        if let Some(text) = nodes.and_then(|text| from_redis_value::<String>(text).ok()) {
            map.read_nodes(&text, node);
        }
        Ok(map)
    }

    /// A line for each node: its id, `host:port@bus`, its flags, the id of its master, and more. The answer about slots lacks
    /// replicas that have received nothing yet.
    fn read_nodes(&mut self, text: &str, asked: &Target) {
        let mut given_up = Vec::new();
        for line in text.lines() {
            let mut words = line.split(' ').skip(1);
            let (address, flags, master) = (words.next(), words.next(), words.next());
            let address = address
                .unwrap_or_default()
                .split('@')
                .next()
                .unwrap_or_default();
            let flags: Vec<&str> = flags.unwrap_or_default().split(',').collect();
            if flags.contains(&"fail") {
                given_up.push((address.to_owned(), flags.contains(&"master")));
                continue;
            }
            let Some((host, port)) = address.rsplit_once(':') else {
                continue;
            };
            let of = self
                .masters
                .iter_mut()
                .find(|one| Some(one.id.as_str()) == master);
            let (Some(of), Ok(port)) = (of, port.parse()) else {
                continue;
            };
            let Some(target) = asked.other_node(Some(host.to_owned()), port) else {
                continue;
            };
            // The other answer may name it by its host name.
            let is_known = of
                .replicas
                .iter()
                .any(|(_, known)| known.host().map(|(_, port)| port) == Some(port));
            if !is_known {
                of.replicas.push((address.to_owned(), target));
            }
        }
        self.given_up = Some(given_up);
    }

    /// Arrays of first slot, last slot, master, replicas.
    fn read(answer: Value, asked: &Target) -> Option<Self> {
        let rows: Vec<Vec<Value>> = from_redis_value(answer).ok()?;
        let mut masters: BTreeMap<String, Master> = BTreeMap::new();
        for row in rows {
            let [first, last, nodes @ ..] = row.as_slice() else {
                return None;
            };
            let range: (u16, u16) = (
                from_redis_value(first.clone()).ok()?,
                from_redis_value(last.clone()).ok()?,
            );
            let nodes: Option<Vec<_>> = nodes.iter().map(|node| named(node, asked)).collect();
            let mut nodes = nodes?.into_iter();
            let (name, target, id) = nodes.next()?;
            let master = masters.entry(name.clone()).or_insert_with(|| Master {
                name,
                target,
                slots: 0,
                buckets: Vec::new(),
                replicas: nodes.map(|(name, target, _)| (name, target)).collect(),
                ranges: Vec::new(),
                id,
            });
            master.serves(range);
        }
        let mut masters: Vec<Master> = masters.into_values().collect();
        for master in &mut masters {
            master.ranges.sort_unstable();
        }
        masters.sort_by(|one, other| one.ranges.cmp(&other.ranges));
        Some(Self {
            masters,
            given_up: None,
        })
    }

    /// True if both name the same owners.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let owners = |map: &Self| -> Vec<(String, Vec<(u16, u16)>)> {
            let masters = map.masters.iter();
            masters
                .map(|master| (master.name.clone(), master.ranges.clone()))
                .collect()
        };
        owners(self) == owners(other)
    }

    /// The master that serves a bucket; `None` if nobody does.
    pub(crate) fn master_of(&self, bucket: Bucket) -> Option<&Master> {
        let mut masters = self.masters.iter();
        masters.find(|master| master.buckets.contains(&bucket))
    }

    /// How many slots a master serves.
    pub(crate) fn slots(&self) -> u64 {
        self.masters.iter().map(|master| master.slots).sum()
    }

    /// All masters as servers.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let masters = self.masters.iter();
        masters.map(|master| master.target.clone()).collect()
    }
}

impl Master {
    fn serves(&mut self, (first, last): (u16, u16)) {
        self.ranges.push((first, last));
        self.slots += u64::from(last.saturating_sub(first)) + 1;
        let within = Bucket::all().filter(|bucket| (first..=last).contains(&bucket.slot()));
        self.buckets.extend(within);
    }
}

/// A node of the answer: its name, its address, its id.
fn named(node: &Value, asked: &Target) -> Option<(String, Target, String)> {
    let fields: Vec<Value> = from_redis_value(node.clone()).ok()?;
    let [host, port, id, ..] = fields.as_slice() else {
        return None;
    };
    let host: Option<String> = from_redis_value(host.clone()).ok()?;
    let target = asked.other_node(host, from_redis_value(port.clone()).ok()?)?;
    let (host, port) = target.host()?;
    let id = from_redis_value(id.clone()).ok()?;
    Some((format!("{host}:{port}"), target, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(port: i64) -> Value {
        let host = Value::BulkString(b"10.0.0.3".to_vec());
        Value::Array(vec![
            host,
            Value::Int(port),
            Value::BulkString(b"id".to_vec()),
        ])
    }

    #[test]
    fn an_answer_gives_masters_in_the_order_of_their_slots_with_their_buckets() {
        let row = |first, last, nodes: &[i64]| {
            let slots = [Value::Int(first), Value::Int(last)];
            Value::Array(
                slots
                    .into_iter()
                    .chain(nodes.iter().map(|port| node(*port)))
                    .collect(),
            )
        };
        let answer = Value::Array(vec![
            row(8192, 16383, &[2]),
            row(0, 1023, &[1, 9]),
            row(2048, 8191, &[1, 9]),
        ]);
        let asked = Target::parse("REDIS_URL", "redis://u:hunter2@localhost").unwrap();
        let map = ClusterMap::read(answer, &asked).unwrap();
        let [one, two] = map.masters.as_slice() else {
            panic!("{map:?}");
        };
        assert_eq!(
            (one.name.as_str(), two.name.as_str()),
            ("10.0.0.3:1", "10.0.0.3:2")
        );
        assert_eq!(
            (one.slots, one.buckets.len(), one.replicas.len()),
            (7168, 7, 1)
        );
        assert_eq!(
            (two.slots, two.buckets.len(), two.replicas.len()),
            (8192, 8, 0)
        );
        let uncovered = Bucket::all().nth(1).unwrap();
        assert!(map.master_of(uncovered).is_none());
        assert!(!format!("{map:?}").contains("hunter2"));
    }
}
