//! What must hold in every state.

use crate::message::Message;
use crate::protocol::Protocol;
use crate::state::{Entry, Mode, Process, Slot, Stale, State, Writing};

/// The property that does not hold, if there is one.
pub(crate) fn broken(protocol: &Protocol, state: &State) -> Option<Stale> {
    // A read that returned less than it may: noted when it returned.
    if state.broken.is_some() {
        return state.broken;
    }
    let resting = at_rest(state);
    stale_copy(protocol, state, resting)
        .or_else(|| stale_entry(protocol, state, resting))
        .or_else(|| lost(protocol, state, resting))
}

/// While Redis reaches a process, what is stale in its memory has a push on the way that takes it out. Of its own
/// removals it needs no push.
fn stale_copy(protocol: &Protocol, state: &State, resting: bool) -> Option<Stale> {
    for number in state.process_numbers() {
        let process = state.at(number);
        let Some(copy) = process.copy else { continue };
        let due = process.queue.iter().chain(&process.delayed).any(takes_out);
        let hears = protocol.is_near(number) && state.connected(number) && !due;
        let mut floor = process.own;
        if hears {
            floor = floor.max(state.durable);
        }
        if resting {
            floor = state
                .processes
                .iter()
                .fold(floor, |floor, process| floor.max(process.own));
        }
        if floor.forbids(copy.version, copy.tagged) {
            return Some(Stale::Copy { process: number });
        }
    }
    None
}

fn takes_out(message: &Message) -> bool {
    matches!(
        message,
        Message::Key | Message::Everything | Message::Removal { .. } | Message::Pass { .. }
    )
}

/// Nothing that a durable removal forbids stands in Redis in a form that a process would use which connects now. At
/// rest this holds for queued removals, too, and for the processes that are connected.
fn stale_entry(protocol: &Protocol, state: &State, resting: bool) -> Option<Stale> {
    let Slot::Value(entry) = state.server.data.slot else {
        return None;
    };
    let Entry {
        version, tagged, ..
    } = entry;
    let data = &state.server.data;
    let used = state.server.up && protocol.is_usable(&entry, state.server.reign, &data.ledger);
    if used && state.durable.forbids(version, tagged) {
        return Some(Stale::Entry);
    }
    if !resting {
        return None;
    }
    let floor = state
        .processes
        .iter()
        .fold(state.durable, |floor, process| floor.max(process.own));
    // Without pushes, a process asks for what it does not know whenever it reads.
    let uses = |number: u8| {
        let process = state.at(number);
        protocol.hears(number) && protocol.is_usable(&entry, process.reign, &process.known)
    };
    let used = used || state.process_numbers().any(uses);
    (used && floor.forbids(version, tagged)).then_some(Stale::Entry)
}

/// What no removal covers is of use.
fn lost(protocol: &Protocol, state: &State, resting: bool) -> Option<Stale> {
    if !protocol.survives || !resting {
        return None;
    }
    let uses =
        |entry: &Entry, process: &Process| protocol.is_usable(entry, process.reign, &process.known);
    match &state.server.data.slot {
        Slot::Value(entry)
            if !entry.tagged && state.processes.iter().all(|process| uses(entry, process)) =>
        {
            None
        }
        _ => Some(Stale::Lost),
    }
}

/// Nothing is under way: no flight, no push, no removal, no journal, no outage.
pub(crate) fn at_rest(state: &State) -> bool {
    let calm = |number: u8| {
        let process = state.at(number);
        let nothing_due = process.queue.is_empty() && process.delayed.is_empty();
        nothing_due
            && process.shut().is_empty()
            && process.mode == Mode::Open
            && state.connected(number)
    };
    state.flights.is_empty()
        && state.server.late.is_none()
        && state
            .writers
            .iter()
            .all(|writer| writer.writing == Writing::Idle)
        && state.process_numbers().all(calm)
}
