//! A read, up to the flight that it joins or leads; and what becomes of a flight whose leader vanishes.

use crate::protocol::{Next, Protocol, add};
use crate::safeguard::Safeguard::{AbandonedRetires, ConfirmedHandOver, OwnGet, VerdictAskedLater};
use crate::state::{Flight, Kind, Mode, Phase, Reading, Slot, Stale, State};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    for (at, reader) in state.readers.iter().enumerate() {
        // Equal readers would do the same: one of them is enough.
        let is_twin = at > 0 && state.readers[at - 1] == *reader;
        match reader.reading {
            Reading::Idle if reader.left > 0 && !is_twin => start(protocol, state, at, next),
            Reading::Lead(id) if state.left.drops > 0 => vanish(protocol, state, at, id, next),
            _ => {}
        }
    }
}

fn start(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let process = state.readers[at].process;
    let here = state.processes[usize::from(process)];
    let near = protocol.is_near(process);
    let connected = here.mode == Mode::Open && state.connected(process);
    // A reader that accepts the push delay is judged by what memory holds when the pushes have come (`properties`).
    let floor = if connected && !near {
        state.durable.max(here.own)
    } else {
        here.own
    };
    let mut state = state.clone();
    state.readers[at].floor = floor;

    if let Some(version) = here.copy.filter(|_| near || here.mode != Mode::Open) {
        state.answer(at, version, true);
        return add(next, "a read finds a copy in memory", process, state);
    }
    let asks_itself = !near && here.mode == Mode::Open && protocol.on(OwnGet);
    if asks_itself
        && state.connected(process)
        && let Some((version, named)) = protocol.usable(state.server.data.slot, here.epoch)
    {
        state.answer(at, version, named);
        return add(next, "a read's own GET finds an entry", process, state);
    }
    if let Some(live) = state
        .flights
        .iter()
        .position(|flight| flight.live && flight.process == process)
    {
        let flight = state.flights[live];
        let joined = match flight.phase {
            Phase::Get | Phase::Reply(_) | Phase::Plant => {
                let refused = flight.dirty || (asks_itself && flight.kind == Kind::Read);
                (!refused).then_some(Reading::Before(flight.id))
            }
            // It waits for the end of the flight, and then asks again.
            Phase::Verdict { .. }
                if !near && here.mode == Mode::Open && protocol.on(VerdictAskedLater) =>
            {
                return;
            }
            Phase::Load | Phase::Body(_) | Phase::Verdict { .. } => {
                Some(Reading::During(flight.id))
            }
        };
        if let Some(reading) = joined {
            state.readers[at].reading = reading;
            return add(next, "a read joins a flight", process, state);
        }
        let flight = &mut state.flights[live];
        flight.live = false;
        flight.retired |= protocol.on(AbandonedRetires);
    }
    let id = state.fresh();
    state.readers[at].reading = Reading::Lead(id);
    let epoch = if here.mode == Mode::Open {
        here.epoch
    } else {
        0
    };
    state.flights.push(Flight {
        id,
        process,
        kind: Kind::Read,
        phase: if epoch == 0 && here.mode != Mode::Open {
            Phase::Load
        } else {
            Phase::Get
        },
        over: Slot::Empty,
        epoch,
        live: true,
        retired: false,
        dirty: false,
        fenced: false,
    });
    add(next, "a read leads a flight", process, state);
}

/// The leader's caller is dropped. A waiter takes over: with the lease, if it stands; else from the beginning.
fn vanish(protocol: &Protocol, state: &State, at: usize, id: u8, next: &mut Next) {
    let process = state.readers[at].process;
    let flight = state
        .flights
        .iter()
        .position(|flight| flight.id == id)
        .expect("a leader has its flight");
    if matches!(
        state.flights[flight].phase,
        Phase::Body(_) | Phase::Verdict { .. }
    ) {
        return;
    }
    let mut state = state.clone();
    state.left.drops -= 1;
    state.readers[at].reading = Reading::Idle;
    state.readers[at].left = 0;
    let waits =
        |reading| matches!(reading, Reading::Before(waits) | Reading::During(waits) if waits == id);
    let heir = state
        .readers
        .iter()
        .position(|reader| waits(reader.reading));

    let mut over = state.flights[flight].over;
    let sent = state.flights[flight].phase == Phase::Plant;
    let here = state.processes[usize::from(process)];
    if sent
        && state.flights[flight].epoch == state.server.epoch
        && state.server.late_plant.is_none()
    {
        let token = state.fresh();
        state.server.late_plant = Some((process, token));
        if !protocol.on(ConfirmedHandOver) {
            over = Slot::Lease {
                token,
                run: protocol.run(state.server.epoch),
            };
        }
    }
    let Some(heir) = heir else {
        state.flights.remove(flight);
        return add(next, "a leader vanishes", process, state);
    };
    state.readers[heir].reading = Reading::Lead(id);
    let flight = &mut state.flights[flight];
    flight.over = over;
    if over != Slot::Empty || here.mode != Mode::Open {
        // The load begins anew: whoever waits came before it.
        flight.phase = Phase::Load;
        if over == Slot::Empty {
            (flight.epoch, flight.fenced) = (0, false);
        }
        for reader in &mut state.readers {
            if reader.reading == Reading::During(id) {
                reader.reading = Reading::Before(id);
            }
        }
    } else {
        (flight.phase, flight.epoch, flight.fenced, flight.dirty) =
            (Phase::Get, here.epoch, false, false);
    }
    add(
        next,
        "a leader vanishes, a waiter takes over",
        process,
        state,
    );
}

impl State {
    /// The reader has its value.
    pub(crate) fn answer(&mut self, at: usize, version: u8, named: bool) {
        let reader = &mut self.readers[at];
        if named && version < reader.floor && self.broken.is_none() {
            self.broken = Some(Stale::Read {
                process: reader.process,
                got: version,
                floor: reader.floor,
            });
        }
        reader.reading = Reading::Idle;
        reader.floor = 0;
        reader.left -= 1;
    }

    /// Those who came before the load have their value.
    pub(crate) fn answer_early(&mut self, id: u8, version: u8, named: bool) {
        for at in 0..self.readers.len() {
            if matches!(self.readers[at].reading, Reading::Lead(flight) | Reading::Before(flight) if flight == id)
            {
                self.answer(at, version, named);
            }
        }
    }

    /// The flight ends; those who came during the load have their value if it is `sure`, else they start over.
    pub(crate) fn settle(&mut self, at: usize, version: u8, sure: bool) {
        let id = self.flights.remove(at).id;
        for at in 0..self.readers.len() {
            if self.readers[at].reading == Reading::During(id) {
                if sure {
                    self.answer(at, version, true);
                } else {
                    self.readers[at].reading = Reading::Idle;
                    self.readers[at].floor = 0;
                }
            }
        }
    }
}
