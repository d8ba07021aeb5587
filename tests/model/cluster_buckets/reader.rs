//! A read: a `GET`, and where that is of no use, a lease, a load, a store.

use super::node::Key;
use super::protocol::{Cluster, Next, add};
use super::safeguard::Safeguard::{NoFillUnheard, NumberAtLease};
use super::state::{Message, Mode, Origin, Phase, Reader, Slot, Stale, State, Stored};

pub(crate) fn steps(cluster: &Cluster, state: &State, next: &mut Next) {
    for at in 0..state.readers.len() {
        match state.readers[at].phase {
            Phase::Idle => start(cluster, state, at, next),
            Phase::Get => get(cluster, state, at, next),
            Phase::Plant => plant(cluster, state, at, next),
            Phase::Waits => {}
            Phase::Load => {
                let mut after = state.clone();
                after.readers[at].phase = Phase::Body(state.database);
                add(next, "a load reads", cluster.readers[at].0, after);
            }
            Phase::Body(version) => store(cluster, state, at, version, next),
            Phase::Alone(version) => keep(cluster, state, at, version, next),
        }
    }
}

fn start(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let (process, bucket, _) = cluster.readers[at];
    let here = &state.processes[process];
    let link = &here.links[bucket];
    let idle = state.readers[at].left > 0 && link.mode == Mode::Open;
    if !idle || state.is_shut(cluster, process, bucket) {
        return;
    }
    let mut after = state.clone();
    let reader = &mut after.readers[at];
    reader.floor = here.own[bucket];
    reader.durable = here.own[bucket];
    if !state.is_deposed(bucket, link.node) {
        reader.durable = state.durable[bucket].max(reader.floor);
    }
    if link.unheard {
        reader.phase = Phase::Alone(state.database);
        return add(next, "a load without Redis reads", process, after);
    }
    if let Some(version) = link.copy {
        let floor = reader.floor;
        after.answer(cluster, at, version, floor);
        after.ends(at);
        return add(next, "a read finds a copy in memory", process, after);
    }
    reader.phase = Phase::Get;
    add(next, "a read begins", process, after);
}

fn get(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let (process, bucket, _) = cluster.readers[at];
    let node = state.processes[process].links[bucket].node;
    let mut after = state.clone();
    after.readers[at].phase = Phase::Waits;
    let reached = state.follow(cluster, bucket, node, Key::Entry);
    let slot = reached.map(|node| after.data(bucket, node).slot);
    let link = &mut after.processes[process].links[bucket];
    let Some(slot) = slot else {
        link.queue.push(Message::Elsewhere { reader: at });
        return add(next, "GET is redirected", process, after);
    };
    link.tracked |= cluster.is_near(process);
    link.queue.push(Message::Got { reader: at, slot });
    add(next, "GET runs", process, after);
}

/// A load without Redis ends.
fn keep(cluster: &Cluster, state: &State, at: usize, version: u8, next: &mut Next) {
    let (process, bucket, _) = cluster.readers[at];
    let mut after = state.clone();
    let here = &mut after.processes[process];
    let was_removed = version < here.own[bucket];
    if !cluster.on(NoFillUnheard) && cluster.is_near(process) && !was_removed {
        here.links[bucket].copy = Some(version);
    }
    after.ends(at);
    add(next, "a load without Redis ends", process, after);
}

/// Set if absent, or over exactly what was found.
fn plant(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let (process, bucket, _) = cluster.readers[at];
    let node = state.processes[process].links[bucket].node;
    let reader = state.readers[at];
    let mut after = state.clone();
    after.readers[at].phase = Phase::Waits;
    let Some(node) = state.follow(cluster, bucket, node, Key::Entry) else {
        let moved = Message::Elsewhere { reader: at };
        after.processes[process].links[bucket].queue.push(moved);
        return add(next, "a planting is redirected", process, after);
    };
    let mut slot = after.data(bucket, node).slot;
    let planted = slot == Slot::Empty || slot == reader.over;
    after.readers[at].over = Slot::Empty;
    if planted {
        let number = u8::try_from(at).expect("few readers");
        slot = Slot::Lease(Stored {
            token: 1 + number * 4 + reader.left,
            version: 0,
            origin: reader.origin,
            number: reader.number,
        });
        after.change(bucket, node, slot);
        let reader = &mut after.readers[at];
        (reader.over, reader.node) = (slot, node);
    }
    let reply = Message::Planted { reader: at, slot };
    after.processes[process].links[bucket].queue.push(reply);
    let what = if planted {
        "a lease is planted"
    } else {
        "planting finds another's"
    };
    add(next, what, process, after);
}

/// Compare-and-set, where the lease was planted; it may have been sent long ago.
fn store(cluster: &Cluster, state: &State, at: usize, version: u8, next: &mut Next) {
    let (process, bucket, _) = cluster.readers[at];
    let mut after = state.clone();
    let mut reader = state.readers[at];
    if !cluster.on(NumberAtLease) {
        reader.number = state.processes[process].links[bucket].known.counter;
    }
    after.ends(at);
    let Some(node) = state.follow(cluster, bucket, reader.node, Key::Entry) else {
        return add(next, "a store is redirected", process, after);
    };
    let what = match (after.data(bucket, node).slot, reader.over) {
        (Slot::Lease(stands), Slot::Lease(own)) if stands.token == own.token => {
            let (origin, number) = (reader.origin, reader.number);
            let entry = Stored {
                version,
                origin,
                number,
                ..own
            };
            after.change(bucket, node, Slot::Entry(entry));
            "a store runs"
        }
        _ => "a store finds its lease gone",
    };
    add(next, what, process, after);
}

impl State {
    /// The node goes on answering though it has been replaced.
    pub(crate) fn is_deposed(&self, bucket: usize, node: u8) -> bool {
        let deposed = self.buckets[bucket].deposed;
        deposed.is_some_and(|(deposed, _)| deposed == node)
    }

    /// The reader has its value.
    fn answer(&mut self, cluster: &Cluster, at: usize, version: u8, floor: u8) {
        let (process, bucket, _) = cluster.readers[at];
        if version < floor && self.broken.is_none() {
            self.broken = Some(Stale::Read {
                process,
                bucket,
                got: version,
                floor,
            });
        }
    }

    /// The read ends: with its value, or with what its own load has read.
    pub(crate) fn ends(&mut self, at: usize) {
        let left = self.readers[at].left - 1;
        self.readers[at] = Reader {
            left,
            ..Reader::default()
        };
    }

    /// The reply to the `GET` is judged with what the link knows now.
    pub(crate) fn judge(&mut self, cluster: &Cluster, at: usize, slot: Slot) {
        let (process, bucket, _) = cluster.readers[at];
        let link = &mut self.processes[process].links[bucket];
        let (node, known) = (link.node, link.known);
        let origin = cluster.origin(node, known.birth);
        match slot {
            _ if self.is_shut(cluster, process, bucket) => self.ends(at),
            Slot::Entry(entry) if cluster.is_usable(node, &known, &entry) => {
                let link = &mut self.processes[process].links[bucket];
                if cluster.is_near(process) {
                    link.copy = Some(entry.version);
                }
                let floor = self.readers[at].durable;
                self.answer(cluster, at, entry.version, floor);
                self.ends(at);
            }
            // It waits, or loads without a lease.
            Slot::Lease(lease) if cluster.is_usable(node, &known, &lease) => self.ends(at),
            _ => {
                let reader = &mut self.readers[at];
                (reader.phase, reader.over) = (Phase::Plant, slot);
                (reader.origin, reader.number) = (origin, known.counter);
            }
        }
    }

    /// The reply to the planting: if the lease stands, the load begins.
    pub(crate) fn planted(&mut self, cluster: &Cluster, at: usize, slot: Slot) {
        let (process, bucket, _) = cluster.readers[at];
        if self.readers[at].over != slot {
            return self.ends(at);
        }
        let link = &self.processes[process].links[bucket];
        let origin: Origin = cluster.origin(link.node, link.known.birth);
        let number = link.known.counter;
        let reader = &mut self.readers[at];
        (reader.origin, reader.number) = (origin, number);
        reader.phase = Phase::Load;
    }
}
