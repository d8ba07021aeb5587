//! A leader whose caller vanishes, and the waiter who takes over.

use crate::message::Message;
use crate::protocol::{Next, Protocol, add};
use crate::safeguard::Safeguard::{ConfirmedHandOver, RetiredStays};
use crate::state::{Command, Flight, Floor, Kind, Late, Lease, Mode, Phase, Reading, Slot, State};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    if state.left.drops == 0 {
        return;
    }
    for (at, reader) in state.readers.iter().enumerate() {
        if let Reading::Lead(id) = reader.reading {
            vanish(protocol, state, at, id, next);
        }
    }
}

/// A waiter takes over: with the lease, if it is known to stand; else from the beginning.
fn vanish(protocol: &Protocol, state: &State, at: usize, id: u8, next: &mut Next) {
    let process = state.readers[at].process;
    let flying = state.flight_of(id).expect("a leader has its flight");
    let flight = state.flights[flying];
    let mut state = state.clone();
    state.left.drops -= 1;
    let gone = &mut state.readers[at];
    (gone.reading, gone.floor, gone.left) = (Reading::Idle, Floor::default(), 0);
    let late = plant_late(&mut state, &flight);
    state
        .process(process)
        .queue
        .retain(|message| !message.is_for(id));
    let waits = |reading| matches!(reading, Reading::Before(flight) | Reading::During(flight) if flight == id);
    let Some(heir) = state
        .readers
        .iter()
        .position(|reader| waits(reader.reading))
    else {
        state.flights.remove(flying);
        return add(next, "a leader vanishes", process, state);
    };
    state.readers[heir].reading = Reading::Lead(id);
    let is_open = state.at(process).mode == Mode::Open;
    let heritage = &mut state.flights[flying];
    if let (Some(lease), false) = (late, protocol.on(ConfirmedHandOver)) {
        (heritage.over, heritage.leased) = (Slot::Lease(lease), true);
    }
    if heritage.leased || !is_open {
        // The load begins anew: whoever waits came before it.
        heritage.phase = Phase::Load;
        if !heritage.leased {
            (heritage.linked, heritage.fenced) = (is_open, false);
        }
        for reader in &mut state.readers {
            if reader.reading == Reading::During(id) {
                reader.reading = Reading::Before(id);
            }
        }
    } else {
        // Who took it out of circulation does not look after it any more.
        let (live, retired) = (heritage.live, heritage.retired);
        let (origin, number) = (heritage.origin, heritage.number);
        *heritage = Flight::new(id, process, Kind::Read, Phase::Sent(Command::Get));
        (heritage.live, heritage.retired) = (live, retired && protocol.on(RetiredStays));
        (heritage.origin, heritage.number) = (origin, number);
    }
    add(
        next,
        "a leader vanishes, a waiter takes over",
        process,
        state,
    );
}

/// A planting that was sent may run when its sender is gone.
fn plant_late(state: &mut State, flight: &Flight) -> Option<Lease> {
    let sent = flight.phase == Phase::Sent(Command::Plant) && flight.over == Slot::Empty;
    if !sent || !state.reaches_current(flight.process) || state.server.late.is_some() {
        return None;
    }
    let token = state.fresh();
    let Flight { origin, number, .. } = *flight;
    let lease = Lease {
        token,
        origin,
        number,
    };
    state.server.late = Some(Late::Plant(lease));
    Some(lease)
}

impl Message {
    /// It is a reply to this flight.
    fn is_for(&self, id: u8) -> bool {
        match *self {
            Message::Got { flight, .. }
            | Message::Planted { flight, .. }
            | Message::Locked { flight, .. }
            | Message::Stored { flight, .. } => flight == id,
            _ => false,
        }
    }
}
