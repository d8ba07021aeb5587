//! A flight: its `GET`, its lease, its load, its store.

use crate::protocol::{Next, Protocol, add};
use crate::safeguard::Safeguard::{
    CompareAndSet, Guard, LeaseRun, OpenTags, RefreshIndexed, Verdict, VerdictOnCurrent,
};
use crate::state::{Flight, Kind, Mode, Phase, Slot, State, Writing};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    for (at, flight) in state.flights.iter().enumerate() {
        match flight.phase {
            Phase::Get => get(protocol, state, at, next),
            Phase::Reply(slot) => reply(protocol, state, at, slot, next),
            Phase::Plant => plant(protocol, state, at, next),
            Phase::Load => load(state, at, next),
            // Its writer pays first what it owes.
            Phase::Body(_) if flight.kind == Kind::Own => {}
            Phase::Body(version) => store(protocol, state, at, version, next),
            Phase::Verdict { version, won } => settle(protocol, state, at, version, won, next),
        }
    }
    refresh(protocol, state, next);
}

/// The flight's own connection still reaches the server.
fn reaches(state: &State, flight: &Flight) -> bool {
    state.server.up && flight.epoch == state.server.epoch
}

fn get(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let flight = state.flights[at];
    if reaches(state, &flight) {
        let mut state = state.clone();
        state.flights[at].phase = Phase::Reply(state.server.data.slot);
        if protocol.is_near(flight.process) {
            state.process(flight.process).tracked = true;
        }
        add(next, "GET runs", flight.process, state);
    }
    go_without(state, at, "GET fails", !reaches(state, &flight), next);
}

/// A command fails: the load goes on without a lease, so without a store.
fn go_without(state: &State, at: usize, what: &'static str, must: bool, next: &mut Next) {
    if must || state.left.timeouts > 0 {
        let mut state = state.clone();
        state.left.timeouts -= u8::from(!must);
        state.flights[at].phase = Phase::Load;
        let process = state.flights[at].process;
        add(next, what, process, state);
    }
}

fn reply(protocol: &Protocol, state: &State, at: usize, slot: Slot, next: &mut Next) {
    let flight = state.flights[at];
    let process = flight.process;
    let mut after = state.clone();
    if let Some((version, named)) = protocol.usable(slot, flight.epoch) {
        if protocol.is_near(process) && may_fill(protocol, &flight) && named {
            after.process(process).copy = Some(version);
        }
        after.answer_early(flight.id, version, named);
        after.settle(at, version, true);
        return add(next, "the reply is an entry", process, after);
    }
    match slot {
        Slot::Lease { run, .. } if run == protocol.run(flight.epoch) => {
            if state.server.data.slot != slot || !reaches(state, &flight) {
                (after.flights[at].phase, after.flights[at].dirty) = (Phase::Get, false);
                add(next, "the reply is a lease; asks again", process, after);
            }
            go_without(
                state,
                at,
                "the reply is a lease; loads without one",
                true,
                next,
            );
        }
        _ => {
            after.flights[at].phase = Phase::Plant;
            add(next, "the reply is a miss", process, after);
        }
    }
}

fn may_fill(protocol: &Protocol, flight: &Flight) -> bool {
    !flight.fenced && !(protocol.on(Guard) && (flight.dirty || flight.retired))
}

fn plant(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let flight = state.flights[at];
    let process = flight.process;
    go_without(state, at, "planting fails", !reaches(state, &flight), next);
    if !reaches(state, &flight) {
        return;
    }
    let mut after = state.clone();
    let stands = state.server.data.slot;
    let run = protocol.run(state.server.epoch);
    let free = match stands {
        Slot::Empty => true,
        Slot::Lease { run: other, .. } => other != run,
        Slot::Value { .. } => protocol.usable(stands, flight.epoch).is_none(),
    };
    if free || flight.kind == Kind::Put {
        let token = after.fresh();
        let lease = Slot::Lease { token, run };
        after.plant(protocol, lease);
        (after.flights[at].phase, after.flights[at].over) = (Phase::Load, lease);
        if state.left.timeouts > 0 {
            let mut unknown = after.clone();
            unknown.left.timeouts -= 1;
            unknown.flights[at].over = Slot::Empty;
            add(
                next,
                "a lease is planted, but that is not known",
                process,
                unknown,
            );
        }
        return add(next, "a lease is planted", process, after);
    }
    if let Some((version, named)) = protocol.usable(stands, flight.epoch) {
        after.answer_early(flight.id, version, named);
        after.settle(at, version, true);
        after.writer_of(flight.id, |writer, _| {
            (writer.writing, writer.left) = (Writing::Idle, writer.left - 1);
        });
        return add(next, "planting finds an entry", process, after);
    }
    after.flights[at].phase = Phase::Reply(stands);
    add(next, "planting finds a lease", process, after);
}

fn load(state: &State, at: usize, next: &mut Next) {
    let flight = state.flights[at];
    let mut state = state.clone();
    if matches!(flight.kind, Kind::Put | Kind::Own) {
        state.database += 1;
    }
    let version = state.database;
    state.flights[at].phase = Phase::Body(version);
    state.answer_early(flight.id, version, true);
    state.writer_of(flight.id, |writer, _| writer.version = version);
    let what = if state.database == version && flight.kind == Kind::Put {
        "a put writes"
    } else {
        "a load reads"
    };
    add(next, what, flight.process, state);
}

fn store(protocol: &Protocol, state: &State, at: usize, version: u8, next: &mut Next) {
    let flight = state.flights[at];
    let process = flight.process;
    let mut after = state.clone();
    if flight.over == Slot::Empty {
        if flight.epoch == 0 && flight.kind == Kind::Read && may_fill(protocol, &flight) {
            after.process(process).copy = Some(version);
        }
        let sure = flight.epoch == 0 && !flight.retired && !flight.fenced;
        finish(
            protocol,
            &mut after,
            at,
            version,
            sure && flight.kind == Kind::Read,
        );
        return add(next, "a load without a lease ends", process, after);
    }
    let reaches = reaches(state, &flight)
        || (!protocol.on(LeaseRun)
            && state.connected(process)
            && state.processes[usize::from(process)].mode == Mode::Open);
    // A rebuild brings back the members of what stands, not those of a refresh that is under way.
    let unmarked = flight.kind == Kind::Refresh
        && protocol.indexed
        && protocol.on(RefreshIndexed)
        && !state.server.data.index.open;
    let stands =
        (state.server.data.slot == flight.over && !unmarked) || !protocol.on(CompareAndSet);
    let end = |state: &mut State, won| match flight.kind {
        Kind::Refresh => {
            state.process(process).copy = None;
            state.dirty(protocol, process);
            state.flights.remove(at);
        }
        _ => state.flights[at].phase = Phase::Verdict { version, won },
    };
    if reaches && state.left.timeouts > 0 {
        let mut lost = state.clone();
        lost.left.timeouts -= 1;
        end(&mut lost, false);
        add(next, "a store is lost", process, lost);
    }
    if flight.epoch == state.server.epoch - 1
        && state.server.superseded == flight.over
        && flight.kind != Kind::Refresh
    {
        let mut deceived = after.clone();
        end(&mut deceived, true);
        add(
            next,
            "a store runs on a server that was superseded",
            process,
            deceived,
        );
    }
    if !(reaches && stands) {
        end(&mut after, false);
        return add(next, "a store finds its lease gone", process, after);
    }
    let id = after.fresh();
    let run = protocol.run(state.server.epoch);
    after.change(Slot::Value {
        version,
        id,
        run,
        named: true,
    });
    if protocol.indexed {
        let index = &mut after.server.data.index;
        (index.key, index.tag, index.open) = (true, true, false);
    }
    if state.left.timeouts > 0 {
        let mut unknown = after.clone();
        unknown.left.timeouts -= 1;
        end(&mut unknown, false);
        add(
            next,
            "a store runs, but that is not known",
            process,
            unknown,
        );
    }
    end(&mut after, true);
    add(next, "a store runs", process, after);
}

fn settle(protocol: &Protocol, state: &State, at: usize, version: u8, won: bool, next: &mut Next) {
    let mut state = state.clone();
    let Flight { process, epoch, .. } = state.flights[at];
    let here = state.process(process);
    let current = here.mode == Mode::Open && here.epoch == epoch;
    let won = won && (current || !protocol.on(VerdictOnCurrent));
    finish(protocol, &mut state, at, version, won);
    add(
        next,
        if won {
            "the verdict: stored"
        } else {
            "the verdict: not stored"
        },
        process,
        state,
    );
}

fn finish(protocol: &Protocol, state: &mut State, at: usize, version: u8, sure: bool) {
    let Flight {
        id, process, kind, ..
    } = state.flights[at];
    state.settle(at, version, sure || !protocol.on(Verdict));
    if kind == Kind::Put {
        if sure {
            state.process(process).copy = None;
        }
        state.end_put(protocol, id, process, sure);
    }
}

/// A background refresh reads the entry that stands, and loads.
fn refresh(protocol: &Protocol, state: &State, next: &mut Next) {
    let Ok(process) = u8::try_from(state.processes.len() - 1) else {
        return;
    };
    let here = state.processes[usize::from(process)];
    if state.left.refreshes == 0 || here.mode != Mode::Open || !state.connected(process) {
        return;
    }
    let over = state.server.data.slot;
    if protocol.usable(over, here.epoch).is_none() {
        return;
    }
    let mut state = state.clone();
    state.left.refreshes -= 1;
    let id = state.fresh();
    state.server.data.index.open |= protocol.indexed && protocol.on(RefreshIndexed);
    state.flights.push(Flight {
        id,
        process,
        kind: Kind::Refresh,
        phase: Phase::Load,
        over,
        epoch: here.epoch,
        live: false,
        retired: false,
        dirty: false,
        fenced: false,
    });
    add(next, "a refresh begins", process, state);
}

impl State {
    /// Plants a lease with its members of the index.
    pub(crate) fn plant(&mut self, protocol: &Protocol, lease: Slot) {
        self.change(lease);
        if protocol.indexed {
            let index = &mut self.server.data.index;
            index.key = true;
            index.open |= protocol.on(OpenTags);
        }
    }

    /// A push reached the process: a reply that is under way may be older.
    pub(crate) fn dirty(&mut self, protocol: &Protocol, process: u8) {
        if protocol.on(Guard) {
            for flight in self
                .flights
                .iter_mut()
                .filter(|flight| flight.live && flight.process == process)
            {
                flight.dirty = true;
            }
        }
    }
}
