//! A read: a `GET`, and where that is of no use, a lease, a load, a store.

use super::protocol::{Cluster, Next, add};
use super::safeguard::Safeguard::{CloseOnMoved, LedgerFirst, NumberAtLease, OriginAtLease};
use super::state::{Message, Mode, Phase, Slot, Stale, State, Stored};

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
        }
    }
}

impl Cluster {
    fn is_open(&self, mode: Mode) -> bool {
        mode == Mode::Open || (mode == Mode::Asking && !self.on(LedgerFirst))
    }
}

fn start(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let (process, bucket, _) = cluster.readers[at];
    let here = &state.processes[process];
    let link = &here.links[bucket];
    let idle = state.readers[at].left > 0 && cluster.is_open(link.mode);
    if !idle || state.is_shut(cluster, process) {
        return;
    }
    let mut after = state.clone();
    let near = cluster.is_near(process);
    after.readers[at].floor = if !near && state.is_current(process, bucket) {
        state.durable[bucket].max(here.own[bucket])
    } else {
        here.own[bucket]
    };
    if let Some(version) = link.copy {
        after.answer(cluster, at, version);
        after.ends(at);
        return add(next, "a read finds a copy in memory", process, after);
    }
    after.readers[at].phase = Phase::Get;
    add(next, "a read begins", process, after);
}

fn get(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let (process, bucket, _) = cluster.readers[at];
    let node = state.processes[process].links[bucket].node;
    let mut after = state.clone();
    after.readers[at].phase = Phase::Waits;
    let link = &mut after.processes[process].links[bucket];
    let Some(slot) = state.buckets[bucket].at(node) else {
        link.queue.push(Message::Moved { reader: at });
        return add(next, "GET is redirected", process, after);
    };
    link.tracked |= cluster.is_near(process);
    link.queue.push(Message::Got { reader: at, slot });
    add(next, "GET runs", process, after);
}

/// Set if absent, or over exactly what was found.
fn plant(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let (process, bucket, _) = cluster.readers[at];
    let node = state.processes[process].links[bucket].node;
    let reader = state.readers[at];
    let mut after = state.clone();
    after.readers[at].phase = Phase::Waits;
    let Some(mut slot) = state.buckets[bucket].at(node) else {
        let moved = Message::Moved { reader: at };
        after.processes[process].links[bucket].queue.push(moved);
        return add(next, "a planting is redirected", process, after);
    };
    let planted = slot == Slot::Empty || slot == reader.over;
    if planted {
        let number = u8::try_from(at).expect("few readers");
        slot = Slot::Lease(Stored {
            token: 1 + number * 4 + reader.left,
            version: 0,
            origin: reader.origin,
            number: reader.number,
        });
        after.change(bucket, node, slot);
        after.readers[at].over = slot;
    } else {
        after.readers[at].over = Slot::Empty;
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

/// Compare-and-set, over whichever connection the process has.
fn store(cluster: &Cluster, state: &State, at: usize, version: u8, next: &mut Next) {
    let (process, bucket, _) = cluster.readers[at];
    let here = &state.processes[process];
    let node = here.links[bucket].node;
    if node == 0 {
        return;
    }
    let mut after = state.clone();
    let mut reader = state.readers[at];
    if !cluster.on(NumberAtLease) {
        reader.number = here.known.counter;
    }
    if !cluster.on(OriginAtLease) {
        reader.origin = cluster.origin(node, here.era);
    }
    let stands = state.buckets[bucket].at(node);
    let what = match (stands, reader.over) {
        (Some(Slot::Lease(stands)), Slot::Lease(own)) if stands.token == own.token => {
            let entry = Stored {
                token: own.token,
                version,
                origin: reader.origin,
                number: reader.number,
            };
            after.change(bucket, node, Slot::Entry(entry));
            "a store runs"
        }
        (None, _) => "a store is redirected",
        _ => "a store finds its lease gone",
    };
    after.ends(at);
    add(next, what, process, after);
}

impl State {
    /// The process reads the bucket where it is, and the ledger's master has told it what it knows.
    pub(crate) fn is_current(&self, process: usize, bucket: usize) -> bool {
        let here = &self.processes[process];
        here.links[bucket].node == self.buckets[bucket].node && !here.misled
    }

    /// The reader has its value.
    fn answer(&mut self, cluster: &Cluster, at: usize, version: u8) {
        let (process, bucket, _) = cluster.readers[at];
        let floor = self.readers[at].floor;
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
        let reader = &mut self.readers[at];
        reader.left -= 1;
        (reader.phase, reader.floor, reader.over) = (Phase::Idle, 0, Slot::Empty);
        (reader.origin, reader.number) = (super::state::Origin::default(), 0);
    }

    /// The reply to the `GET` is judged with what is known of the ledger now.
    pub(crate) fn judge(&mut self, cluster: &Cluster, at: usize, slot: Slot) {
        let (process, bucket, _) = cluster.readers[at];
        let here = &self.processes[process];
        let link = &here.links[bucket];
        let open = cluster.is_open(link.mode) && !self.is_shut(cluster, process);
        match slot {
            Slot::Entry(entry) if open && cluster.is_usable(here, link.node, &entry) => {
                self.answer(cluster, at, entry.version);
                if cluster.is_near(process) {
                    self.processes[process].links[bucket].copy = Some(entry.version);
                }
                self.ends(at);
            }
            // It waits, or loads without a lease.
            Slot::Lease(lease) if cluster.is_usable(here, link.node, &lease) => self.ends(at),
            _ if open => {
                let origin = cluster.origin(link.node, here.era);
                let number = here.known.counter;
                let reader = &mut self.readers[at];
                (reader.phase, reader.over) = (Phase::Plant, slot);
                (reader.origin, reader.number) = (origin, number);
            }
            _ => self.ends(at),
        }
    }

    /// The reply to the planting: if the lease stands, the load begins.
    pub(crate) fn planted(&mut self, cluster: &Cluster, at: usize, slot: Slot) {
        let (process, bucket, _) = cluster.readers[at];
        if self.readers[at].over != slot {
            return self.ends(at);
        }
        let here = &self.processes[process];
        let origin = cluster.origin(here.links[bucket].node, here.era);
        let number = here.known.counter;
        let reader = &mut self.readers[at];
        (reader.origin, reader.number) = (origin, number);
        reader.phase = Phase::Load;
    }

    /// A redirection: the bucket is closed. (Without that safeguard it is followed.)
    pub(crate) fn redirected(&mut self, cluster: &Cluster, at: usize) {
        let (process, bucket, _) = cluster.readers[at];
        let owner = self.buckets[bucket].node;
        let link = &mut self.processes[process].links[bucket];
        if cluster.on(CloseOnMoved) {
            link.mode = Mode::Shut;
            return self.ends(at);
        }
        let mode = link.mode;
        // It keeps its floor, and asks the owner.
        self.readers[at].phase = Phase::Idle;
        if link.node != owner {
            self.hang_up(cluster, process, bucket);
            let link = &mut self.processes[process].links[bucket];
            (link.node, link.mode) = (owner, mode);
        }
        self.readers[at].phase = Phase::Get;
    }
}
