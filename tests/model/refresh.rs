//! A background refresh: a lock beside the key, a load, a store over the very entry that was read.

use crate::message::Message;
use crate::protocol::{Next, Protocol, add};
use crate::state::{Command, Flight, Kind, Mode, Phase, Slot, State};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    let Some(process) = state.process_numbers().last() else {
        return;
    };
    for (at, flight) in state.flights.iter().enumerate() {
        if flight.phase == Phase::Sent(Command::Lock) {
            lock(state, at, next);
        }
    }
    begin(protocol, state, process, next);
}

fn begin(protocol: &Protocol, state: &State, process: u8, next: &mut Next) {
    let here = state.at(process);
    if state.left.refreshes == 0 || here.mode != Mode::Open || !state.reaches(process) {
        return;
    }
    let over = state.found(process).slot;
    let Slot::Value(entry) = over else { return };
    let shut = state.is_shut(protocol, process, entry.tagged);
    if shut || !protocol.is_usable(&entry, here.reign, &here.known) {
        return;
    }
    let mut state = state.clone();
    state.left.refreshes -= 1;
    let id = state.fresh();
    let mut flight = Flight::new(id, process, Kind::Refresh, Phase::Sent(Command::Lock));
    flight.over = over;
    state.flights.push(flight);
    add(next, "a refresh begins", process, state);
}

fn lock(state: &State, at: usize, next: &mut Next) {
    let Flight { id, process, .. } = state.flights[at];
    if !state.reaches(process) {
        return;
    }
    let mut state = state.clone();
    let reign = state.at(process).reign;
    let got = state.data(reign).lock == 0;
    if got {
        state.data(reign).lock = id;
    }
    state.flights[at].phase = Phase::Ran(Command::Lock);
    state.reply(process, Message::Locked { flight: id, got });
    add(next, "a refresh takes the lock", process, state);
}
