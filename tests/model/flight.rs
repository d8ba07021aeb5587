//! A flight up to its value: its `GET`, its lease, its load.

use crate::ledger::Patterns;
use crate::message::Message;
use crate::protocol::{Next, Protocol, Reads, add};
use crate::reader::{Hit, after_its_own_get};
use crate::safeguard::Safeguard::{FillChecksLedger, Guard, Shut};
use crate::state::{
    Command, Copy, Entry, Flight, Kind, Lease, Mode, Origin, Phase, Slot, State, Writing,
};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    for (at, flight) in state.flights.iter().enumerate() {
        match flight.phase {
            Phase::Sent(Command::Get) => get(protocol, state, at, next),
            Phase::Sent(Command::News(slot, locked)) => news(state, at, slot, locked, next),
            Phase::Reply(slot, locked) => judge(protocol, state, at, slot, locked, next),
            Phase::Sent(Command::Plant) => plant(state, at, next),
            Phase::Fill(_) => {
                let mut state = state.clone();
                state.fill(protocol, at);
                add(next, "memory takes what was found", flight.process, state);
            }
            Phase::Load => load(state, at, next),
            Phase::Sent(Command::Lock | Command::Store(_))
            | Phase::Ran(_)
            | Phase::Body(_)
            | Phase::Verdict { .. } => {}
        }
    }
}

impl Flight {
    pub(crate) fn new(id: u8, process: u8, kind: Kind, phase: Phase) -> Self {
        Self {
            id,
            process,
            kind,
            phase,
            over: Slot::Empty,
            leased: false,
            origin: Origin::default(),
            number: 0,
            linked: true,
            cut: false,
            live: !matches!(kind, Kind::Ask | Kind::Refresh),
            retired: false,
            dirty: false,
            fenced: false,
            suspect: false,
        }
    }

    /// The load goes on without a lease, so without a store.
    pub(crate) fn go_without(&mut self) {
        (self.phase, self.over, self.leased) = (Phase::Load, Slot::Empty, false);
    }

    pub(crate) fn may_fill(&self, protocol: &Protocol) -> bool {
        !self.fenced && !(protocol.on(Guard) && (self.dirty || self.retired))
    }
}

impl State {
    /// Waiting removals of this process cover an entry at the key, or the key itself.
    pub(crate) fn is_shut(&self, protocol: &Protocol, process: u8, tagged: bool) -> bool {
        protocol.on(Shut) && self.at(process).shut().cover(tagged)
    }
}

fn get(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let Flight {
        id: flight,
        process,
        ..
    } = state.flights[at];
    let pulls = protocol.processes[usize::from(process)] == Reads::Pull;
    if state.reaches(process) {
        let mut state = state.clone();
        let found = state.found(process);
        let (slot, locked) = (found.slot, found.lock != 0);
        state.process(process).tracked |= protocol.is_near(process);
        if pulls {
            state.flights[at].phase = Phase::Sent(Command::News(slot, locked));
        } else {
            state.flights[at].phase = Phase::Ran(Command::Get);
            state.reply(
                process,
                Message::Got {
                    flight,
                    slot,
                    locked,
                },
            );
        }
        add(next, "GET runs", process, state);
    }
    time_out(state, at, "GET times out", next);
}

/// Without pushes, the ledger's news come in one pipeline with the `GET`, after it.
fn news(state: &State, at: usize, slot: Slot, locked: bool, next: &mut Next) {
    let Flight {
        id: flight,
        process,
        ..
    } = state.flights[at];
    if !state.reaches(process) {
        return;
    }
    let mut state = state.clone();
    let ledger = state.found(process).ledger;
    state.reply(process, Message::News(ledger));
    state.flights[at].phase = Phase::Ran(Command::Get);
    state.reply(
        process,
        Message::Got {
            flight,
            slot,
            locked,
        },
    );
    add(next, "the ledger's news are asked for", process, state);
}

/// A command was sent, and its outcome stays unknown: the load goes on without Redis.
fn time_out(state: &State, at: usize, what: &'static str, next: &mut Next) {
    if state.left.timeouts > 0 {
        let mut state = state.clone();
        state.left.timeouts -= 1;
        let process = state.flights[at].process;
        state.lead_without(at);
        add(next, what, process, state);
    }
}

impl State {
    /// The flight goes on without a lease; a reader whose own `GET` failed starts over.
    pub(crate) fn lead_without(&mut self, at: usize) {
        let flight = self.flights[at];
        if flight.kind == Kind::Ask {
            self.flights.remove(at);
            self.start_over(flight.id);
        } else {
            self.flights[at].go_without();
        }
    }
}

/// The reply to the `GET` is looked at, with what is known of the ledger now.
fn judge(protocol: &Protocol, state: &State, at: usize, slot: Slot, locked: bool, next: &mut Next) {
    let flight = state.flights[at];
    let process = flight.process;
    let here = state.at(process);
    let mut waits_for_refresh = false;
    if let Slot::Value(entry) = slot {
        let shut = state.is_shut(protocol, process, entry.tagged);
        if protocol.is_usable(&entry, here.reign, &here.known) && !shut && here.mode == Mode::Open {
            return hit(protocol, state, at, entry, next);
        }
        let standing = Entry {
            ended: false,
            ..entry
        };
        waits_for_refresh =
            entry.ended && locked && protocol.is_usable(&standing, here.reign, &here.known);
    }
    if flight.kind == Kind::Ask {
        return after_its_own_get(protocol, state, at, next);
    }
    let mut after = state.clone();
    let waits_for_lease =
        matches!(slot, Slot::Lease(lease) if !is_nobodys(protocol, state, process, lease));
    if here.mode != Mode::Open || state.is_shut(protocol, process, false) || here.known.birth == 0 {
        after.flights[at].go_without();
        return add(next, "a miss that Redis must not answer", process, after);
    }
    if waits_for_lease || waits_for_refresh {
        let waits = &mut after.flights[at];
        (waits.phase, waits.dirty) = (Phase::Sent(Command::Get), false);
        let changed = state.reaches(process) && state.found(process).slot != slot;
        if changed
            || (waits_for_refresh && state.reaches(process) && state.found(process).lock == 0)
        {
            let what = if waits_for_lease {
                "the reply is a lease; asks again"
            } else {
                "a refresh runs; asks again"
            };
            add(next, what, process, after);
        }
        let mut without = state.clone();
        without.flights[at].go_without();
        return add(
            next,
            "has waited for another's load; loads without a lease",
            process,
            without,
        );
    }
    let origin = protocol.origin(here);
    let number = here.known.counter;
    let planting = &mut after.flights[at];
    (planting.phase, planting.over) = (Phase::Sent(Command::Plant), slot);
    (planting.origin, planting.number) = (origin, number);
    add(next, "the reply is a miss", process, after);
}

/// A lease that whoever plants now may take the place of.
fn is_nobodys(protocol: &Protocol, state: &State, process: u8, lease: Lease) -> bool {
    let here = state.at(process);
    lease.origin != protocol.origin(here) || lease.number < here.known.covering(false)
}

fn hit(protocol: &Protocol, state: &State, at: usize, entry: Entry, next: &mut Next) {
    let flight = state.flights[at];
    let process = flight.process;
    let mut after = state.clone();
    let what = match (
        entry.tagged,
        state.at(process).known.covering_but(Patterns::NONE, true),
    ) {
        (false, newest) if newest > entry.number => {
            "the reply is an entry that the removed tag does not name"
        }
        _ => "the reply is an entry",
    };
    after.answer_hit(
        protocol,
        flight.id,
        Hit {
            version: entry.version,
            tagged: entry.tagged,
        },
    );
    if protocol.is_near(process) {
        after.flights[at].phase = Phase::Fill(entry);
        if !protocol.two_halves {
            after.fill(protocol, at);
        }
    } else {
        after.flights.remove(at);
    }
    if let Some(writer) = after
        .writers
        .iter_mut()
        .find(|writer| writer.writing == Writing::Flying(flight.id))
    {
        (writer.writing, writer.left) = (Writing::Idle, writer.left - 1);
    }
    add(next, what, process, after);
}

impl State {
    /// Memory takes an entry that was found, under its writer's lock; the flight ends.
    fn fill(&mut self, protocol: &Protocol, at: usize) {
        let flight = self.flights.remove(at);
        let Phase::Fill(entry) = flight.phase else {
            return;
        };
        let here = self.at(flight.process);
        let fresh = protocol.is_usable(&entry, here.reign, &here.known);
        let shut = self.is_shut(protocol, flight.process, entry.tagged);
        let checked = (fresh && !shut) || !protocol.on(FillChecksLedger);
        if flight.may_fill(protocol) && checked {
            let Entry {
                version, tagged, ..
            } = entry;
            self.process(flight.process).copy = Some(Copy { version, tagged });
        }
    }
}

/// Set if absent, or over exactly what was found; a put plants over anything.
fn plant(state: &State, at: usize, next: &mut Next) {
    let flight = state.flights[at];
    let process = flight.process;
    time_out(state, at, "a planting is lost", next);
    if !state.reaches(process) {
        return;
    }
    let mut after = state.clone();
    let stands = state.found(process).slot;
    let reign = state.at(process).reign;
    let id = flight.id;
    after.flights[at].phase = Phase::Ran(Command::Plant);
    if !(stands == Slot::Empty || stands == flight.over || flight.kind == Kind::Put) {
        after.flights[at].over = Slot::Empty;
        after.reply(
            process,
            Message::Planted {
                flight: id,
                slot: stands,
            },
        );
        return add(next, "planting finds another's", process, after);
    }
    let token = after.fresh();
    let Flight { origin, number, .. } = flight;
    let lease = Slot::Lease(Lease {
        token,
        origin,
        number,
    });
    after.change(reign, lease);
    if state.left.timeouts > 0 {
        let mut unknown = after.clone();
        unknown.left.timeouts -= 1;
        unknown.lead_without(at);
        add(
            next,
            "a lease is planted, but that is not known",
            process,
            unknown,
        );
    }
    after.flights[at].over = lease;
    after.reply(
        process,
        Message::Planted {
            flight: id,
            slot: lease,
        },
    );
    add(next, "a lease is planted", process, after);
}

fn load(state: &State, at: usize, next: &mut Next) {
    let flight = state.flights[at];
    let mut state = state.clone();
    if matches!(flight.kind, Kind::Put | Kind::Own) {
        state.database += 1;
    }
    let version = state.database;
    let process = flight.process;
    let loaded = &mut state.flights[at];
    loaded.phase = Phase::Body(version);
    state.answer_load(flight.id, version);
    if let Some(writer) = state
        .writers
        .iter_mut()
        .find(|writer| writer.writing == Writing::Flying(flight.id))
    {
        writer.version = version;
    }
    let what = match flight.kind {
        Kind::Put => "a put writes",
        Kind::Own => "a call writes",
        Kind::Refresh => "a refresh reads",
        Kind::Read | Kind::Ask => "a load reads",
    };
    add(next, what, process, state);
}
