//! What must hold in every state.

use super::protocol::Cluster;
use super::state::{Asking, Message, Mode, Phase, Slot, Stale, State, Writing};

/// The property that does not hold, if there is one.
pub(crate) fn broken(cluster: &Cluster, state: &State) -> Option<Stale> {
    // A read that returned less than it may: noted when it returned.
    if state.broken.is_some() {
        return state.broken;
    }
    stale_copy(state).or_else(|| stale_entry(cluster, state))
}

/// What is stale in the memory of a bucket that is open has a push on the way that takes it out. Of its own removals a
/// process needs no push.
fn stale_copy(state: &State) -> Option<Stale> {
    for (process, here) in state.processes.iter().enumerate() {
        for (bucket, link) in here.links.iter().enumerate() {
            let Some(version) = link.copy else { continue };
            let due = link.queue.iter().any(|message| {
                matches!(
                    message,
                    Message::Removal { .. } | Message::Changed | Message::Unsubscribed
                )
            });
            let hears = state.is_current(process, bucket) && !due;
            let floor = if hears { state.durable[bucket] } else { 0 };
            if link.mode == Mode::Open && version < floor.max(here.own[bucket]) {
                return Some(Stale::Copy { process, bucket });
            }
        }
    }
    None
}

/// At rest no process would use what a removal forbids, were it durable or queued.
fn stale_entry(cluster: &Cluster, state: &State) -> Option<Stale> {
    if !at_rest(cluster, state) {
        return None;
    }
    for (process, here) in state.processes.iter().enumerate() {
        for (bucket, link) in here.links.iter().enumerate() {
            let Slot::Entry(entry) = state.buckets[bucket].slot else {
                continue;
            };
            let own = state.processes.iter().map(|process| process.own[bucket]);
            let floor = own.fold(state.durable[bucket], u8::max);
            if cluster.reads(process)
                && cluster.is_usable(here, link.node, &entry)
                && entry.version < floor
            {
                return Some(Stale::Entry { process, bucket });
            }
        }
    }
    None
}

/// Nothing is under way.
fn at_rest(cluster: &Cluster, state: &State) -> bool {
    let calm = |bucket: usize| {
        let owner = state.buckets[bucket].node;
        (0..state.processes.len()).all(|process| {
            let link = &state.processes[process].links[bucket];
            let calm = link.queue.is_empty() && link.mode == Mode::Open && link.node == owner;
            let knows_owner = link.node == 0 || link.node == owner;
            calm || (!cluster.reads(process) && knows_owner)
        })
    };
    let knows =
        |process: &super::state::Process| !process.behind && process.asking == Asking::Nothing;
    let writes = |writing| matches!(writing, Writing::Idle | Writing::Done);
    state
        .readers
        .iter()
        .all(|reader| reader.phase == Phase::Idle)
        && state.writers.iter().all(|writer| writes(writer.writing))
        && state.processes.iter().all(knows)
        && (0..state.buckets.len()).all(calm)
}
