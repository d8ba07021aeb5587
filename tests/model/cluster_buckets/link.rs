//! A process's link to the owner of a bucket: connected, subscribed, opened; and what it brings, in the order in which the
//! node wrote it.

use super::faults::FAULTY;
use super::node::{Answer, Key};
use super::protocol::{Cluster, Next, add};
use super::safeguard::Safeguard::{
    Flush, LeaveOnMoved, OneBirth, Order, RepeatRecent, SubscribeFirst,
};
use super::state::{Ledger, Message, Mode, Part, State};

pub(crate) fn steps(cluster: &Cluster, state: &State, next: &mut Next) {
    for process in 0..state.processes.len() {
        for bucket in 0..state.buckets.len() {
            connect(cluster, state, process, bucket, next);
            ends(cluster, state, process, bucket, next);
            hear(cluster, state, process, bucket, next);
            falls_silent(cluster, state, process, bucket, next);
        }
    }
}

fn connect(cluster: &Cluster, state: &State, process: usize, bucket: usize, next: &mut Next) {
    let link = &state.processes[process].links[bucket];
    match link.mode {
        // A master that is deposed is left, and not found again: whoever reads from it is exempt.
        Mode::Shut => {
            let mut after = state.clone();
            let link = &mut after.processes[process].links[bucket];
            (link.node, link.mode) = (state.buckets[bucket].owner, Mode::Connected);
            link.subscribed = cluster.on(SubscribeFirst);
            add(next, "connects to the owner of a bucket", process, after);
        }
        Mode::Connected => open(cluster, state, process, bucket, next),
        Mode::Open if !link.subscribed => {
            let mut after = state.clone();
            after.processes[process].links[bucket].subscribed = true;
            add(next, "subscribes late", process, after);
        }
        Mode::Open | Mode::Opening => {}
    }
}

/// The open script reads the ledger, and creates one if there is none. Only the owner runs it.
fn open(cluster: &Cluster, state: &State, process: usize, bucket: usize, next: &mut Next) {
    let node = state.processes[process].links[bucket].node;
    let mut after = state.clone();
    if state.reach(bucket, node, Key::Ledger) != Answer::Runs {
        after.hang_up(cluster, process, bucket);
        return add(next, "a link is not opened: MOVED or ASK", process, after);
    }
    if after.ledger(cluster, bucket, node) {
        let birth = after.data(bucket, node).ledger.birth;
        after.publish(cluster, bucket, node, Message::Born { birth, run: node });
    }
    let ledger = after.data(bucket, node).ledger;
    let link = &mut after.processes[process].links[bucket];
    link.mode = Mode::Opening;
    link.queue.push(Message::Opened(ledger));
    add(next, "the open script runs", process, after);
}

/// A heartbeat is refused, or the connection is cut.
fn ends(cluster: &Cluster, state: &State, process: usize, bucket: usize, next: &mut Next) {
    let link = &state.processes[process].links[bucket];
    if link.mode != Mode::Open {
        return;
    }
    let elsewhere = link.node != state.buckets[bucket].owner;
    let mut after = state.clone();
    if elsewhere && cluster.on(LeaveOnMoved) {
        after.hang_up(cluster, process, bucket);
        add(
            next,
            "a heartbeat finds the bucket elsewhere",
            process,
            after,
        );
    } else if state.left.cuts > 0 && !elsewhere && bucket == FAULTY {
        after.left.cuts -= 1;
        after.hang_up(cluster, process, bucket);
        add(next, "loses a link", process, after);
    }
}

/// A process that has no processor time hears nothing for two seconds. The answer to its next heartbeat comes after all pushes.
fn falls_silent(cluster: &Cluster, state: &State, process: usize, bucket: usize, next: &mut Next) {
    let link = &state.processes[process].links[bucket];
    let mut after = state.clone();
    let unheard = &mut after.processes[process].links[bucket].unheard;
    if link.unheard && link.queue.is_empty() {
        *unheard = false;
        add(next, "a link is heard again", process, after);
    } else if !link.unheard
        && link.mode == Mode::Open
        && state.left.silences > 0
        && bucket == FAULTY
        && cluster.is_near(process)
    {
        *unheard = true;
        after.left.silences -= 1;
        add(next, "a link is not heard", process, after);
    }
}

fn hear(cluster: &Cluster, state: &State, process: usize, bucket: usize, next: &mut Next) {
    let queue = &state.processes[process].links[bucket].queue;
    let is_push = |message: &Message| matches!(message, Message::Removal { .. });
    let mut heard = vec![0];
    if !cluster.on(Order) {
        heard.extend(queue.iter().position(|message| !is_push(message)));
        heard.dedup();
    }
    for at in heard {
        let Some(message) = queue.get(at) else {
            continue;
        };
        let mut after = state.clone();
        after.processes[process].links[bucket].queue.remove(at);
        let what = after.handle(cluster, process, bucket, *message);
        add(next, what, process, after);
    }
}

impl State {
    fn handle(
        &mut self,
        cluster: &Cluster,
        process: usize,
        bucket: usize,
        message: Message,
    ) -> &'static str {
        match message {
            Message::Removal { birth, run, .. } | Message::Born { birth, run } => {
                return self.message(cluster, (process, bucket), (birth, run), message);
            }
            Message::Changed => {
                self.processes[process].links[bucket].copy = None;
                return "a push: the key changed";
            }
            Message::Gone => {
                self.hang_up(cluster, process, bucket);
                return "a push: the bucket has moved";
            }
            Message::Opened(ledger) => return self.opened(cluster, process, bucket, ledger),
            Message::Got { reader, slot } => {
                self.judge(cluster, reader, slot);
                return "a reply to GET";
            }
            Message::Planted { reader, slot } => self.planted(cluster, reader, slot),
            Message::Elsewhere { reader } => {
                self.ends(reader);
                if cluster.on(LeaveOnMoved) {
                    self.hang_up(cluster, process, bucket);
                }
                return "a reply: MOVED or ASK, which ends the link";
            }
        }
        "a reply to a planting"
    }

    /// A message of the ledger's channel.
    fn message(
        &mut self,
        cluster: &Cluster,
        (process, bucket): (usize, usize),
        (birth, run): (u8, u8),
        message: Message,
    ) -> &'static str {
        let link = &mut self.processes[process].links[bucket];
        if cluster.run_in_messages && run != link.node {
            return "a message of another run is ignored";
        }
        if link.known.birth != 0 && link.known.birth != birth {
            link.copy = None;
            if cluster.on(OneBirth) {
                self.hang_up(cluster, process, bucket);
                return "a message of another birth ends the link";
            }
            link.known = Ledger::default();
        }
        link.known.birth = birth;
        let Message::Removal {
            number, pattern, ..
        } = message
        else {
            return "a push: a ledger is born";
        };
        link.copy = None;
        link.known.set(number, pattern);
        "a push: a removal"
    }

    /// The ledger is read. If a message of another birth has come before, it is read again.
    fn opened(
        &mut self,
        cluster: &Cluster,
        process: usize,
        bucket: usize,
        ledger: Ledger,
    ) -> &'static str {
        let link = &mut self.processes[process].links[bucket];
        if link.known.birth != 0 && link.known.birth != ledger.birth {
            link.known = ledger;
            link.mode = Mode::Connected;
            return "the ledger is to be read again";
        }
        link.known.merge(ledger);
        link.mode = Mode::Open;
        if cluster.on(Flush) {
            link.copy = None;
        }
        let before = std::mem::replace(&mut link.last_run, link.node);
        if before != link.node && cluster.on(RepeatRecent) {
            self.repeat_recent(cluster, process, bucket);
        }
        "a link is open"
    }

    /// What this process removed in the last seconds may be unknown to the new master: it runs once more.
    fn repeat_recent(&mut self, cluster: &Cluster, process: usize, bucket: usize) {
        for (at, writer) in self.writers.iter_mut().enumerate() {
            let done = matches!(writer.parts[bucket], Part::Done { .. });
            if cluster.writers[at].0 == process && done && cluster.concerns(at, bucket) {
                writer.parts[bucket] = Part::Queued;
            }
        }
    }
}
