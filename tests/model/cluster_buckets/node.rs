//! What the nodes do at once when a command reaches them.

use super::protocol::Cluster;
use super::safeguard::Safeguard::{FollowNothing, Shut};
use super::state::{Data, Ledger, Message, Mode, Part, Phase, Slot, State};

/// What a node answers to a command on a key of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Runs,
    /// The key is not here, and the slot is moving.
    Ask,
    /// The slot is not here.
    Moved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Ledger,
    Entry,
}

impl State {
    pub(crate) fn reach(&self, bucket: usize, node: u8, key: Key) -> Answer {
        let here = &self.buckets[bucket];
        if node == here.owner {
            let there = match key {
                Key::Ledger => here.data.ledger.birth != 0,
                Key::Entry => here.data.slot != Slot::Empty,
            };
            return match here.moved {
                Some(_) if !there => Answer::Ask,
                _ => Answer::Runs,
            };
        }
        match here.deposed {
            Some((deposed, _)) if deposed == node => Answer::Runs,
            _ => Answer::Moved,
        }
    }

    /// The same, where `ASK` may lead to the node that imports the slot. (It does not, in the protocol.)
    pub(crate) fn follow(
        &self,
        cluster: &Cluster,
        bucket: usize,
        node: u8,
        key: Key,
    ) -> Option<u8> {
        match self.reach(bucket, node, key) {
            Answer::Runs => Some(node),
            Answer::Ask if !cluster.on(FollowNothing) => Some(self.buckets[bucket].other),
            _ => None,
        }
    }

    pub(crate) fn data(&mut self, bucket: usize, node: u8) -> &mut Data {
        let here = &mut self.buckets[bucket];
        match (&mut here.deposed, &mut here.moved) {
            (Some((deposed, data)), _) if *deposed == node => data,
            (_, Some(moved)) if node == here.other => moved,
            _ => &mut here.data,
        }
    }

    /// Changes what stands at the bucket's key on a node.
    pub(crate) fn change(&mut self, bucket: usize, node: u8, slot: Slot) {
        self.data(bucket, node).slot = slot;
        self.changed(bucket, node);
    }

    /// Pushes to those who have read the key at the node.
    pub(crate) fn changed(&mut self, bucket: usize, node: u8) {
        for process in &mut self.processes {
            let link = &mut process.links[bucket];
            if link.node == node && link.tracked {
                link.tracked = false;
                link.queue.push(Message::Changed);
            }
        }
    }

    /// Where a node has no ledger, one is born. True: it has just been born.
    pub(crate) fn ledger(&mut self, cluster: &Cluster, bucket: usize, node: u8) -> bool {
        let run = if cluster.born_for_one_run { node } else { 0 };
        let ledger = self.data(bucket, node).ledger;
        if ledger.birth != 0 && ledger.run == run {
            return false;
        }
        self.buckets[bucket].births += 1;
        let birth = self.buckets[bucket].births;
        self.data(bucket, node).ledger = Ledger {
            birth,
            run,
            ..Ledger::default()
        };
        true
    }

    /// `PUBLISH`: the node's own subscribers hear it at once; a copy for the others is on the bus.
    pub(crate) fn publish(&mut self, cluster: &Cluster, bucket: usize, node: u8, push: Message) {
        self.deliver(cluster, bucket, node, push);
        if self.left.late > 0 {
            self.bus.push((bucket, node, push));
        }
    }

    /// A message reaches the subscribers of a node.
    pub(crate) fn deliver(&mut self, cluster: &Cluster, bucket: usize, node: u8, push: Message) {
        for (at, process) in self.processes.iter_mut().enumerate() {
            let link = &mut process.links[bucket];
            if link.node == node && link.subscribed && cluster.hears(at, bucket) {
                link.queue.push(push);
            }
        }
    }

    /// The process gives a link up: what was sent on it has no known outcome. (A store may still run.)
    pub(crate) fn hang_up(&mut self, cluster: &Cluster, process: usize, bucket: usize) {
        let link = &mut self.processes[process].links[bucket];
        (link.node, link.mode) = (0, Mode::Shut);
        (link.unheard, link.subscribed, link.tracked) = (false, false, false);
        link.known = Ledger::default();
        link.queue.clear();
        for at in 0..self.readers.len() {
            let (of, its, _) = cluster.readers[at];
            let phase = self.readers[at].phase;
            let sent = matches!(phase, Phase::Get | Phase::Plant | Phase::Waits);
            if (of, its) == (process, bucket) && sent {
                self.ends(at);
            }
        }
        for (at, writer) in self.writers.iter_mut().enumerate() {
            if cluster.writers[at].0 == process
                && let part @ (Part::Ran(_) | Part::Replayed(_)) = &mut writer.parts[bucket]
            {
                *part = Part::Queued;
            }
        }
    }

    /// A removal that waits shuts the keys that it covers.
    pub(crate) fn is_shut(&self, cluster: &Cluster, process: usize, bucket: usize) -> bool {
        let waits = |at: usize| {
            let part = self.writers[at].parts[bucket];
            let waits = matches!(part, Part::Queued | Part::Replayed(_));
            cluster.writers[at].0 == process && waits
        };
        cluster.on(Shut) && (0..self.writers.len()).any(waits)
    }
}
