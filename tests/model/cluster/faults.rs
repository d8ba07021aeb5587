//! What happens to the nodes by itself.

use super::protocol::{Cluster, Next, add_server};
use super::state::{Ledger, Message, State};

pub(crate) fn steps(cluster: &Cluster, state: &State, next: &mut Next) {
    for bucket in 0..state.buckets.len() {
        moves(state, bucket, next);
        fails_over(cluster, state, bucket, next);
    }
    ledger(cluster, state, next);
}

/// A slot is given to the other node, with what stands there; the node that had it tells its subscribers.
fn moves(state: &State, bucket: usize, next: &mut Next) {
    if state.left.moves == 0 || state.buckets[bucket].deposed.is_some() {
        return;
    }
    let mut state = state.clone();
    state.left.moves -= 1;
    let here = &mut state.buckets[bucket];
    let before = here.node;
    here.node = ((before - 1) ^ 1) + 1;
    for process in &mut state.processes {
        let link = &mut process.links[bucket];
        if link.node != before {
            continue;
        }
        if link.tracked {
            link.queue.push(Message::Changed);
        }
        if link.subscribed {
            link.queue.push(Message::Unsubscribed);
        }
        (link.subscribed, link.tracked) = (false, false);
    }
    add_server(next, "a bucket moves", state);
}

fn fails_over(cluster: &Cluster, state: &State, bucket: usize, next: &mut Next) {
    let here = &state.buckets[bucket];
    if cluster.faults.failovers > 0 && here.replica != here.slot {
        let mut state = state.clone();
        state.buckets[bucket].replica = here.slot;
        add_server(next, "a bucket is replicated", state);
    }
    if state.left.failovers > 0 && here.deposed.is_none() {
        let mut state = state.clone();
        state.left.failovers -= 1;
        let bucket = &mut state.buckets[bucket];
        bucket.deposed = Some((bucket.node, bucket.slot));
        bucket.node += 2;
        bucket.slot = bucket.replica;
        add_server(next, "a lagging replica of a bucket is promoted", state);
    }
    if let Some((node, _)) = here.deposed {
        let mut state = state.clone();
        let bucket = &mut state.buckets[bucket];
        (bucket.deposed, bucket.demoted) = (None, node);
        add_server(next, "a deposed master becomes a replica", state);
    }
}

fn ledger(cluster: &Cluster, state: &State, next: &mut Next) {
    let keeper = &state.keeper;
    let now = (keeper.birth, keeper.ledger);
    if state.left.evictions > 0 && keeper.birth != 0 {
        let mut state = state.clone();
        state.left.evictions -= 1;
        (state.keeper.birth, state.keeper.ledger) = (0, Ledger::default());
        add_server(next, "the ledger is evicted", state);
    }
    if cluster.faults.ledger_failovers > 0 && keeper.replica != now {
        let mut state = state.clone();
        state.keeper.replica = now;
        add_server(next, "the ledger is replicated", state);
    }
    if state.left.ledger_failovers > 0 && keeper.deposed.is_none() {
        let mut state = state.clone();
        state.left.ledger_failovers -= 1;
        let keeper = &mut state.keeper;
        keeper.deposed = Some(now);
        keeper.reign += 1;
        (keeper.birth, keeper.ledger) = keeper.replica;
        for process in 0..state.processes.len() {
            state.processes[process].behind = true;
            if cluster.prompt {
                state.notice(cluster, process);
            }
        }
        if cluster.prompt {
            state.keeper.deposed = None;
        }
        add_server(next, "a lagging replica of the ledger is promoted", state);
    }
    if keeper.deposed.is_some() {
        let mut state = state.clone();
        state.keeper.deposed = None;
        add_server(next, "the ledger's master of before is gone", state);
    }
}
