//! The loss of a connection, another connection, the switch between Redis and memory.

use crate::ledger::Patterns;
use crate::message::Message;
use crate::protocol::{Next, Protocol, add};
use crate::safeguard::Safeguard::{Flush, OneStepSwitch, RepeatRecent};
use crate::state::{Command, Mode, Phase, State, Writing};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    for process in state.process_numbers() {
        connection(protocol, state, process, next);
    }
}

fn connection(protocol: &Protocol, state: &State, process: u8, next: &mut Next) {
    let here = state.at(process);
    let mut after = state.clone();
    match here.mode {
        Mode::Open => {
            if !state.reaches_current(process) {
                after.hang_up(protocol, process);
                add(next, "notices that Redis is gone", process, after);
            } else if state.left.cuts > 0 {
                after.left.cuts -= 1;
                after.process(process).disconnect();
                add(next, "loses its connection", process, after);
            }
        }
        Mode::Shut if state.server.up => {
            let reign = state.server.reign;
            let here = after.process(process);
            (here.reign, here.mode) = (reign, Mode::Subscribed);
            add(next, "connects and subscribes", process, after);
        }
        Mode::Shut => {}
        Mode::Subscribed | Mode::Asking | Mode::Ready if !state.reaches_current(process) => {
            let here = after.process(process);
            here.disconnect();
            here.mode = Mode::Shut;
            add(next, "is lost again", process, after);
        }
        Mode::Subscribed => {
            let ledger = after.ledger(protocol, here.reign);
            after.process(process).mode = Mode::Asking;
            after.reply(process, Message::Ledger(ledger));
            add(next, "asks for the ledger", process, after);
        }
        Mode::Asking => {}
        Mode::Ready => {
            after.publish_link(protocol, process);
            add(next, "switches back to Redis", process, after);
        }
        Mode::Opening => {
            after.process(process).mode = Mode::Open;
            add(next, "opens Redis to its readers", process, after);
        }
    }
}

impl crate::state::Process {
    /// Nothing comes on this connection any more.
    pub(crate) fn disconnect(&mut self) {
        (self.reign, self.tracked) = (0, false);
        self.queue.clear();
        self.delayed.clear();
    }
}

impl State {
    /// The process gives its connection up: what was sent on it has no outcome.
    fn hang_up(&mut self, protocol: &Protocol, process: u8) {
        let here = self.process(process);
        here.disconnect();
        here.mode = Mode::Shut;
        here.waiting = here.waiting.and(here.replaying);
        (here.replaying, here.replayed) = (Patterns::NONE, None);
        self.raise_fence(protocol, process);
        for at in (0..self.flights.len()).rev() {
            let flight = &mut self.flights[at];
            if flight.process != process {
                continue;
            }
            flight.cut = true;
            match flight.phase {
                Phase::Sent(Command::Store(version)) | Phase::Ran(Command::Store(version)) => {
                    flight.phase = Phase::Verdict {
                        version,
                        won: false,
                    };
                }
                Phase::Sent(Command::Lock) | Phase::Ran(Command::Lock) => {
                    self.flights.remove(at);
                }
                Phase::Sent(_) | Phase::Ran(_) => self.lead_without(at),
                Phase::Reply(..)
                | Phase::Fill(_)
                | Phase::Load
                | Phase::Body(_)
                | Phase::Verdict { .. } => {}
            }
        }
        for at in 0..self.writers.len() {
            let sent = matches!(
                self.writers[at].writing,
                Writing::Ran { .. } | Writing::Removed { .. }
            );
            if sent && protocol.writers[at].process == process {
                self.queue(protocol, at);
            }
        }
    }

    /// What fills memory without Redis ends, and Redis is read again, though removals may still wait.
    fn publish_link(&mut self, protocol: &Protocol, process: u8) {
        self.raise_fence(protocol, process);
        let here = self.process(process);
        here.mode = if protocol.on(OneStepSwitch) {
            Mode::Open
        } else {
            Mode::Opening
        };
        if protocol.on(Flush) {
            here.copy = None;
        }
        if protocol.on(RepeatRecent) {
            here.waiting = here.waiting.and(here.recent);
        }
        here.recent = Patterns::NONE;
    }
}
