//! The Redis of a run: one server, or a cluster of three masters with a replica each.

use std::net::Ipv4Addr;
use std::slice;
use std::str::FromStr;

use cache_tests::{FaultProxy, RedisCluster, RedisServer};

use crate::random::Random;
use crate::way::Way;

#[derive(Debug)]
pub(crate) enum Servers {
    One(Box<RedisServer>),
    Cluster(RedisCluster),
}

/// Which of them a plan wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerKind {
    One,
    Cluster,
}

impl ServerKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Cluster => "cluster",
        }
    }

    pub(crate) fn start(self) -> Servers {
        match self {
            Self::One => Servers::One(Box::new(RedisServer::builder().snapshots().start())),
            // Each process is to reach each node by a proxy of its own, so the nodes tell their ports only.
            Self::Cluster => Servers::Cluster(RedisCluster::start_with_replicas_as(
                &RedisServer::builder()
                    .snapshots()
                    .config("cluster-preferred-endpoint-type", "unknown-endpoint")
                    .config("cluster-replica-validity-factor", "0"),
            )),
        }
    }
}

impl FromStr for ServerKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::One, Self::Cluster]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or("one of one, cluster")
    }
}

impl Servers {
    pub(crate) fn nodes(&self) -> &[RedisServer] {
        match self {
            Self::One(server) => slice::from_ref(server),
            Self::Cluster(cluster) => cluster.nodes(),
        }
    }

    pub(crate) fn cluster(&self) -> Option<&RedisCluster> {
        match self {
            Self::One(_) => None,
            Self::Cluster(cluster) => Some(cluster),
        }
    }

    /// The way of the process at this place.
    pub(crate) fn way_from(&self, place: usize) -> Way {
        match self {
            Self::One(server) => Way::to_one(FaultProxy::in_front_of(server)),
            Self::Cluster(cluster) => {
                let last = u8::try_from(place + 10).expect("a fleet has few places");
                let host = Ipv4Addr::new(127, 0, 0, last);
                let nodes = cluster.nodes().iter();
                Way::to_cluster(nodes.map(|node| FaultProxy::beside(node, host)).collect())
            }
        }
    }

    /// A server that processes write to.
    pub(crate) fn any_master(&self, random: &Random) -> &RedisServer {
        match self {
            Self::One(server) => server,
            Self::Cluster(cluster) => {
                let masters = cluster.masters().into_iter().map(|master| (master, 1));
                let masters: Vec<_> = masters.collect();
                &cluster.nodes()[random.weighted(&masters).unwrap_or(0)]
            }
        }
    }
}
