//! Pushes, the loss of a connection, the journal and its replay, the switch between Redis and memory.

use crate::protocol::{Next, Protocol, add};
use crate::safeguard::Safeguard::{
    Fence, Flush, OneStepSwitch, RecentOutlastsOutage, RepeatRecent, ReplayIsRecent, Shut,
};
use crate::state::{Mode, Slot, State};

/// The epoch of a connection that no server is at the other end of.
const DEAD: u8 = u8::MAX;

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    for process in 0..u8::try_from(state.processes.len()).unwrap_or(0) {
        pushes(protocol, state, process, next);
        connection(protocol, state, process, next);
        forget(protocol, state, process, next);
    }
}

fn pushes(protocol: &Protocol, state: &State, process: u8, next: &mut Next) {
    let here = state.processes[usize::from(process)];
    if here.pushes > 0 {
        let mut state = state.clone();
        state.process(process).pushes -= 1;
        state.process(process).copy = None;
        state.dirty(protocol, process);
        add(next, "a push: the key changed", process, state);
    }
    if here.flushed {
        let mut state = state.clone();
        state.process(process).flushed = false;
        state.process(process).copy = None;
        state.raise_fence(protocol, process);
        add(next, "a push: everything changed", process, state);
    }
}

fn connection(protocol: &Protocol, state: &State, process: u8, next: &mut Next) {
    let here = state.processes[usize::from(process)];
    let connected = state.connected(process);
    let mut after = state.clone();
    match here.mode {
        Mode::Open if !connected => {
            after.process(process).mode = Mode::Shut;
            after.process(process).epoch = 0;
            after.raise_fence(protocol, process);
            add(next, "notices that Redis is gone", process, after);
        }
        Mode::Open => {
            if state.left.cuts > 0 {
                after.left.cuts -= 1;
                let gone = after.process(process);
                (gone.epoch, gone.tracked, gone.pushes, gone.flushed) = (0, false, 0, false);
                for flight in after
                    .flights
                    .iter_mut()
                    .filter(|flight| flight.process == process && flight.epoch != 0)
                {
                    flight.epoch = DEAD;
                }
                add(next, "loses its connection", process, after);
            }
            if here.journal && !protocol.on(Shut) {
                let mut late = state.clone();
                late.change(Slot::Empty);
                late.process(process).journal = false;
                add(next, "replays while it reads Redis", process, late);
            }
        }
        Mode::Shut if state.server.up => {
            let new = here.epoch != state.server.epoch;
            let repeats = here.recent && new && protocol.on(RepeatRecent);
            after.process(process).epoch = state.server.epoch;
            if new {
                let begun = after.process(process);
                (begun.tracked, begun.pushes, begun.flushed) = (false, 0, false);
            }
            if here.journal || repeats {
                after.change(Slot::Empty);
                let replayed = after.process(process);
                replayed.journal = false;
                replayed.recent = protocol.faults.failovers > 0 && protocol.on(ReplayIsRecent);
            }
            after.process(process).mode = Mode::Replayed;
            add(next, "connects, and replays what waits", process, after);
        }
        Mode::Shut => {}
        Mode::Replayed if !connected || here.journal => {
            after.process(process).mode = Mode::Shut;
            add(
                next,
                "starts over: lost again, or the journal has grown",
                process,
                after,
            );
        }
        Mode::Replayed => {
            after.process(process).mode = if protocol.on(OneStepSwitch) {
                Mode::Open
            } else {
                Mode::Opening
            };
            if protocol.on(Flush) {
                after.process(process).copy = None;
            }
            after.raise_fence(protocol, process);
            add(next, "switches back to Redis", process, after);
        }
        Mode::Opening => {
            after.process(process).mode = Mode::Open;
            add(next, "opens Redis to its readers", process, after);
        }
    }
}

/// After some seconds an acknowledged removal is not repeated any more: longer than a replica lags.
fn forget(protocol: &Protocol, state: &State, process: u8, next: &mut Next) {
    let here = state.processes[usize::from(process)];
    let caught_up = state.server.replica == state.server.data && here.epoch == state.server.epoch;
    let forgets = if here.mode == Mode::Open {
        caught_up
    } else {
        !protocol.on(RecentOutlastsOutage)
    };
    if here.recent && forgets {
        let mut state = state.clone();
        state.process(process).recent = false;
        add(
            next,
            "forgets the removals of the last seconds",
            process,
            state,
        );
    }
}

impl State {
    /// What began before this fills memory no more.
    pub(crate) fn raise_fence(&mut self, protocol: &Protocol, process: u8) {
        if protocol.on(Fence) {
            for flight in self
                .flights
                .iter_mut()
                .filter(|flight| flight.process == process)
            {
                flight.fenced = true;
            }
        }
    }

    /// A removal waits for Redis; in the same step Redis is shut.
    pub(crate) fn journal(&mut self, protocol: &Protocol, process: u8) {
        let here = self.process(process);
        here.journal = true;
        if protocol.on(Shut) && here.mode == Mode::Open {
            here.mode = Mode::Shut;
            self.raise_fence(protocol, process);
        }
    }
}
