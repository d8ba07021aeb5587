//! What must hold in every state.

use crate::protocol::Protocol;
use crate::state::{Mode, Stale, State, Writing};

/// The property that does not hold, if there is one.
pub(crate) fn broken(protocol: &Protocol, state: &State) -> Option<Stale> {
    // A read that returned less than it may: noted when it returned.
    if state.broken.is_some() {
        return state.broken;
    }
    stale_copy(protocol, state).or_else(|| stale_entry(protocol, state))
}

/// While Redis reaches a process, what is stale in its memory has a push on the way that takes it out. Of its own
/// removals it needs no push.
fn stale_copy(protocol: &Protocol, state: &State) -> Option<Stale> {
    let resting = at_rest(state);
    let floor = if resting {
        newest(state)
    } else {
        state.durable
    };
    for (number, process) in state.processes.iter().enumerate() {
        let number = u8::try_from(number).unwrap_or(u8::MAX);
        let Some(version) = process.copy else {
            continue;
        };
        let due = process.pushes > 0 || process.flushed;
        let hears = protocol.is_near(number)
            && process.mode == Mode::Open
            && state.connected(number)
            && !due;
        if version < process.own || (hears && version < floor) {
            return Some(Stale::Copy { process: number });
        }
    }
    None
}

/// Nothing older than a durable removal stands in Redis in a form that some process would use. Where a server may reign
/// twice under one run id, and at every queued removal, only rest tells: until then the removal is on its way.
fn stale_entry(protocol: &Protocol, state: &State) -> Option<Stale> {
    let floor = match (at_rest(state), protocol.failback) {
        (true, _) => newest(state),
        (false, true) => return None,
        (false, false) => state.durable,
    };
    let found = protocol.usable(state.server.data.slot, state.server.epoch);
    let used = state.server.up && found.is_some_and(|(version, named)| named && version < floor);
    used.then_some(Stale::Entry)
}

fn newest(state: &State) -> u8 {
    state
        .processes
        .iter()
        .fold(state.durable, |newest, process| newest.max(process.own))
}

/// Nothing is under way: no flight, no push, no removal, no journal, no outage.
pub(crate) fn at_rest(state: &State) -> bool {
    let calm = |number: u8| {
        let process = &state.processes[usize::from(number)];
        let nothing_due = process.pushes == 0 && !process.flushed && !process.journal;
        nothing_due && process.mode == Mode::Open && state.connected(number)
    };
    state.flights.is_empty()
        && state.server.late_plant.is_none()
        && state
            .writers
            .iter()
            .all(|writer| writer.writing == Writing::Idle)
        && (0..u8::try_from(state.processes.len()).unwrap_or(0)).all(calm)
}
