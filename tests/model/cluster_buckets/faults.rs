//! What happens to the nodes by itself.

use super::protocol::{Cluster, Next, add_server};
use super::safeguard::Safeguard::{DeletionPushes, LeaveBeforeReturn, LeaveOnMoved};
use super::state::{Data, Ledger, Message, Mode, Slot, State};

/// What goes wrong, goes wrong in the first bucket: the other one must not suffer.
pub(crate) const FAULTY: usize = 0;

pub(crate) fn steps(cluster: &Cluster, state: &State, next: &mut Next) {
    moves(cluster, state, FAULTY, next);
    fails_over(cluster, state, FAULTY, next);
    if state.left.evictions > 0 && state.buckets[FAULTY].data.ledger.birth != 0 {
        let mut state = state.clone();
        state.left.evictions -= 1;
        state.buckets[FAULTY].data.ledger = Ledger::default();
        add_server(next, "a ledger is evicted", state);
    }
    for at in 0..state.bus.len() {
        arrives(cluster, state, at, next);
    }
}

/// A slot moves to the other master, key by key.
fn moves(cluster: &Cluster, state: &State, bucket: usize, next: &mut Next) {
    let here = &state.buckets[bucket];
    let Some(moved) = here.moved else {
        if state.left.moves > 0 && here.deposed.is_none() {
            let mut state = state.clone();
            state.left.moves -= 1;
            state.buckets[bucket].moved = Some(Data::default());
            add_server(next, "a slot begins to move", state);
        }
        return;
    };
    if here.data.ledger.birth != 0 && moved.ledger.birth == 0 {
        let mut state = state.clone();
        let ledger = std::mem::take(&mut state.buckets[bucket].data.ledger);
        state.buckets[bucket].moved = Some(Data { ledger, ..moved });
        add_server(next, "the ledger moves", state);
    }
    if here.data.slot != Slot::Empty && moved.slot == Slot::Empty {
        let mut state = state.clone();
        let slot = std::mem::take(&mut state.buckets[bucket].data.slot);
        state.buckets[bucket].moved = Some(Data { slot, ..moved });
        if cluster.on(DeletionPushes) {
            state.changed(bucket, here.owner);
        }
        add_server(next, "an entry moves", state);
    }
    let lingers = state
        .processes
        .iter()
        .any(|process| process.links[bucket].node == here.other);
    let waits = lingers && cluster.on(LeaveBeforeReturn) && cluster.on(LeaveOnMoved);
    if here.data == Data::default() && !waits {
        let mut state = state.clone();
        let replicates = state.replicates();
        if cluster.marked {
            state.gone(bucket);
        }
        let bucket = &mut state.buckets[bucket];
        (bucket.owner, bucket.other) = (bucket.other, bucket.owner);
        (bucket.data, bucket.moved) = (moved, None);
        if replicates {
            bucket.replica = moved;
        }
        add_server(next, "the slot has moved", state);
    }
}

fn fails_over(cluster: &Cluster, state: &State, bucket: usize, next: &mut Next) {
    let here = &state.buckets[bucket];
    if state.replicates() && here.replica != here.data && here.moved.is_none() {
        let mut state = state.clone();
        state.buckets[bucket].replica = here.data;
        add_server(next, "a bucket is replicated", state);
    }
    if here.deposed.is_some() {
        let mut state = state.clone();
        state.buckets[bucket].deposed = None;
        add_server(next, "a deposed master becomes a replica", state);
    }
    if here.deposed.is_some() || here.moved.is_some() {
        return;
    }
    if state.left.failovers > 0 {
        let mut state = state.clone();
        state.left.failovers -= 1;
        let bucket = &mut state.buckets[bucket];
        bucket.deposed = Some((bucket.owner, bucket.data));
        bucket.owner += 2;
        bucket.data = std::mem::take(&mut bucket.replica);
        add_server(next, "a lagging replica is promoted", state);
    }
    if state.left.kills > 0 {
        let mut state = state.clone();
        state.left.kills -= 1;
        for process in 0..state.processes.len() {
            if state.processes[process].links[bucket].node == here.owner {
                state.hang_up(cluster, process, bucket);
            }
        }
        let bucket = &mut state.buckets[bucket];
        bucket.owner += 2;
        bucket.data = std::mem::take(&mut bucket.replica);
        let what = "a master is killed, and its lagging replica is promoted";
        add_server(next, what, state);
    }
    if state.left.demotions > 0 {
        let mut state = state.clone();
        state.left.demotions -= 1;
        let bucket = &mut state.buckets[bucket];
        bucket.owner += 2;
        add_server(next, "a master hands over to its replica", state);
    }
}

/// The copy of a message reaches the subscribers of another node.
fn arrives(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let (bucket, from, message) = state.bus[at];
    let mut nodes: Vec<u8> = Vec::new();
    for process in &state.processes {
        let link = &process.links[bucket];
        if link.subscribed && link.node != from && !nodes.contains(&link.node) {
            nodes.push(link.node);
        }
    }
    for node in nodes {
        let mut state = state.clone();
        state.left.late -= 1;
        state.bus.remove(at);
        if state.left.late == 0 {
            state.bus.clear();
        }
        state.deliver(cluster, bucket, node, message);
        add_server(next, "a message arrives late over the bus", state);
    }
}

impl State {
    /// The mark has moved. (At the latest now; it may have moved before the other keys.)
    fn gone(&mut self, bucket: usize) {
        let owner = self.buckets[bucket].owner;
        let links = self
            .processes
            .iter_mut()
            .map(|process| &mut process.links[bucket]);
        for link in links.filter(|link| link.node == owner && link.mode != Mode::Connected) {
            link.queue.push(Message::Gone);
        }
    }

    /// What the replica of a master has still matters.
    fn replicates(&self) -> bool {
        self.left.failovers + self.left.kills > 0
    }
}
