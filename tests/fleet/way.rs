//! How a process reaches Redis: through a proxy to each server.

use std::time::Duration;

use cache_tests::{Fault, FaultProxy};

use crate::random::Random;

#[derive(Debug)]
pub(crate) struct Way {
    proxies: Vec<FaultProxy>,
    url: String,
}

impl Way {
    pub(crate) fn to_one(proxy: FaultProxy) -> Self {
        Self {
            url: proxy.url(),
            proxies: vec![proxy],
        }
    }

    /// The URL names all nodes, because any of them may be dead when a process starts.
    pub(crate) fn to_cluster(proxies: Vec<FaultProxy>) -> Self {
        let nodes: Vec<String> = proxies
            .iter()
            .map(|proxy| proxy.address().to_string())
            .collect();
        Self {
            url: format!("redis-cluster://{}", nodes.join(",")),
            proxies,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn proxies(&self) -> &[FaultProxy] {
        &self.proxies
    }

    pub(crate) fn set_round_trip(&self, round_trip: Duration) {
        for proxy in &self.proxies {
            proxy.set_round_trip(round_trip);
        }
    }

    /// What a fault concerns: the way to one server, or the ways to all of them.
    pub(crate) fn part(&self, random: &Random) -> &[FaultProxy] {
        let all = self.proxies.len();
        if random.percent(50) {
            return &self.proxies;
        }
        let one = random.below(all as u64) as usize;
        &self.proxies[one..=one]
    }

    /// Ends every fault.
    pub(crate) fn heal(&self) {
        for proxy in &self.proxies {
            proxy.set(Fault::Pass);
        }
    }
}
