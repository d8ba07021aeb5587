//! A read, up to the flight that it joins or leads, and its answer.

use crate::protocol::{Next, Protocol, add};
use crate::safeguard::Safeguard::{AbandonedRetires, AskedLater, HitsOfOthers, OwnGet};
use crate::state::{Command, Flight, Floor, Kind, Mode, Phase, Reading, Stale, State};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    for (at, reader) in state.readers.iter().enumerate() {
        // Equal readers would do the same: one of them is enough.
        let is_twin = at > 0 && state.readers[at - 1] == *reader;
        if reader.reading == Reading::Idle && reader.left > 0 && !is_twin {
            start(protocol, state, at, next);
        }
    }
}

fn start(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let process = state.readers[at].process;
    let here = state.at(process);
    let near = protocol.is_near(process);
    let is_open = here.mode == Mode::Open;
    // A reader that accepts the push delay is judged by what memory holds when the pushes have come (`properties`).
    let floor = if state.connected(process) && !near {
        state.durable.max(here.own)
    } else {
        here.own
    };
    let mut state = state.clone();
    state.readers[at].floor = floor;

    if let Some(copy) = state.at(process).copy.filter(|_| near || !is_open) {
        state.answer(at, copy.version, copy.tagged);
        return add(next, "a read finds a copy in memory", process, state);
    }
    let must_ask = !near && is_open && !state.is_shut(protocol, process, false);
    if must_ask && protocol.on(OwnGet) {
        let id = state.fresh();
        state.readers[at].reading = Reading::Lead(id);
        let phase = Phase::Sent(Command::Get);
        state
            .flights
            .push(Flight::new(id, process, Kind::Ask, phase));
        return add(next, "a read sends its own GET", process, state);
    }
    match join(protocol, &mut state, at, near || !is_open) {
        Join::Joined => return add(next, "a read joins a flight", process, state),
        Join::Waits => return,
        Join::None => {}
    }
    let id = state.fresh();
    state.readers[at].reading = Reading::Lead(id);
    let phase = if is_open && !state.is_shut(protocol, process, false) {
        Phase::Sent(Command::Get)
    } else {
        Phase::Load
    };
    let mut flight = Flight::new(id, process, Kind::Read, phase);
    flight.linked = is_open;
    state.flights.push(flight);
    add(next, "a read leads a flight", process, state);
}

enum Join {
    Joined,
    /// For the end of the flight.
    Waits,
    /// There is none to join.
    None,
}

/// `shares`: a reply is shared that may be older than the reader.
fn join(protocol: &Protocol, state: &mut State, at: usize, shares: bool) -> Join {
    let process = state.readers[at].process;
    let live = |flight: &Flight| flight.live && flight.process == process;
    let Some(live) = state.flights.iter().position(live) else {
        return Join::None;
    };
    let flight = state.flights[live];
    let reading = match flight.phase {
        Phase::Fill(_) => return Join::Waits,
        Phase::Sent(Command::Get | Command::News(..) | Command::Plant | Command::Lock)
        | Phase::Ran(Command::Get | Command::News(..) | Command::Plant | Command::Lock)
        | Phase::Reply(..) => {
            if flight.dirty {
                let flight = &mut state.flights[live];
                flight.live = false;
                flight.retired |= protocol.on(AbandonedRetires);
                return Join::None;
            }
            Reading::Before(flight.id)
        }
        Phase::Load | Phase::Body(_) => Reading::During(flight.id),
        // Its store may have run before the reader came.
        Phase::Sent(Command::Store(_)) | Phase::Ran(Command::Store(_)) | Phase::Verdict { .. } => {
            if !shares && protocol.on(AskedLater) {
                return Join::Waits;
            }
            Reading::During(flight.id)
        }
    };
    state.readers[at].reading = reading;
    Join::Joined
}

/// A reader's own `GET` was of no use: it joins the flight of its process, or its `GET` becomes one.
pub(crate) fn after_its_own_get(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let Flight { id, process, .. } = state.flights[at];
    let mut state = state.clone();
    let reader = state
        .readers
        .iter()
        .position(|reader| reader.reading == Reading::Lead(id));
    let reader = reader.expect("a GET has its reader");
    match join(protocol, &mut state, reader, false) {
        Join::Joined => {
            state.flights.remove(at);
            add(
                next,
                "a read joins a flight after its own GET",
                process,
                state,
            );
        }
        Join::Waits => {}
        Join::None => {
            let flight = &mut state.flights[at];
            (flight.kind, flight.live) = (Kind::Read, true);
            (flight.retired, flight.dirty, flight.suspect) = (false, false, false);
            add(
                next,
                "a read leads a flight after its own GET",
                process,
                state,
            );
        }
    }
}

/// What a reply brought.
#[derive(Clone, Copy)]
pub(crate) struct Hit {
    pub(crate) version: u8,
    pub(crate) tagged: bool,
}

impl State {
    /// The reader has its value.
    fn answer(&mut self, at: usize, version: u8, tagged: bool) {
        let reader = &mut self.readers[at];
        if reader.floor.forbids(version, tagged) && self.broken.is_none() {
            self.broken = Some(Stale::Read {
                process: reader.process,
                got: version,
                floor: reader.floor,
            });
        }
        reader.reading = Reading::Idle;
        reader.floor = Floor::default();
        reader.left -= 1;
    }

    /// A flight found an entry. A reader that accepts no push delay takes nobody else's reply.
    pub(crate) fn answer_hit(&mut self, protocol: &Protocol, id: u8, hit: Hit) {
        for at in 0..self.readers.len() {
            let reader = self.readers[at];
            let shares = protocol.is_near(reader.process)
                || !protocol.on(HitsOfOthers)
                || !protocol.on(OwnGet);
            match reader.reading {
                Reading::Lead(flight) if flight == id => self.answer(at, hit.version, hit.tagged),
                Reading::Before(flight) if flight == id && shares => {
                    self.answer(at, hit.version, hit.tagged);
                }
                _ => {}
            }
        }
        self.start_over(id);
    }

    /// A load has read: those who came before it have their value.
    pub(crate) fn answer_load(&mut self, id: u8, version: u8) {
        for at in 0..self.readers.len() {
            let reading = self.readers[at].reading;
            if reading == Reading::Lead(id) || reading == Reading::Before(id) {
                self.answer(at, version, true);
            }
        }
    }

    /// The flight ends; those who came during the load have their value if it is `sure`, else they start over.
    pub(crate) fn settle(&mut self, id: u8, version: u8, sure: bool) {
        for at in 0..self.readers.len() {
            if sure && self.readers[at].reading == Reading::During(id) {
                self.answer(at, version, true);
            }
        }
        self.start_over(id);
    }

    /// Whoever still waits for the flight reads once more.
    pub(crate) fn start_over(&mut self, id: u8) {
        for reader in &mut self.readers {
            if let Reading::Lead(flight) | Reading::Before(flight) | Reading::During(flight) =
                reader.reading
                && flight == id
            {
                (reader.reading, reader.floor) = (Reading::Idle, Floor::default());
            }
        }
    }
}
