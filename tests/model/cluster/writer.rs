//! A write and its removal: a record in the ledger, a publication in every bucket, the answer.

use super::protocol::{Cluster, Job, Next, add};
use super::safeguard::Safeguard::{
    AckAfterPublish, FollowMoved, LiftOnlyAlone, LocalPass, ProveOwner, RepeatRecent, Stamp,
};
use super::state::{Era, Message, Mode, OTHER, Slot, State, Stored, Writing};

pub(crate) fn steps(cluster: &Cluster, state: &State, next: &mut Next) {
    for (at, writer) in state.writers.iter().enumerate() {
        let (process, job) = cluster.writers[at];
        match writer.writing {
            Writing::Idle => {
                let before = at
                    .checked_sub(1)
                    .map(|before| state.writers[before].writing);
                if !cluster.in_order || before.is_none_or(|before| before == Writing::Done) {
                    begin(cluster, state, at, next);
                }
            }
            Writing::Planted => next.push(write(cluster, state, at, process)),
            Writing::Wrote => match job {
                Job::Key(bucket) => unlink(cluster, state, at, bucket, next),
                Job::Remove(pattern) | Job::Own(_, pattern) => {
                    record(cluster, state, at, pattern, next);
                }
            },
            Writing::Recorded { era, number, newer } => {
                let mut after = state.clone();
                after.recorded(cluster, at, era, number, newer);
                add(next, "a removal has its number", process, after);
                time_out(cluster, state, at, next);
            }
            Writing::Publishing { pending: 0, .. } => {
                let mut after = state.clone();
                after.returns(cluster, at);
                after.writers[at].writing = match writer.lease {
                    Some(_) => Writing::Paid,
                    None => Writing::Done,
                };
                add(next, "a removal returns", process, after);
            }
            Writing::Publishing { pending, .. } => {
                for bucket in (0..state.buckets.len()).filter(|bucket| pending & 1 << bucket != 0) {
                    publish(cluster, state, at, bucket, next);
                }
                time_out(cluster, state, at, next);
            }
            Writing::Paid => store(cluster, state, at, next),
            Writing::Done => {}
        }
    }
}

fn write(
    cluster: &Cluster,
    state: &State,
    at: usize,
    process: usize,
) -> (crate::protocol::Step, State) {
    let mut after = state.clone();
    after.database += u8::from(cluster.covers(at));
    let writer = &mut after.writers[at];
    (writer.writing, writer.version) = (Writing::Wrote, after.database);
    let process = u8::try_from(process).ok();
    let what = "a write";
    (crate::protocol::Step { what, process }, after)
}

fn begin(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let (process, job) = cluster.writers[at];
    let Job::Own(bucket, _) = job else {
        return next.push(write(cluster, state, at, process));
    };
    let here = &state.processes[process];
    let link = &here.links[bucket];
    let Some(stands) = state.buckets[bucket].at(link.node) else {
        return;
    };
    let usable = matches!(stands, Slot::Entry(entry) | Slot::Lease(entry) if cluster.is_usable(here, link.node, &entry));
    if link.mode != Mode::Open || usable || state.is_shut(cluster, process) {
        return;
    }
    let lease = Stored {
        token: 48 + u8::try_from(at).expect("few writers"),
        version: 0,
        origin: cluster.origin(link.node, here.era),
        number: here.known.counter,
    };
    let mut after = state.clone();
    after.change(bucket, link.node, Slot::Lease(lease));
    let writer = &mut after.writers[at];
    (writer.writing, writer.lease) = (Writing::Planted, Some(lease));
    add(
        next,
        "a call that removes its own prefix begins",
        process,
        after,
    );
}

/// A removal by name, where the process takes the key to be, and then where it is.
fn unlink(cluster: &Cluster, state: &State, at: usize, bucket: usize, next: &mut Next) {
    let (process, _) = cluster.writers[at];
    let mut node = state.believed(process, bucket);
    if state.buckets[bucket].at(node).is_none() {
        node = state.buckets[bucket].node;
    }
    let mut after = state.clone();
    after.change(bucket, node, Slot::Empty);
    after.writers[at].current &= node == state.buckets[bucket].node;
    let (era, number, pending) = (Era::default(), 0, 0);
    after.writers[at].writing = Writing::Publishing {
        era,
        number,
        pending,
    };
    if cluster.on(LocalPass) {
        after.processes[process].links[bucket].copy = None;
    }
    add(next, "a key is unlinked", process, after);
}

fn record(cluster: &Cluster, state: &State, at: usize, pattern: usize, next: &mut Next) {
    let (process, _) = cluster.writers[at];
    if !state.reaches_ledger(process) {
        return;
    }
    let mut after = state.clone();
    let own = state.writers[at].lease.map_or(0, |lease| lease.number);
    let (era, ledger) = after.ledger(cluster, process);
    let newer = ledger.covering() > own;
    let number = ledger.counter + 1;
    ledger.set(number, pattern);
    after.writers[at].current &= !state.processes[process].behind;
    after.writers[at].writing = Writing::Recorded { era, number, newer };
    add(next, "a removal is recorded", process, after);
}

/// To one bucket; a node that is not the owner redirects, and the owner is told.
fn publish(cluster: &Cluster, state: &State, at: usize, bucket: usize, next: &mut Next) {
    let (process, job) = cluster.writers[at];
    let (Job::Remove(pattern) | Job::Own(_, pattern)) = job else {
        return;
    };
    let Writing::Publishing {
        era,
        number,
        pending,
    } = state.writers[at].writing
    else {
        return;
    };
    let owner = state.buckets[bucket].node;
    let believed = state.believed(process, bucket);
    let moved = state.buckets[bucket].at(believed).is_none();
    let swallowed = believed == state.buckets[bucket].demoted && !cluster.on(ProveOwner);
    let mut after = state.clone();
    let (node, what) = match (moved, swallowed || !cluster.on(FollowMoved)) {
        (false, _) => (believed, "a removal is published"),
        (true, false) => (owner, "a removal is redirected, and published at the owner"),
        (true, true) => (0, "a removal is published where nobody hears it"),
    };
    if let (Job::Own(own, _), Some(lease), true) = (job, state.writers[at].lease, cluster.on(Stamp))
        && own == bucket
        && matches!(state.buckets[bucket].at(node), Some(Slot::Lease(stands)) if stands.token == lease.token)
    {
        after.change(bucket, node, Slot::Lease(lease));
    }
    let push = Message::Removal {
        era,
        number,
        pattern,
    };
    after.publish(cluster, bucket, node, push);
    let writer = &mut after.writers[at];
    writer.current &= node == owner || node == 0;
    writer.writing = Writing::Publishing {
        era,
        number,
        pending: pending & !(1 << bucket),
    };
    add(next, what, process, after);
}

/// The caller is told that the removal waits; it begins again in the background.
fn time_out(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    if state.left.timeouts == 0 || state.writers[at].queued {
        return;
    }
    let mut after = state.clone();
    after.left.timeouts -= 1;
    after.queue(cluster, at);
    let (process, _) = cluster.writers[at];
    add(next, "a removal times out, and is queued", process, after);
}

/// A call that removed its own prefix stores, over its own lease.
fn store(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let (process, job) = cluster.writers[at];
    let (Job::Own(bucket, _), Some(lease)) = (job, state.writers[at].lease) else {
        return;
    };
    let node = state.processes[process].links[bucket].node;
    let mut after = state.clone();
    let what = match state.buckets[bucket].at(node) {
        Some(Slot::Lease(stands)) if stands.token == lease.token => {
            let version = state.writers[at].version;
            after.change(bucket, node, Slot::Entry(Stored { version, ..lease }));
            "a call stores under the number of its own removal"
        }
        _ => "a call finds its own lease gone",
    };
    (after.writers[at].writing, after.writers[at].lease) = (Writing::Done, None);
    add(next, what, process, after);
}

impl Cluster {
    /// The writer's removal covers the keys.
    fn covers(&self, writer: usize) -> bool {
        self.writers[writer].1 != Job::Remove(OTHER)
    }
}

impl State {
    /// The ledger's reply: the number is known, also as the number of the call's own load.
    fn recorded(&mut self, cluster: &Cluster, at: usize, era: Era, number: u8, newer: bool) {
        let (process, job) = cluster.writers[at];
        let (Job::Remove(pattern) | Job::Own(_, pattern)) = job else {
            return;
        };
        if let Some(lease) = &mut self.writers[at].lease
            && lease.origin.era == era
            && !(newer && cluster.on(LiftOnlyAlone))
        {
            lease.number = number;
        }
        if cluster.on(LocalPass) {
            self.learn(cluster, process, era, number, pattern);
        }
        let pending = (1 << self.buckets.len()) - 1;
        self.writers[at].writing = Writing::Publishing {
            era,
            number,
            pending,
        };
        if !cluster.on(AckAfterPublish) {
            self.returns(cluster, at);
        }
    }

    /// What the writer's removal covers may not be read in older versions: in this process, and if it is durable, in all.
    fn forbid(&mut self, cluster: &Cluster, at: usize, durable: bool) {
        let (process, job) = cluster.writers[at];
        let version = self.writers[at].version;
        if !cluster.covers(at) {
            return;
        }
        for bucket in 0..self.buckets.len() {
            if matches!(job, Job::Key(key) if key != bucket) {
                continue;
            }
            let own = &mut self.processes[process].own[bucket];
            *own = version.max(*own);
            if durable {
                self.durable[bucket] = self.durable[bucket].max(version);
            }
        }
    }

    fn returns(&mut self, cluster: &Cluster, at: usize) {
        self.writers[at].queued = false;
        let current = self.writers[at].current;
        self.forbid(cluster, at, current);
    }

    /// It waits in the journal: what it covers is shut here.
    fn queue(&mut self, cluster: &Cluster, at: usize) {
        self.forbid(cluster, at, false);
        let links = &mut self.processes[cluster.writers[at].0].links;
        links.iter_mut().for_each(|link| link.copy = None);
        let writer = &mut self.writers[at];
        (writer.writing, writer.lease) = (Writing::Wrote, None);
        (writer.current, writer.queued) = (true, true);
    }

    /// What this process removed in the last seconds may be known to a deposed master only: it runs once more.
    pub(crate) fn repeat_recent(&mut self, cluster: &Cluster, process: usize) {
        if !cluster.on(RepeatRecent) {
            return;
        }
        for at in 0..self.writers.len() {
            let sent = matches!(
                self.writers[at].writing,
                Writing::Recorded { .. }
                    | Writing::Publishing { .. }
                    | Writing::Paid
                    | Writing::Done
            );
            if cluster.writers[at].0 == process && sent {
                self.queue(cluster, at);
            }
        }
    }
}
