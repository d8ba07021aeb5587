//! A Redis Cluster of three masters.

use std::time::Duration;

use crate::eventually::wait_until;
use crate::redis_server::RedisServer;

/// How long the nodes may take to agree.
const PATIENCE: Duration = Duration::from_secs(40);

const SLOTS: usize = 16_384;
const NODES: usize = 3;

/// Three masters, a third of the slots each, all of them killed with this handle.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts the nodes, shares out the slots and waits until every node says that all is well.
    ///
    /// # Panics
    ///
    /// If they do not come together.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let nodes: Vec<_> = (0..NODES)
            .map(|_| {
                RedisServer::builder()
                    .config("cluster-enabled", "yes")
                    .config("cluster-config-file", "nodes.conf")
                    // Slots of a dead node are refused after this long, and served again as
                    // soon after its return.
                    .config("cluster-node-timeout", "2000")
                    .start()
            })
            .collect();
        for (index, node) in nodes.iter().enumerate() {
            // Epochs that differ from the start spare the nodes the argument about them.
            node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            let mut assign = vec!["CLUSTER".to_owned(), "ADDSLOTS".to_owned()];
            assign.extend(
                (0..SLOTS)
                    .filter(|slot| owner(*slot) == index)
                    .map(|slot| slot.to_string()),
            );
            node.cli(&assign);
        }
        for node in &nodes[1..] {
            nodes[0].cli(&["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string()]);
        }
        let cluster = Self { nodes };
        cluster.await_ok();
        cluster
    }

    /// The nodes, by the order of their slots.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// One URL a node.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// The node that holds a key.
    #[must_use]
    #[track_caller]
    pub fn node_of(&self, key: &str) -> &RedisServer {
        // Any node can tell, so ask one that is alive.
        let alive = self
            .nodes
            .iter()
            .find(|node| node.is_running())
            .expect("a node that runs");
        let slot = alive.cli(&["CLUSTER", "KEYSLOT", key]).int();
        &self.nodes[owner(usize::try_from(slot).expect("a slot"))]
    }

    /// All keys of all nodes, sorted.
    #[must_use]
    #[track_caller]
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.nodes.iter().flat_map(RedisServer::keys).collect();
        keys.sort();
        keys
    }

    /// Waits until every node sees all the others and serves all slots: after the return of one,
    /// for example.
    ///
    /// # Panics
    ///
    /// If it takes too long.
    #[track_caller]
    pub fn await_ok(&self) {
        wait_until(PATIENCE, "cluster_state:ok on every node", || {
            self.nodes.iter().all(is_ok).then_some(())
        });
    }
}

fn is_ok(node: &RedisServer) -> bool {
    let info = node.cli(&["CLUSTER", "INFO"]);
    let info = info.str();
    [
        "cluster_state:ok",
        "cluster_slots_ok:16384",
        "cluster_known_nodes:3",
        "cluster_size:3",
    ]
    .iter()
    .all(|line| info.lines().any(|have| have == *line))
}

/// Which node a slot belongs to.
fn owner(slot: usize) -> usize {
    slot * NODES / SLOTS
}
