//! What happens to the server, or at it, by itself.

use crate::protocol::{Next, Protocol, add, add_server};
use crate::state::{Data, Index, Slot, State};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    if !state.server.up {
        let mut state = state.clone();
        state.server.up = true;
        state.server.epoch += 1;
        state.server.data = state.server.snapshot;
        return add_server(next, "restarts from its snapshot", state);
    }
    let data = state.server.data;
    if state.left.expiries > 0 && data.slot != Slot::Empty {
        let mut state = state.clone();
        state.left.expiries -= 1;
        state.change(Slot::Empty);
        let what = if matches!(data.slot, Slot::Lease { .. }) {
            "the lease expires"
        } else {
            "the entry expires"
        };
        add_server(next, what, state);
    }
    if state.left.saves > 0 && state.server.snapshot != data {
        let mut state = state.clone();
        state.left.saves -= 1;
        state.server.snapshot = data;
        add_server(next, "saves a snapshot", state);
    }
    if state.left.crashes > 0 {
        let mut state = state.clone();
        state.left.crashes -= 1;
        state.server.up = false;
        state.server.data = Data::default();
        hang_up(&mut state);
        add_server(next, "crashes", state);
    }
    if protocol.faults.failovers > 0 && state.server.replica != data {
        let mut state = state.clone();
        state.server.replica = data;
        add_server(next, "replicates", state);
    }
    if state.left.failovers > 0 {
        let mut state = state.clone();
        state.left.failovers -= 1;
        state.server.epoch += 1;
        state.server.superseded = data.slot;
        state.server.data = state.server.replica;
        hang_up(&mut state);
        add_server(next, "is cut off; its replica is promoted", state);
    }
    if state.left.flushalls > 0 {
        let mut state = state.clone();
        state.left.flushalls -= 1;
        state.server.data = Data::default();
        let epoch = state.server.epoch;
        for process in state
            .processes
            .iter_mut()
            .filter(|process| process.epoch == epoch)
        {
            (process.tracked, process.flushed) = (false, true);
        }
        add_server(next, "FLUSHALL", state);
    }
    if state.left.index_losses > 0 && data.index != Index::default() {
        let mut state = state.clone();
        state.left.index_losses -= 1;
        state.server.data.index = Index::default();
        add_server(next, "the index is lost", state);
    }
    late_plant(protocol, state, next);
}

/// Every connection ends, and with it what was to be pushed on it.
fn hang_up(state: &mut State) {
    for process in &mut state.processes {
        (process.tracked, process.pushes, process.flushed) = (false, 0, false);
    }
    state.server.late_plant = None;
}

fn late_plant(protocol: &Protocol, state: &State, next: &mut Next) {
    let Some((process, token)) = state.server.late_plant else {
        return;
    };
    let mut state = state.clone();
    state.server.late_plant = None;
    if state.server.data.slot == Slot::Empty {
        let run = protocol.run(state.server.epoch);
        state.plant(protocol, Slot::Lease { token, run });
    }
    add(
        next,
        "a planting arrives whose sender is gone",
        process,
        state,
    );
}
