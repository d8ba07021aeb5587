//! What the nodes do at once when a command reaches them.

use super::protocol::Cluster;
use super::safeguard::Safeguard::SubscribeFirst;
use super::state::{Bucket, Message, Mode, Phase, Slot, State};

impl Bucket {
    /// What stands at the node: there, if it owns the bucket, or takes itself for the owner. Else it redirects.
    pub(crate) fn at(&self, node: u8) -> Option<Slot> {
        match self.deposed {
            _ if node == self.node => Some(self.slot),
            Some((deposed, slot)) if node == deposed => Some(slot),
            _ => None,
        }
    }
}

impl State {
    /// Changes what stands at the bucket's key, on a node that takes that for its own.
    pub(crate) fn change(&mut self, bucket: usize, node: u8, slot: Slot) {
        let here = &mut self.buckets[bucket];
        if node == here.node {
            here.slot = slot;
        } else if let Some((_, old)) = &mut here.deposed {
            *old = slot;
        }
        for process in &mut self.processes {
            let link = &mut process.links[bucket];
            if link.node == node && link.tracked {
                link.tracked = false;
                link.queue.push(Message::Changed);
            }
        }
    }

    /// `SPUBLISH`: what the node's own subscribers hear.
    pub(crate) fn publish(&mut self, cluster: &Cluster, bucket: usize, node: u8, push: Message) {
        for process in &mut self.processes {
            let link = &mut process.links[bucket];
            let hears = link.mode == Mode::Open || cluster.on(SubscribeFirst);
            if link.node == node && link.subscribed && hears {
                link.queue.push(push);
            }
        }
    }

    /// The process gives a connection up: what was sent on it has no outcome.
    pub(crate) fn hang_up(&mut self, cluster: &Cluster, process: usize, bucket: usize) {
        let link = &mut self.processes[process].links[bucket];
        (link.node, link.mode) = (0, Mode::Shut);
        (link.subscribed, link.tracked) = (false, false);
        link.queue.clear();
        for at in 0..self.readers.len() {
            let (of, its, _) = cluster.readers[at];
            let sent = matches!(
                self.readers[at].phase,
                Phase::Get | Phase::Plant | Phase::Waits
            );
            if (of, its) == (process, bucket) && sent {
                self.ends(at);
            }
        }
    }

    /// The node that a process takes for the owner of a bucket.
    pub(crate) fn believed(&self, process: usize, bucket: usize) -> u8 {
        match self.processes[process].links[bucket].node {
            0 => self.buckets[bucket].node,
            node => node,
        }
    }

    /// What the process has not told everybody shuts the keys that it covers.
    pub(crate) fn is_shut(&self, cluster: &Cluster, process: usize) -> bool {
        let waits = |at: usize| self.writers[at].queued && cluster.writers[at].0 == process;
        cluster.on(super::safeguard::Safeguard::Shut) && (0..self.writers.len()).any(waits)
    }
}
