//! A write and its removal: in Redis, else in the journal; then here; then the answer.

use crate::protocol::{Job, Next, Protocol, add};
use crate::safeguard::Safeguard::{
    Guard, LocalPass, MarkerEachPage, OpenTagsFirst, OrphanLeases, PutRemoves, Retire, SpareOwnOnly,
};
use crate::state::{Flight, Kind, Mode, Phase, Slot, State, Writer, Writing};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    for (at, writer) in state.writers.iter().enumerate() {
        let process = protocol.writers[at].process;
        match writer.writing {
            Writing::Idle if writer.left > 0 => begin(protocol, state, at, next),
            Writing::Idle => {}
            Writing::Wrote => {
                if protocol.first_pass {
                    let mut state = state.clone();
                    state.local_pass(protocol, process, None);
                    state.writers[at].writing = Writing::Passed;
                    add(next, "a removal's first local pass", process, state);
                }
                remove(protocol, state, at, next);
            }
            Writing::Passed => remove(protocol, state, at, next),
            Writing::Walk(step) => walk(protocol, state, at, step, next),
            Writing::Rebuild { walk, step } => rebuild(protocol, state, at, walk, step, next),
            Writing::Removed => acknowledge(protocol, state, at, next),
            Writing::Queued => {
                let mut state = state.clone();
                state.local_pass(protocol, process, None);
                state.returned(protocol, at, process, false);
                add(next, "a removal returns, queued", process, state);
            }
            Writing::Flying(id) => pay(protocol, state, at, id, next),
        }
    }
}

fn begin(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let task = protocol.writers[at];
    let process = task.process;
    let mut state = state.clone();
    let (open, epoch) = {
        let here = state.process(process);
        (here.mode == Mode::Open, here.epoch)
    };
    match task.job {
        Job::RemoveKey | Job::RemoveTag | Job::RemoveGlob => {
            state.database += 1;
            let version = state.database;
            (state.writers[at].writing, state.writers[at].version) = (Writing::Wrote, version);
            return add(next, "a write", process, state);
        }
        Job::Put => state.local_pass(protocol, process, None),
        Job::Own => {
            let flying = state
                .flights
                .iter()
                .any(|flight| flight.live && flight.process == process);
            if !open || flying || state.process(process).copy.is_some() {
                return;
            }
        }
    }
    // With retirement off, another flight may still stand where a put takes its own.
    for flight in state
        .flights
        .iter_mut()
        .filter(|flight| flight.process == process)
    {
        flight.live = false;
    }
    let id = state.fresh();
    state.writers[at].writing = Writing::Flying(id);
    state.flights.push(Flight {
        id,
        process,
        kind: if task.job == Job::Put {
            Kind::Put
        } else {
            Kind::Own
        },
        phase: if open { Phase::Plant } else { Phase::Load },
        over: Slot::Empty,
        epoch: if open { epoch } else { 0 },
        live: true,
        retired: false,
        dirty: false,
        fenced: false,
    });
    let what = if task.job == Job::Put {
        "a put begins"
    } else {
        "a call that invalidates its own prefix begins"
    };
    add(next, what, process, state);
}

/// The removal in Redis; where that cannot be, or its outcome is unknown, the journal.
fn remove(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let process = protocol.writers[at].process;
    let open = state.processes[usize::from(process)].mode == Mode::Open && state.connected(process);
    if open {
        let mut after = state.clone();
        after.writers[at].epoch = state.server.epoch;
        if matches!(protocol.writers[at].job, Job::RemoveTag | Job::RemoveGlob) {
            after.writers[at].writing = Writing::Walk(0);
            return add(next, "a removal begins to walk the index", process, after);
        }
        after.change(Slot::Empty);
        after.server.data.index.key = false;
        after.writers[at].writing = Writing::Removed;
        if state.left.timeouts > 0 {
            let mut unknown = after.clone();
            unknown.left.timeouts -= 1;
            queue(
                protocol,
                &unknown,
                at,
                "a removal runs, but that is not known",
                next,
            );
        }
        add(next, "a removal runs", process, after);
    }
    if !open || state.left.timeouts > 0 {
        let mut lost = state.clone();
        lost.left.timeouts -= u8::from(open);
        queue(protocol, &lost, at, "a removal goes to the journal", next);
    }
}

fn queue(protocol: &Protocol, state: &State, at: usize, what: &'static str, next: &mut Next) {
    let process = protocol.writers[at].process;
    // The switch holds the journal's lock.
    if state.processes[usize::from(process)].mode == Mode::Opening {
        return;
    }
    let mut state = state.clone();
    state.journal(protocol, process);
    state.writers[at].writing = Writing::Queued;
    add(next, what, process, state);
}

fn acknowledge(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let process = protocol.writers[at].process;
    let here = state.processes[usize::from(process)];
    if here.mode != Mode::Open || here.epoch != state.writers[at].epoch {
        return queue(
            protocol,
            state,
            at,
            "a removal was acknowledged on a connection that is gone",
            next,
        );
    }
    let mut state = state.clone();
    if protocol.on(LocalPass) {
        state.local_pass(protocol, process, None);
    }
    state.returned(protocol, at, process, true);
    add(next, "a removal returns, durable", process, state);
}

/// One range or page of the index.
fn walk(protocol: &Protocol, state: &State, at: usize, step: u8, next: &mut Next) {
    let process = protocol.writers[at].process;
    if state.processes[usize::from(process)].mode != Mode::Open || !state.connected(process) {
        return queue(protocol, state, at, "a removal goes to the journal", next);
    }
    let mut state = state.clone();
    let index = state.server.data.index;
    let by_tag = protocol.writers[at].job == Job::RemoveTag;
    let looks_at_marker = by_tag || step == 0 || (step == 1 && protocol.on(MarkerEachPage));
    if looks_at_marker && !index.complete {
        state.writers[at].writing = Writing::Rebuild {
            walk: step,
            step: 0,
        };
        return add(next, "a removal finds the index incomplete", process, state);
    }
    let mut then = Writing::Walk(step + 1);
    let what = if by_tag {
        let open_range = (step == 0) == protocol.on(OpenTagsFirst);
        let member = if open_range { index.open } else { index.tag };
        if member {
            state.change(Slot::Empty);
        }
        let index = &mut state.server.data.index;
        *(if open_range {
            &mut index.open
        } else {
            &mut index.tag
        }) = false;
        if step == 1 {
            then = Writing::Removed;
        }
        if open_range {
            "a removal walks the open tags"
        } else {
            "a removal walks the known tags"
        }
    } else {
        match step {
            0 => "a removal finds the index complete",
            1 => {
                if !index.key {
                    then = Writing::Removed;
                }
                "a removal reads a page of the index"
            }
            _ => {
                state.change(Slot::Empty);
                state.server.data.index.key = false;
                then = Writing::Removed;
                "a removal takes what the page named"
            }
        }
    };
    state.writers[at].writing = then;
    add(next, what, process, state);
}

/// Begin with a member of its own; scan; mark the index complete if that member still stands.
fn rebuild(protocol: &Protocol, state: &State, at: usize, walk: u8, step: u8, next: &mut Next) {
    let process = protocol.writers[at].process;
    if state.processes[usize::from(process)].mode != Mode::Open || !state.connected(process) {
        return queue(protocol, state, at, "a removal goes to the journal", next);
    }
    let mut state = state.clone();
    let Slot::Lease { .. } = state.server.data.slot else {
        return rebuild_step(&mut state, at, walk, step, process, next);
    };
    if step == 1 && !state.server.data.index.key && protocol.on(OrphanLeases) {
        state.change(Slot::Empty);
    }
    rebuild_step(&mut state, at, walk, step, process, next);
}

fn rebuild_step(state: &mut State, at: usize, walk: u8, step: u8, process: u8, next: &mut Next) {
    let slot = state.server.data.slot;
    let index = &mut state.server.data.index;
    let again = Writing::Rebuild {
        walk,
        step: step + 1,
    };
    let (then, what) = match step {
        0 if index.complete => (Writing::Walk(walk), "another has rebuilt the index"),
        0 => {
            index.rebuild = true;
            (again, "a rebuild begins")
        }
        1 => {
            if let Slot::Value { named, .. } = slot {
                index.key = true;
                index.tag |= named;
            }
            (again, "a rebuild scans")
        }
        _ if index.rebuild => {
            (index.rebuild, index.complete) = (false, true);
            (Writing::Walk(walk), "a rebuild ends")
        }
        _ => (
            Writing::Rebuild { walk, step: 0 },
            "a rebuild finds the index lost again",
        ),
    };
    state.writers[at].writing = then;
    add(next, what, process, state.clone());
}

/// A call whose body has written removes its own prefix, and spares its own lease.
fn pay(protocol: &Protocol, state: &State, at: usize, id: u8, next: &mut Next) {
    let Some(flying) = state.flights.iter().position(|flight| flight.id == id) else {
        return;
    };
    let flight = state.flights[flying];
    if flight.kind != Kind::Own || !matches!(flight.phase, Phase::Body(_)) {
        return;
    }
    let process = flight.process;
    let mode = state.processes[usize::from(process)].mode;
    let mut state = state.clone();
    let durable = mode == Mode::Open && state.connected(process);
    if durable {
        let stands = state.server.data.slot;
        let spared = match protocol.on(SpareOwnOnly) {
            true => stands == flight.over && stands != Slot::Empty,
            false => matches!(stands, Slot::Lease { .. }),
        };
        if !spared {
            state.change(Slot::Empty);
        }
    } else if mode == Mode::Opening {
        return;
    } else {
        state.journal(protocol, process);
    }
    state.local_pass(protocol, process, Some(id));
    state.flights[flying].kind = Kind::Read;
    state.returned(protocol, at, process, durable);
    add(
        next,
        "a call removes its own prefix, and spares its lease",
        process,
        state,
    );
}

impl State {
    /// Memory and flights of this process.
    pub(crate) fn local_pass(&mut self, protocol: &Protocol, process: u8, spared: Option<u8>) {
        self.process(process).copy = None;
        let named = |flight: &&mut Flight| {
            flight.live && flight.process == process && spared != Some(flight.id)
        };
        for flight in self.flights.iter_mut().filter(named) {
            flight.dirty |= protocol.on(Guard);
            if protocol.on(Retire) {
                (flight.live, flight.retired) = (false, true);
            }
        }
    }

    fn returned(&mut self, protocol: &Protocol, at: usize, process: u8, durable: bool) {
        let writer = &mut self.writers[at];
        let version = writer.version;
        (writer.writing, writer.left) = (Writing::Idle, writer.left - 1);
        (writer.version, writer.epoch) = (0, 0);
        let here = self.process(process);
        here.own = here.own.max(version);
        here.recent |= durable && protocol.faults.failovers > 0;
        if durable {
            self.durable = self.durable.max(version);
        }
    }

    pub(crate) fn writer_of(&mut self, id: u8, then: impl FnOnce(&mut Writer, usize)) {
        let mine = |writer: &Writer| writer.writing == Writing::Flying(id);
        if let Some(at) = self.writers.iter().position(mine) {
            then(&mut self.writers[at], at);
        }
    }

    /// A put whose store did not run for certain removes the key.
    pub(crate) fn end_put(&mut self, protocol: &Protocol, id: u8, process: u8, stored: bool) {
        let mut of = None;
        self.writer_of(id, |_, at| of = Some(at));
        let Some(at) = of else { return };
        if stored || !protocol.on(PutRemoves) {
            self.returned(protocol, at, process, stored);
        } else {
            self.writers[at].writing = Writing::Wrote;
        }
    }
}
