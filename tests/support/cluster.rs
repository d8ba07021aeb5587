//! A Redis Cluster of three masters, with or without a replica for each.

use std::thread;
use std::time::{Duration, Instant};

use crate::eventually::wait_until;
use crate::redis_builder::RedisBuilder;
use crate::redis_server::RedisServer;

/// How long the nodes may take to agree.
const PATIENCE: Duration = Duration::from_secs(40);

/// Lets the replicas of a node take over from it. Nodes start without this, because on a busy machine a master may seem dead
/// before its replica follows it.
const MAY_FAIL_OVER: [&str; 4] = ["CONFIG", "SET", "cluster-replica-no-failover", "no"];

const SLOTS: usize = 16_384;
const NODES: usize = 3;

/// Three masters, a third of the slots each, and their replicas if asked for. All of them are killed with this handle.
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
        Self::with(NODES, &RedisServer::builder())
    }

    /// The same with other settings for each node.
    ///
    /// # Panics
    ///
    /// If they do not come together.
    #[must_use]
    #[track_caller]
    pub fn start_with(settings: &RedisBuilder) -> Self {
        Self::with(NODES, settings)
    }

    /// The same with a replica for each master: node 3 follows node 0, and so on.
    ///
    /// # Panics
    ///
    /// If they do not come together.
    #[must_use]
    #[track_caller]
    pub fn start_with_replicas() -> Self {
        Self::start_with_replicas_as(&RedisServer::builder())
    }

    /// The same, with further settings for each node.
    ///
    /// # Panics
    ///
    /// If they do not come together.
    #[must_use]
    #[track_caller]
    pub fn start_with_replicas_as(settings: &RedisBuilder) -> Self {
        let cluster = Self::with(2 * NODES, settings);
        for (replica, master) in cluster.nodes[NODES..].iter().zip(&cluster.nodes) {
            let master = master.cli(&["CLUSTER", "MYID"]).str().to_owned();
            wait_until(PATIENCE, "a replica to know its master", || {
                let reply = replica.try_cli(&["CLUSTER", "REPLICATE", &master]).ok()?;
                reply.error().is_none().then_some(())
            });
        }
        for replica in &cluster.nodes[NODES..] {
            wait_until(PATIENCE, "a replica that follows", || {
                let info = replica.cli(&["INFO", "replication"]);
                info.str().contains("master_link_status:up").then_some(())
            });
        }
        for node in &cluster.nodes {
            node.cli(&MAY_FAIL_OVER);
        }
        cluster
    }

    #[track_caller]
    fn with(size: usize, settings: &RedisBuilder) -> Self {
        let nodes: Vec<_> = (0..size)
            .map(|_| {
                settings
                    .clone()
                    .node()
                    // Slots of a dead node are refused after this long, and served again as
                    // soon after its return.
                    .config("cluster-node-timeout", "2000")
                    // The slots of the other nodes are served meanwhile.
                    .config("cluster-require-full-coverage", "no")
                    .config("repl-diskless-sync-delay", "0")
                    // On a busy machine a master may seem dead before its replica follows it.
                    .config("cluster-replica-no-failover", "yes")
                    .config("enable-debug-command", "yes")
                    .start()
            })
            .collect();
        for (index, node) in nodes.iter().enumerate() {
            // Epochs that differ from the start spare the nodes the argument about them.
            node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            if index >= NODES {
                continue;
            }
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
        &self.nodes[owner(usize::from(self.slot_of(key)))]
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
        let started = Instant::now();
        while !self.nodes.iter().all(|node| is_ok(node, self.nodes.len())) {
            let waited = started.elapsed();
            assert!(
                waited < PATIENCE,
                "after {PATIENCE:?} the nodes do not agree on a cluster that is whole:\n{}",
                self.views()
            );
            if waited > PATIENCE / 4 {
                self.end_moves();
                thread::sleep(Duration::from_secs(1));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends moves of slots that a node has not seen the end of, as `redis-cli --cluster fix` does. If a node takes another
    /// for dead in the midst of a move, it can believe for ever that the slot is still moving.
    fn end_moves(&self) {
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            for slot in moving(node) {
                let _ = node.try_cli(&["CLUSTER", "SETSLOT", &slot, "STABLE"]);
            }
        }
    }

    /// Starts a node that was killed, and lets it take over from a master again, as the others may.
    pub fn restart(&self, node: &RedisServer) {
        node.restart();
        node.cli(&MAY_FAIL_OVER);
    }

    /// What each node says of itself and of the others.
    fn views(&self) -> String {
        let view = |node: &RedisServer| {
            let asked = ["INFO", "NODES"].map(|about| node.try_cli(&["CLUSTER", about]));
            let said =
                asked.map(|reply| reply.map_or_else(|e| e.to_string(), |r| r.str().to_owned()));
            format!("node {}\n{}", node.port(), said.join("\n"))
        };
        self.nodes.iter().map(view).collect::<Vec<_>>().join("\n\n")
    }

    /// The slot of a key.
    #[must_use]
    #[track_caller]
    pub fn slot_of(&self, key: &str) -> u16 {
        let slot = self.alive().cli(&["CLUSTER", "KEYSLOT", key]).int();
        u16::try_from(slot).expect("a slot")
    }

    /// The node that serves a slot now, as most living nodes see it. `None` while there is none.
    #[must_use]
    pub fn serving(&self, slot: u16) -> Option<&RedisServer> {
        let living = self.nodes.iter().filter(|node| node.is_running());
        let seen: Vec<u16> = living.filter_map(|node| master_of(node, slot)).collect();
        let most = seen
            .iter()
            .max_by_key(|port| seen.iter().filter(|other| other == port).count())?;
        let node = self.nodes.iter().find(|node| node.port() == *most)?;
        (node.is_running() && master_of(node, slot) == Some(*most)).then_some(node)
    }

    /// Moves a slot with all its keys to the node of that index, as `redis-cli --cluster reshard` does. Other commands run
    /// meanwhile.
    ///
    /// # Panics
    ///
    /// If a node refuses a step.
    #[track_caller]
    pub fn move_slot(&self, slot: u16, to: usize) {
        let source = self.serving(slot).expect("somebody serves the slot");
        let target = &self.nodes[to];
        if source.port() == target.port() {
            return;
        }
        let id = |node: &RedisServer| node.cli(&["CLUSTER", "MYID"]).str().to_owned();
        let (from, into, text) = (id(source), id(target), slot.to_string());
        target.cli(&["CLUSTER", "SETSLOT", &text, "IMPORTING", &from]);
        source.cli(&["CLUSTER", "SETSLOT", &text, "MIGRATING", &into]);
        loop {
            let keys = source
                .cli(&["CLUSTER", "GETKEYSINSLOT", &text, "10"])
                .strings();
            if keys.is_empty() {
                break;
            }
            let port = target.port().to_string();
            let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000"];
            let mut named = vec!["KEYS"];
            named.extend(keys.iter().map(String::as_str));
            // On a busy machine a node takes others for dead and refuses keys, or answers too late. Then a key can be on
            // both, and the source, which still serves it, has the newer value.
            let moved = wait_until(PATIENCE, "the new owner to take the keys", || {
                let moved = source.try_cli(&[&migrate[..], &named[..]].concat());
                migrate.truncate(6);
                migrate.push("REPLACE");
                let again = |why: &str| why.contains("CLUSTERDOWN") || why.starts_with("IOERR");
                moved.ok().filter(|moved| !moved.error().is_some_and(again))
            });
            assert_eq!(moved.error(), None, "{migrate:?} {named:?}");
        }
        target.cli(&["CLUSTER", "SETSLOT", &text, "NODE", &into]);
        source.cli(&["CLUSTER", "SETSLOT", &text, "NODE", &into]);
        // The next move must not begin while some node still believes the earlier owner.
        let mut repeat = Instant::now() + PATIENCE / 4;
        wait_until(PATIENCE, "all nodes to know the new owner", || {
            let living = || self.nodes.iter().filter(|node| node.is_running());
            let knows = |node: &RedisServer| master_of(node, slot) == Some(target.port());
            if Instant::now() > repeat {
                // An election at the same moment can outbid the new owner's claim; replicas refuse, and follow their masters.
                for node in living().filter(|node| !knows(node)) {
                    let _ = node.try_cli(&["CLUSTER", "SETSLOT", &text, "NODE", &into]);
                }
                repeat = Instant::now() + Duration::from_secs(1);
            }
            living().all(knows).then_some(())
        });
    }

    /// The indices of the nodes that serve as masters, as they say themselves.
    #[must_use]
    pub fn masters(&self) -> Vec<usize> {
        let serves = |index: &usize| role_of(&self.nodes[*index]).as_deref() == Some("master");
        (0..self.nodes.len()).filter(serves).collect()
    }

    /// Lets a replica take over from the master of a slot, which agrees to it: `CLUSTER FAILOVER`. False if there is no
    /// replica, or it does not take over in time.
    #[must_use]
    pub fn fail_over(&self, slot: u16) -> bool {
        let Some(master) = self.serving(slot) else {
            return false;
        };
        let port = i64::from(master.port());
        let follows = |node: &&RedisServer| {
            let role = node.try_cli(&["ROLE"]).ok();
            role.is_some_and(|role| {
                let role = role.array();
                role[0].str() == "slave" && role[2].int() == port
            })
        };
        let Some(replica) = self.nodes.iter().find(follows) else {
            return false;
        };
        let asked = replica.try_cli(&["CLUSTER", "FAILOVER"]);
        asked.is_ok_and(|reply| reply.error().is_none())
            && self.await_other_master(slot, master.port())
    }

    /// Waits until another node than the one with that port serves the slot. False if that takes too long.
    #[must_use]
    pub fn await_other_master(&self, slot: u16, port: u16) -> bool {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if self.serving(slot).is_some_and(|node| node.port() != port) {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    fn alive(&self) -> &RedisServer {
        let mut nodes = self.nodes.iter();
        nodes
            .find(|node| node.is_running())
            .expect("a node that runs")
    }
}

/// The slots that a node believes to be moving to it or away from it.
fn moving(node: &RedisServer) -> Vec<String> {
    let Ok(nodes) = node.try_cli(&["CLUSTER", "NODES"]) else {
        return Vec::new();
    };
    let words = nodes.str().split_whitespace();
    let of_slot = |word: &str| Some(word.strip_prefix('[')?.split_once('-')?.0.to_owned());
    words.filter_map(of_slot).collect()
}

/// The port of the master that serves the slot, in the eyes of a node.
fn master_of(node: &RedisServer, slot: u16) -> Option<u16> {
    let slots = node.try_cli(&["CLUSTER", "SLOTS"]).ok()?;
    let range = slots.array().iter().find(|range| {
        let range = range.array();
        (range[0].int()..=range[1].int()).contains(&i64::from(slot))
    })?;
    u16::try_from(range.array()[2].array()[1].int()).ok()
}

fn role_of(node: &RedisServer) -> Option<String> {
    let role = node.try_cli(&["ROLE"]).ok()?;
    Some(role.array().first()?.str().to_owned())
}

fn is_ok(node: &RedisServer, nodes: usize) -> bool {
    let info = node.cli(&["CLUSTER", "INFO"]);
    let info = info.str();
    let known = format!("cluster_known_nodes:{nodes}");
    [
        "cluster_state:ok",
        "cluster_slots_ok:16384",
        &known,
        "cluster_size:3",
    ]
    .iter()
    .all(|line| info.lines().any(|have| have == *line))
}

/// Which node a slot belongs to.
fn owner(slot: usize) -> usize {
    slot * NODES / SLOTS
}
