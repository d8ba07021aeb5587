//! A call that invalidates its own prefix: its value is newer than the removal, and keeps the right to stand.

use crate::ledger::Patterns;
use crate::message::Removed;
use crate::protocol::{Next, Protocol, add};
use crate::redis::Sender;
use crate::safeguard::Safeguard::{LiftOnlyAlone, LiftSeesAll};
use crate::state::{Command, Flight, Kind, Mode, Phase, State, Writing};
use crate::writer;

pub(crate) fn begin(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let process = protocol.writers[at].process;
    let here = state.at(process);
    let flies = state
        .flights
        .iter()
        .any(|flight| flight.live && flight.process == process);
    let shut = state.is_shut(protocol, process, false);
    if here.mode != Mode::Open || flies || shut || here.copy.is_some() || here.known.birth == 0 {
        return;
    }
    let (origin, number) = (protocol.origin(here), here.known.counter);
    let mut state = state.clone();
    let id = state.fresh();
    let mut flight = Flight::new(id, process, Kind::Own, Phase::Sent(Command::Plant));
    (flight.origin, flight.number) = (origin, number);
    state.flights.push(flight);
    state.writers[at].writing = Writing::Flying(id);
    add(
        next,
        "a call that invalidates its own prefix begins",
        process,
        state,
    );
}

/// The body has written: the removal runs before the value is stored.
pub(crate) fn pay(protocol: &Protocol, state: &State, at: usize, id: u8, next: &mut Next) {
    let Some(flying) = state.flight_of(id) else {
        return;
    };
    let flight = state.flights[flying];
    if flight.kind != Kind::Own || !matches!(flight.phase, Phase::Body(_)) {
        return;
    }
    let sender = Sender {
        flight: id,
        lease: flight.over,
        ..Sender::default()
    };
    let mut state = state.clone();
    state.writers[at].spares = id;
    writer::send(protocol, &state, at, sender, next);
}

impl State {
    /// The load's number becomes the removal's, if the script found nothing that covers and is newer than the load. What
    /// was removed later than that has a larger number.
    pub(crate) fn lift(
        &mut self,
        protocol: &Protocol,
        process: u8,
        id: u8,
        reply: Removed,
        patterns: Patterns,
    ) {
        let known = self.at(process).known;
        let Some(at) = self.flight_of(id) else { return };
        let flight = &mut self.flights[at];
        let found = if protocol.on(LiftSeesAll) {
            reply.before.covering(true)
        } else {
            // Of its own patterns from the script, of others as far as it has heard.
            let own = reply.before.covering_but(Patterns::ALL.but(patterns), true);
            own.max(known.covering_but(patterns, true))
        };
        let same = flight.origin.birth == protocol.origin_in(0, &reply.before).birth;
        if same && (found <= flight.number || !protocol.on(LiftOnlyAlone)) {
            flight.number = flight.number.max(reply.number);
        }
    }

    /// The writer's flight owes nothing any more.
    pub(crate) fn paid(&mut self, at: usize) {
        let spares = self.writers[at].spares;
        if let Some(flight) = self.flights.iter_mut().find(|flight| flight.id == spares) {
            flight.kind = Kind::Read;
        }
    }
}
