//! What happens to the server, or at it, by itself.

use crate::ledger::{Ledger, Patterns, number};
use crate::message::Message;
use crate::protocol::{Next, Protocol, add_server};
use crate::safeguard::Safeguard::{FloorAtPruning, FoldLargest};
use crate::state::{Data, Entry, Late, Process, Slot, State};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    if !state.server.up {
        let mut state = state.clone();
        let server = &mut state.server;
        server.up = true;
        server.reign += 1;
        server.data = server.snapshot;
        return add_server(next, "restarts from its snapshot", state);
    }
    ends(state, next);
    losses(state, next);
    fold(protocol, state, next);
    prune(protocol, state, next);
    reigns(protocol, state, next);
    late(state, next);
}

/// What expires, or is deleted by hand.
fn ends(state: &State, next: &mut Next) {
    let (data, reign) = (state.server.data, state.server.reign);
    if state.left.expiries > 0 {
        let mut after = state.clone();
        after.left.expiries -= 1;
        let (slot, what) = match data.slot {
            // A refresh prolongs what it is going to replace.
            Slot::Value(entry) if data.lock != 0 && !entry.ended => {
                let standing = Slot::Value(Entry {
                    ended: true,
                    ..entry
                });
                (standing, "the entry ends while a refresh runs")
            }
            Slot::Value(_) => (Slot::Empty, "the entry expires"),
            Slot::Lease(_) => (Slot::Empty, "the lease expires"),
            Slot::Empty => (Slot::Empty, ""),
        };
        if data.lock != 0 {
            let mut unlocked = after.clone();
            unlocked.server.data.lock = 0;
            add_server(next, "the lock expires", unlocked);
        }
        if data.slot != Slot::Empty {
            after.change(reign, slot);
            add_server(next, what, after);
        }
    }
    if state.left.deletions > 0 && data.slot != Slot::Empty {
        let mut after = state.clone();
        after.left.deletions -= 1;
        after.change(reign, Slot::Empty);
        add_server(next, "DEL by hand", after);
    }
}

fn losses(state: &State, next: &mut Next) {
    if state.left.flushalls > 0 {
        let mut state = state.clone();
        state.left.flushalls -= 1;
        state.server.data = Data::default();
        let reign = state.server.reign;
        for process in state
            .processes
            .iter_mut()
            .filter(|process| process.reign == reign)
        {
            process.tracked = false;
            process.queue.push(Message::Everything);
        }
        add_server(next, "FLUSHALL", state);
    }
    if state.left.evictions > 0 && state.server.data.ledger.birth != 0 {
        let mut state = state.clone();
        state.left.evictions -= 1;
        state.server.data.ledger = Ledger::default();
        add_server(next, "the ledger is evicted", state);
    }
}

/// Patterns of one family become the prefix that they have in common.
fn fold(protocol: &Protocol, state: &State, next: &mut Next) {
    if state.left.folds == 0 {
        return;
    }
    let mut state = state.clone();
    state.left.folds -= 1;
    let ledger = &mut state.server.data.ledger;
    let numbers = ledger.take(Patterns::NARROW.and(Patterns::SIBLING));
    let folded = if protocol.on(FoldLargest) {
        numbers.iter().max()
    } else {
        numbers.iter().min()
    };
    if let (2, Some(folded)) = (numbers.len(), folded) {
        ledger.set(*folded, Patterns::WIDE);
        add_server(next, "patterns are folded", state);
    }
}

/// The oldest pattern is dropped; whatever is older than that is taken for stale.
fn prune(protocol: &Protocol, state: &State, next: &mut Next) {
    if state.left.prunings == 0 {
        return;
    }
    let mut state = state.clone();
    state.left.prunings -= 1;
    let ledger = &mut state.server.data.ledger;
    let patterns = [
        Patterns::NARROW,
        Patterns::SIBLING,
        Patterns::WIDE,
        Patterns::TAG,
    ];
    let numbered = patterns.map(|pattern| (number(&ledger.numbers, pattern), pattern));
    let oldest = numbered.into_iter().filter(|(number, _)| *number > 0);
    let Some((number, pattern)) = oldest.min() else {
        return;
    };
    ledger.take(pattern);
    if protocol.on(FloorAtPruning) {
        ledger.set(number, Patterns::FLOOR);
    }
    add_server(next, "an old pattern is pruned", state);
}

/// One server after another: snapshot and restart, replica and promotion.
fn reigns(protocol: &Protocol, state: &State, next: &mut Next) {
    let data = state.server.data;
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
        (state.server.deposed, state.server.late) = (None, None);
        state
            .processes
            .iter_mut()
            .for_each(|process| process.disconnect());
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
        let server = &mut state.server;
        let reign = server.reign;
        server.reign += 1;
        (server.deposed, server.late) = (Some(data), None);
        server.data = server.replica;
        let lost = |process: &&mut Process| process.reign != 0 && process.reign < reign;
        state
            .processes
            .iter_mut()
            .filter(lost)
            .for_each(|process| process.disconnect());
        add_server(next, "a lagging replica is promoted", state);
    }
    if state.server.deposed.is_some() {
        let mut state = state.clone();
        state.server.deposed = None;
        let reign = state.server.reign;
        let lost = |process: &&mut Process| process.reign != 0 && process.reign < reign;
        state
            .processes
            .iter_mut()
            .filter(lost)
            .for_each(|process| process.disconnect());
        add_server(next, "the master of before is gone", state);
    }
}

/// A command arrives whose sender has given it up.
fn late(state: &State, next: &mut Next) {
    let Some(late) = state.server.late else {
        return;
    };
    let mut state = state.clone();
    state.server.late = None;
    let (stands, reign) = (state.server.data.slot, state.server.reign);
    match late {
        Late::Plant(lease) => {
            if stands == Slot::Empty {
                state.change(reign, Slot::Lease(lease));
            }
            add_server(next, "a planting arrives late", state);
        }
        Late::Store { over, entry } => {
            if stands.is(over) {
                let id = state.fresh();
                state.change(reign, Slot::Value(Entry { id, ..entry }));
            }
            add_server(next, "a store arrives late", state);
        }
    }
}
