//! What must hold in every state.

use super::protocol::Cluster;
use super::state::{Message, Mode, Part, Phase, Slot, Stale, State, Writing};

/// The property that does not hold, if there is one.
pub(crate) fn broken(cluster: &Cluster, state: &State) -> Option<Stale> {
    // A read that returned less than it may: noted when it returned.
    if state.broken.is_some() {
        return state.broken;
    }
    stale_copy(state).or_else(|| stale_entry(cluster, state))
}

/// What is stale in memory has a push on the way that takes it out. Of its own removals a process needs no push.
fn stale_copy(state: &State) -> Option<Stale> {
    for (process, here) in state.processes.iter().enumerate() {
        for (bucket, link) in here.links.iter().enumerate() {
            let Some(version) = link.copy.filter(|_| !link.unheard) else {
                continue;
            };
            let is_due = |message: &Message| {
                matches!(
                    message,
                    Message::Removal { .. } | Message::Born { .. } | Message::Changed
                )
            };
            // A master that was deposed or demoted pushes no more; its role is asked for each second.
            let masters = [state.buckets[bucket].owner, state.buckets[bucket].other];
            let hears = masters.contains(&link.node) && !link.queue.iter().any(is_due);
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
            let Slot::Entry(entry) = state.buckets[bucket].data.slot else {
                continue;
            };
            let own = state.processes.iter().map(|process| process.own[bucket]);
            let floor = own.fold(state.durable[bucket], u8::max);
            if cluster.hears(process, bucket)
                && cluster.is_usable(link.node, &link.known, &entry)
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
        let here = &state.buckets[bucket];
        let moves = here.moved.is_some() || here.deposed.is_some();
        !moves
            && state.processes.iter().enumerate().all(|(at, process)| {
                let link = &process.links[bucket];
                let calm = link.queue.is_empty() && link.mode == Mode::Open;
                calm && link.node == here.owner || !cluster.hears(at, bucket)
            })
    };
    let written = |writer: &super::state::Writer| {
        let done = |part: &Part| matches!(part, Part::Done { .. });
        writer.writing == Writing::Idle
            || writer.writing >= Writing::Returned
                && writer.lease.is_none()
                && writer.parts[..state.buckets.len()].iter().all(done)
    };
    // A process that has not found out about a new master has not repeated its removals.
    let knows = |bucket: usize| {
        let owner = state.buckets[bucket].owner;
        let is_there = |link: &super::state::Link| link.node == owner && link.mode == Mode::Open;
        state
            .processes
            .iter()
            .all(|process| is_there(&process.links[bucket]))
    };
    state
        .readers
        .iter()
        .all(|reader| reader.phase == Phase::Idle)
        && state.writers.iter().all(written)
        && (0..state.buckets.len()).all(|bucket| calm(bucket) && knows(bucket))
}
