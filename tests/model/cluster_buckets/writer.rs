//! A write and its removal: a part in every bucket, each recorded and published by one script at the bucket's owner.

use super::faults::FAULTY;
use super::node::Key;
use super::protocol::{Cluster, Job, Next, add};
use super::safeguard::Safeguard::{AckAfterAll, LiftOnlyAlone, LocalPass};
use super::state::{Message, Mode, Part, Recorded, Slot, State, Stored, Writing};

pub(crate) fn steps(cluster: &Cluster, state: &State, next: &mut Next) {
    for (at, writer) in state.writers.iter().enumerate() {
        match writer.writing {
            Writing::Idle => begin(cluster, state, at, next),
            Writing::Planted => write(cluster, state, at, next),
            Writing::Removing => {
                parts(cluster, state, at, next);
                returns(cluster, state, at, next);
            }
            Writing::Returned => {
                parts(cluster, state, at, next);
                if writer.lease.is_some() {
                    store(cluster, state, at, next);
                }
            }
            Writing::Stored => parts(cluster, state, at, next),
        }
    }
}

fn write(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let mut after = state.clone();
    after.database += u8::from(cluster.covers(at));
    let writer = &mut after.writers[at];
    (writer.writing, writer.version) = (Writing::Removing, after.database);
    for bucket in (0..2).filter(|bucket| !cluster.concerns(at, *bucket)) {
        writer.parts[bucket] = Part::Done { current: true };
    }
    add(next, "a write", cluster.writers[at].0, after);
}

fn begin(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let (process, job) = cluster.writers[at];
    let before = at
        .checked_sub(1)
        .map(|before| state.writers[before].writing);
    if cluster.in_order && before.is_some_and(|before| before < Writing::Returned) {
        return;
    }
    let Job::Own(bucket, _) = job else {
        return write(cluster, state, at, next);
    };
    let link = &state.processes[process].links[bucket];
    let mut after = state.clone();
    let stands = state.follow(cluster, bucket, link.node, Key::Entry);
    let Some(node) = stands else { return };
    let usable = match after.data(bucket, node).slot {
        Slot::Entry(stored) | Slot::Lease(stored) => {
            cluster.is_usable(link.node, &link.known, &stored)
        }
        Slot::Empty => false,
    };
    if link.mode != Mode::Open || usable || state.is_shut(cluster, process, bucket) {
        return;
    }
    let lease = Stored {
        token: 48 + u8::try_from(at).expect("few writers"),
        version: 0,
        origin: cluster.origin(node, link.known.birth),
        number: link.known.counter,
    };
    after.change(bucket, node, Slot::Lease(lease));
    let writer = &mut after.writers[at];
    (writer.writing, writer.lease) = (Writing::Planted, Some((node, lease)));
    let what = "a call that removes its own prefix begins";
    add(next, what, process, after);
}

fn parts(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let process = cluster.writers[at].0;
    for bucket in 0..state.buckets.len() {
        let link = &state.processes[process].links[bucket];
        match state.writers[at].parts[bucket] {
            Part::Due if link.mode == Mode::Open => {
                run(cluster, state, at, bucket, next);
                time_out(cluster, state, at, bucket, next);
            }
            Part::Due => {
                let mut after = state.clone();
                after.queue(at, cluster, bucket);
                add(
                    next,
                    "a removal waits for a link to the bucket",
                    process,
                    after,
                );
            }
            Part::Queued if link.mode == Mode::Open => run(cluster, state, at, bucket, next),
            Part::Ran(recorded) | Part::Replayed(recorded) => {
                let mut after = state.clone();
                let what = after.acknowledged(cluster, at, bucket, recorded);
                add(next, what, process, after);
                time_out(cluster, state, at, bucket, next);
            }
            Part::Queued | Part::Done { .. } => {}
        }
    }
}

/// The script, at the node of the process's link. If it is the call's own prefix, its second key is the lease.
fn run(cluster: &Cluster, state: &State, at: usize, bucket: usize, next: &mut Next) {
    let (process, job) = cluster.writers[at];
    let node = state.processes[process].links[bucket].node;
    let replays = state.writers[at].parts[bucket] == Part::Queued;
    let key = match job {
        Job::Key(_) => Key::Entry,
        Job::Remove(_) | Job::Own(..) => Key::Ledger,
    };
    let spares = matches!(job, Job::Own(own, _) if own == bucket) && !replays;
    let splits = spares && state.buckets[bucket].moved.is_some();
    let reached = state.follow(cluster, bucket, node, key);
    let mut after = state.clone();
    let Some(node) = reached.filter(|_| !splits) else {
        after.queue(at, cluster, bucket);
        after.hang_up(cluster, process, bucket);
        let what = "a removal is refused (MOVED, ASK), and waits";
        return add(next, what, process, after);
    };
    let current = !state.is_deposed(bucket, node);
    let recorded = after.run(cluster, at, bucket, node);
    let recorded = Recorded {
        current,
        ..recorded
    };
    after.writers[at].parts[bucket] = if replays {
        Part::Replayed(recorded)
    } else {
        Part::Ran(recorded)
    };
    let what = match (job, replays) {
        (Job::Key(_), _) => "a key is unlinked",
        (_, false) if bucket == FAULTY => "a removal is recorded and published",
        (_, false) => "a removal is recorded and published in the second bucket",
        (_, true) => "a removal that waited is recorded and published",
    };
    add(next, what, process, after);
}

fn time_out(cluster: &Cluster, state: &State, at: usize, bucket: usize, next: &mut Next) {
    let replays = matches!(state.writers[at].parts[bucket], Part::Replayed(_));
    if state.left.timeouts == 0 || replays || bucket != FAULTY {
        return;
    }
    let mut after = state.clone();
    after.left.timeouts -= 1;
    after.queue(at, cluster, bucket);
    let what = "a removal times out in a bucket, and waits";
    add(next, what, cluster.writers[at].0, after);
}

/// The caller is told: `durable`, or `queued` if a part waits. What waits binds this process, what ran binds everybody.
fn returns(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let writer = &state.writers[at];
    let parts = &writer.parts[..state.buckets.len()];
    let is_done = |part: &&Part| matches!(part, Part::Done { .. });
    let under_way = |part: &Part| matches!(part, Part::Due | Part::Ran(_));
    let early = !cluster.on(AckAfterAll);
    let any = parts.iter().any(|part| is_done(&part));
    if parts.iter().any(under_way) && !(early && any) {
        return;
    }
    let mut after = state.clone();
    let durable = parts.iter().all(|part| is_done(&part) || under_way(part));
    for bucket in 0..state.buckets.len() {
        after.forbid(cluster, at, bucket, false);
        match writer.parts[bucket] {
            Part::Done { current: true } => after.forbid(cluster, at, bucket, true),
            Part::Due | Part::Ran(_) => after.forbid(cluster, at, bucket, true),
            _ => {}
        }
    }
    after.writers[at].writing = Writing::Returned;
    let what = if durable {
        "a removal returns: durable"
    } else {
        "a removal returns: queued"
    };
    add(next, what, cluster.writers[at].0, after);
}

/// A call that removed its own prefix stores, over its own lease.
fn store(cluster: &Cluster, state: &State, at: usize, next: &mut Next) {
    let (process, job) = cluster.writers[at];
    let (Job::Own(bucket, _), Some((node, lease))) = (job, state.writers[at].lease) else {
        return;
    };
    let mut after = state.clone();
    let writer = &mut after.writers[at];
    (writer.writing, writer.lease) = (Writing::Stored, None);
    let Some(node) = state.follow(cluster, bucket, node, Key::Entry) else {
        return add(next, "a store is redirected", process, after);
    };
    let what = match after.data(bucket, node).slot {
        Slot::Lease(stands) if stands.token == lease.token => {
            let version = state.writers[at].version;
            after.change(bucket, node, Slot::Entry(Stored { version, ..lease }));
            "a call stores under the number of its own removal"
        }
        _ => "a call finds its own lease gone",
    };
    add(next, what, process, after);
}

impl State {
    /// What the script does at a node.
    fn run(&mut self, cluster: &Cluster, at: usize, bucket: usize, node: u8) -> Recorded {
        let (Job::Remove(pattern) | Job::Own(_, pattern)) = cluster.writers[at].1 else {
            self.change(bucket, node, Slot::Empty);
            return Recorded::default();
        };
        let own = self.writers[at].lease.map(|(_, lease)| lease);
        self.ledger(cluster, bucket, node);
        let data = self.data(bucket, node);
        let newer = own.is_some_and(|own| data.ledger.covering() > own.number);
        let (birth, number) = (data.ledger.birth, data.ledger.counter + 1);
        data.ledger.set(number, pattern);
        if let (Slot::Lease(stands), Some(own)) = (data.slot, own)
            && stands.token == own.token
        {
            self.change(bucket, node, Slot::Lease(Stored { number, ..stands }));
        }
        let run = node;
        let push = Message::Removal {
            birth,
            number,
            pattern,
            run,
        };
        self.publish(cluster, bucket, node, push);
        Recorded {
            birth,
            number,
            newer,
            current: true,
        }
    }

    /// The script's reply: the number is known, also as the number of the call's own load.
    fn acknowledged(
        &mut self,
        cluster: &Cluster,
        at: usize,
        bucket: usize,
        recorded: Recorded,
    ) -> &'static str {
        let (process, job) = cluster.writers[at];
        let link = &mut self.processes[process].links[bucket];
        let known = recorded.birth == link.known.birth || matches!(job, Job::Key(_));
        if cluster.on(LocalPass) {
            link.copy = None;
            if let Job::Remove(pattern) | Job::Own(_, pattern) = job
                && known
            {
                link.known.set(recorded.number, pattern);
            }
        }
        let writer = &mut self.writers[at];
        let replayed = matches!(writer.parts[bucket], Part::Replayed(_));
        if replayed && !known {
            self.hang_up(cluster, process, bucket);
            return "a replay finds another birth, and the link ends";
        }
        if let (Job::Own(own, _), Some((node, lease))) = (job, &mut writer.lease)
            && own == bucket
            && lease.origin == cluster.origin(*node, recorded.birth)
            && known
            && !(recorded.newer && cluster.on(LiftOnlyAlone))
        {
            lease.number = recorded.number;
        }
        let current = recorded.current;
        writer.parts[bucket] = Part::Done { current };
        if replayed {
            self.forbid(cluster, at, bucket, current);
            return "a replay is acknowledged";
        }
        if bucket == FAULTY {
            "a removal is acknowledged"
        } else {
            "a removal is acknowledged in the second bucket"
        }
    }

    /// Older versions than the writer's may not be read from the bucket: in this process, or in all.
    fn forbid(&mut self, cluster: &Cluster, at: usize, bucket: usize, durable: bool) {
        if !cluster.covers(at) || !cluster.concerns(at, bucket) {
            return;
        }
        let version = self.writers[at].version;
        let own = &mut self.processes[cluster.writers[at].0].own[bucket];
        *own = version.max(*own);
        if durable {
            self.durable[bucket] = self.durable[bucket].max(version);
        }
    }

    /// It waits in the bucket's journal: the keys that it covers are shut here.
    fn queue(&mut self, at: usize, cluster: &Cluster, bucket: usize) {
        let writer = &mut self.writers[at];
        writer.parts[bucket] = Part::Queued;
        self.processes[cluster.writers[at].0].links[bucket].copy = None;
    }
}
