//! A put: it plants over whatever stands, writes, stores; if it may not have stored, it removes the key.

use crate::ledger::Patterns;
use crate::protocol::{Next, Protocol, add};
use crate::safeguard::Safeguard::PutRemoves;
use crate::state::{Command, Flight, Kind, Mode, Phase, State, Writing};

pub(crate) fn begin(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let process = protocol.writers[at].process;
    let mut state = state.clone();
    state.local_pass(protocol, process, Patterns::KEY, 0);
    let here = state.at(process);
    let plants = here.mode == Mode::Open
        && here.known.birth != 0
        && !state.is_shut(protocol, process, false);
    let (origin, number) = (protocol.origin(here), here.known.counter);
    // With retirement off, another flight may still stand where a put takes its own.
    let mine = |flight: &&mut Flight| flight.process == process;
    state
        .flights
        .iter_mut()
        .filter(mine)
        .for_each(|flight| flight.live = false);
    let id = state.fresh();
    let phase = if plants {
        Phase::Sent(Command::Plant)
    } else {
        Phase::Load
    };
    let mut flight = Flight::new(id, process, Kind::Put, phase);
    (flight.origin, flight.number) = (origin, number);
    state.flights.push(flight);
    state.writers[at].writing = Writing::Flying(id);
    add(next, "a put begins", process, state);
}

impl State {
    /// A put whose store did not run for certain removes the key.
    pub(crate) fn end_put(&mut self, protocol: &Protocol, id: u8, process: u8, stored: bool) {
        let flying = |writer: &crate::state::Writer| writer.writing == Writing::Flying(id);
        let Some(at) = self.writers.iter().position(flying) else {
            return;
        };
        if stored || !protocol.on(PutRemoves) {
            self.local_pass(protocol, process, Patterns::KEY, 0);
            let durable = stored && self.reaches_current(process);
            self.returned(protocol, at, durable);
        } else {
            self.writers[at].writing = Writing::Wrote;
        }
    }
}
