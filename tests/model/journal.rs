//! What Redis could not be told: it waits, and is replayed behind an open link.

use crate::ledger::Patterns;
use crate::message::{Message, Removed};
use crate::protocol::{Next, Protocol, add};
use crate::redis::Sender;
use crate::safeguard::Safeguard::{RecentOutlastsOutage, ReplayIsRecent, ReplayNumber};
use crate::state::{Mode, State};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    for process in state.process_numbers() {
        replay(protocol, state, process, next);
        forget(protocol, state, process, next);
        let mut after = state.clone();
        if let Some(reply) = after.process(process).replayed.take() {
            after.replayed(protocol, process, reply);
            add(
                next,
                "a replayed removal leaves the journal",
                process,
                after,
            );
        }
    }
}

fn replay(protocol: &Protocol, state: &State, process: u8, next: &mut Next) {
    let here = state.at(process);
    let patterns = here.waiting;
    let idle = here.replaying.is_empty() && here.replayed.is_none();
    if here.mode != Mode::Open || !state.reaches(process) || patterns.is_empty() || !idle {
        return;
    }
    let reply: fn(Sender, Removed) -> Message = |_, reply| Message::Replayed(reply);
    let mut after = state.clone();
    after.run_removal(protocol, process, patterns, Sender::default(), Some(reply));
    let sent = after.process(process);
    (sent.waiting, sent.replaying) = (Patterns::NONE, patterns);
    add(next, "a waiting removal is replayed", process, after);
    if state.left.timeouts > 0 {
        let mut unknown = state.clone();
        unknown.left.timeouts -= 1;
        unknown.run_removal(protocol, process, patterns, Sender::default(), None);
        add(
            next,
            "a replay runs, but that is not known",
            process,
            unknown,
        );
    }
}

/// After some seconds an acknowledged removal is not repeated any more: longer than a replica lags.
fn forget(protocol: &Protocol, state: &State, process: u8, next: &mut Next) {
    let here = state.at(process);
    let forgets = match here.mode {
        Mode::Open => state.reaches_current(process) && state.server.replica == state.server.data,
        _ => !protocol.on(RecentOutlastsOutage),
    };
    if !here.recent.is_empty() && forgets {
        let mut state = state.clone();
        state.process(process).recent = Patterns::NONE;
        add(
            next,
            "forgets the removals of the last seconds",
            process,
            state,
        );
    }
}

impl State {
    /// A replayed removal leaves the journal when its number is known. If Redis tells of a birth that is not the known
    /// one, the push of that birth is on its way, or is outdated: the removal is replayed once more.
    fn replayed(&mut self, protocol: &Protocol, process: u8, reply: Removed) {
        let patterns = self.at(process).replaying;
        let known = reply.birth == 0
            || !protocol.on(ReplayNumber)
            || self.learn_reply(protocol, process, reply, patterns);
        let here = self.process(process);
        here.replaying = Patterns::NONE;
        if !known {
            here.waiting = here.waiting.and(patterns);
        } else if protocol.faults.failovers > 0 && protocol.on(ReplayIsRecent) {
            here.recent = here.recent.and(patterns);
        }
    }
}
