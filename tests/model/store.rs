//! A flight from its value to its end: the store, the verdict.

use crate::message::Message;
use crate::protocol::{Next, Protocol, Reads, add};
use crate::safeguard::Safeguard::{
    CompareAndSet, NumberAtLease, OriginAtLease, RefreshIdentity, Suspects, Verdict, VerdictNumber,
};
use crate::state::{Command, Copy, Entry, Flight, Kind, Late, Mode, Phase, Slot, State};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    for (at, flight) in state.flights.iter().enumerate() {
        match flight.phase {
            // Its writer pays first what it owes.
            Phase::Body(_) if flight.kind == Kind::Own => {}
            Phase::Body(version) => send(protocol, state, at, version, next),
            Phase::Sent(Command::Store(version)) => run(protocol, state, at, version, next),
            Phase::Verdict { version, won } => settle(protocol, state, at, version, won, next),
            _ => {}
        }
    }
}

/// The store is sent, unless the right to store is gone as far as the process knows.
fn send(protocol: &Protocol, state: &State, at: usize, version: u8, next: &mut Next) {
    let mut flight = state.flights[at];
    let process = flight.process;
    let here = state.at(process);
    let mut after = state.clone();
    // The value is there: now its tags are known.
    if flight.suspect && protocol.on(Suspects) {
        (flight.live, flight.retired) = (false, true);
    }
    if !flight.leased {
        if !flight.linked && flight.kind == Kind::Read && flight.may_fill(protocol) {
            let tagged = true;
            after.process(process).copy = Some(Copy { version, tagged });
        }
        let sure = !flight.linked && !flight.retired && !flight.fenced;
        finish(
            protocol,
            &mut after,
            at,
            version,
            sure && flight.kind == Kind::Read,
        );
        return add(next, "a load without a lease ends", process, after);
    }
    if !protocol.on(NumberAtLease) {
        flight.number = here.known.counter;
    }
    if !protocol.on(OriginAtLease) {
        flight.origin = protocol.origin(here);
    }
    let same = flight.origin == protocol.origin(here);
    let fresh = protocol.is_fresh(&here.known, flight.number, true);
    if here.mode == Mode::Open && same && fresh && !state.is_shut(protocol, process, true) {
        flight.phase = Phase::Sent(Command::Store(version));
        flight.cut = false;
        after.flights[at] = flight;
        return add(next, "a store is sent", process, after);
    }
    flight.phase = Phase::Verdict {
        version,
        won: false,
    };
    after.flights[at] = flight;
    add(next, "a lease is given up", process, after);
}

fn run(protocol: &Protocol, state: &State, at: usize, version: u8, next: &mut Next) {
    let flight = state.flights[at];
    let process = flight.process;
    let won = false;
    if state.left.timeouts > 0 {
        let mut lost = state.clone();
        lost.left.timeouts -= 1;
        lost.flights[at].phase = Phase::Verdict { version, won };
        if lost.server.late.is_none() {
            let mut late = lost.clone();
            let entry = entry(&flight, version, 0);
            late.server.late = Some(Late::Store {
                over: flight.over,
                entry,
            });
            add(next, "a store is late", process, late);
        }
        add(next, "a store is lost", process, lost);
    }
    if !state.reaches(process) {
        return;
    }
    let mut after = state.clone();
    let won = after.run_store(protocol, &flight, version);
    if won && state.left.timeouts > 0 {
        let mut unknown = after.clone();
        unknown.left.timeouts -= 1;
        unknown.flights[at].phase = Phase::Verdict {
            version,
            won: false,
        };
        add(
            next,
            "a store runs, but that is not known",
            process,
            unknown,
        );
    }
    after.flights[at].phase = Phase::Ran(Command::Store(version));
    after.reply(
        process,
        Message::Stored {
            flight: flight.id,
            won,
        },
    );
    let what = if won {
        "a store runs"
    } else {
        "a store finds its lease gone"
    };
    add(next, what, process, after);
}

fn entry(flight: &Flight, version: u8, id: u8) -> Entry {
    Entry {
        version,
        id,
        origin: flight.origin,
        number: flight.number,
        tagged: true,
        ended: false,
    }
}

impl State {
    /// The compare-and-set script.
    fn run_store(&mut self, protocol: &Protocol, flight: &Flight, version: u8) -> bool {
        let found = self.found(flight.process).slot;
        let any = flight.kind == Kind::Refresh && !protocol.on(RefreshIdentity);
        let stands = found.is(flight.over) || (any && matches!(found, Slot::Value(_)));
        if !stands && protocol.on(CompareAndSet) {
            return false;
        }
        let id = self.fresh();
        let entry = entry(flight, version, id);
        let reign = self.at(flight.process).reign;
        self.change(reign, Slot::Value(entry));
        if self.data(reign).lock == flight.id {
            self.data(reign).lock = 0;
        }
        true
    }
}

fn settle(protocol: &Protocol, state: &State, at: usize, version: u8, won: bool, next: &mut Next) {
    let mut state = state.clone();
    let flight = state.flights[at];
    let process = flight.process;
    let here = state.at(process);
    let current = here.mode == Mode::Open && !flight.cut;
    let fresh = protocol.is_fresh(&here.known, flight.number, true);
    let same = flight.origin == protocol.origin(here);
    let nothing_newer = (fresh && same) || !protocol.on(VerdictNumber);
    let shut = state.is_shut(protocol, process, true);
    let sure = won && current && nothing_newer && !shut;
    let shares =
        protocol.processes[usize::from(process)] != Reads::Pull || flight.kind == Kind::Put;
    finish(protocol, &mut state, at, version, sure && shares);
    let what = if sure {
        "the verdict: stored"
    } else {
        "the verdict: not stored"
    };
    add(next, what, process, state);
}

fn finish(protocol: &Protocol, state: &mut State, at: usize, version: u8, sure: bool) {
    let Flight {
        id, process, kind, ..
    } = state.flights.remove(at);
    let reign = state.at(process).reign;
    if kind == Kind::Refresh && state.reaches(process) && state.found(process).lock == id {
        state.data(reign).lock = 0;
    }
    state.settle(id, version, sure || !protocol.on(Verdict));
    if kind == Kind::Put {
        state.end_put(protocol, id, process, sure);
    }
}
