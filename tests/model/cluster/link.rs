//! A process's connection to the owner of a bucket: subscribed, then open; and what it brings, in the order in which the
//! node wrote it.

use super::protocol::{Cluster, Next, add};
use super::safeguard::Safeguard::{
    CloseOnUnsubscribe, EraFromReads, OneConnection, ReadAfterPush, ReignOrder, SubscribeFirst,
};
use super::state::{Era, Ledger, Message, Mode, State};

pub(crate) fn steps(cluster: &Cluster, state: &State, next: &mut Next) {
    for process in 0..state.processes.len() {
        for bucket in 0..state.buckets.len() {
            connect(cluster, state, process, bucket, next);
            hear(cluster, state, process, bucket, next);
        }
    }
}

fn connect(cluster: &Cluster, state: &State, process: usize, bucket: usize, next: &mut Next) {
    let link = &state.processes[process].links[bucket];
    let owner = state.buckets[bucket].node;
    let mut after = state.clone();
    match link.mode {
        Mode::Shut if cluster.reads(process) => {
            if link.node != owner {
                after.hang_up(cluster, process, bucket);
            }
            let link = &mut after.processes[process].links[bucket];
            (link.node, link.mode) = (owner, Mode::Connected);
            add(next, "finds the owner of a bucket", process, after);
        }
        Mode::Connected => {
            let there = state.buckets[bucket].at(link.node).is_some();
            let link = &mut after.processes[process].links[bucket];
            if !there {
                link.mode = Mode::Shut;
                return add(next, "a subscription is redirected", process, after);
            }
            link.subscribed = true;
            link.mode = Mode::Subscribed;
            if cluster.on(SubscribeFirst) {
                link.mode = Mode::Subscribing;
                link.queue.push(Message::Subscribed);
            }
            add(next, "subscribes to a bucket", process, after);
        }
        _ => {}
    }
    let mut after = state.clone();
    if link.node != 0 && link.node != owner {
        after.hang_up(cluster, process, bucket);
        if state.buckets[bucket].demoted == link.node || state.buckets[bucket].deposed.is_some() {
            after.repeat_recent(cluster, process);
        }
        add(next, "notices that a node is not the owner", process, after);
    } else if link.node != 0 && state.left.cuts > 0 {
        after.left.cuts -= 1;
        after.hang_up(cluster, process, bucket);
        add(next, "loses a connection", process, after);
    }
}

fn hear(cluster: &Cluster, state: &State, process: usize, bucket: usize, next: &mut Next) {
    let queue = &state.processes[process].links[bucket].queue;
    let is_push = |message: &Message| matches!(message, Message::Removal { .. });
    let mut heard = vec![0];
    if !cluster.on(OneConnection) {
        heard.extend(queue.iter().position(|message| !is_push(message)));
        heard.dedup();
    }
    for at in heard {
        let Some(message) = queue.get(at) else {
            continue;
        };
        let mut after = state.clone();
        after.processes[process].links[bucket].queue.remove(at);
        after.handle(cluster, process, bucket, *message);
        add(next, name(*message), process, after);
    }
}

fn name(message: Message) -> &'static str {
    match message {
        Message::Subscribed => "the subscription is confirmed",
        Message::Unsubscribed => "a push: unsubscribed",
        Message::Removal { .. } => "a push: a removal",
        Message::Changed => "a push: the key changed",
        Message::Got { .. } => "a reply to a GET",
        Message::Planted { .. } => "a reply to a planting",
        Message::Moved { .. } => "a reply: moved",
    }
}

impl State {
    fn handle(&mut self, cluster: &Cluster, process: usize, bucket: usize, message: Message) {
        let link = &mut self.processes[process].links[bucket];
        match message {
            Message::Subscribed if link.mode == Mode::Subscribing => link.mode = Mode::Subscribed,
            Message::Subscribed => {}
            Message::Unsubscribed => {
                if cluster.on(CloseOnUnsubscribe) {
                    link.mode = Mode::Shut;
                }
            }
            Message::Changed => link.copy = None,
            Message::Removal {
                era,
                number,
                pattern,
            } => self.learn(cluster, process, era, number, pattern),
            Message::Got { reader, slot } => self.judge(cluster, reader, slot),
            Message::Planted { reader, slot } => self.planted(cluster, reader, slot),
            Message::Moved { reader } => self.redirected(cluster, reader),
        }
    }

    /// A removal that the process hears of, or has recorded. All its buckets close if that is of another era.
    pub(crate) fn learn(
        &mut self,
        cluster: &Cluster,
        process: usize,
        era: Era,
        number: u8,
        pattern: usize,
    ) {
        let here = &mut self.processes[process];
        here.links.iter_mut().for_each(|link| link.copy = None);
        if era.reign < here.era.reign && cluster.on(ReignOrder) {
            return;
        }
        here.heard = here.heard.max(era.reign);
        if here.era != era {
            if cluster.on(EraFromReads) {
                for link in &mut here.links {
                    let asking = link.mode == Mode::Asking && cluster.on(ReadAfterPush);
                    if link.mode == Mode::Open || asking {
                        link.mode = Mode::Subscribed;
                    }
                }
                return;
            }
            (here.era, here.known) = (era, Ledger::default());
        }
        here.known.set(number, pattern);
    }
}
