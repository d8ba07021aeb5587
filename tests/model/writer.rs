//! A write and its removal: in Redis, else in the journal; then here; then the answer.

use crate::ledger::Patterns;
use crate::message::{Message, Removed};
use crate::protocol::{Job, Next, Protocol, add};
use crate::redis::Sender;
use crate::safeguard::Safeguard::{LocalPass, NumberFromReply, PullCursor, ReplyBirth};
use crate::state::{Mode, State, Writing};
use crate::{own_prefix, put};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    for (at, writer) in state.writers.iter().enumerate() {
        match writer.writing {
            Writing::Idle if writer.left > 0 => begin(protocol, state, at, next),
            Writing::Idle | Writing::Ran { .. } => {}
            Writing::Wrote => remove(protocol, state, at, next),
            Writing::Removed { current, reply } => {
                let mut state = state.clone();
                state.acknowledge(protocol, at, current, reply);
                let process = protocol.writers[at].process;
                add(next, "a removal returns, durable", process, state);
            }
            Writing::Queued => {
                let mut state = state.clone();
                let process = protocol.writers[at].process;
                let patterns = protocol.patterns(at);
                state.local_pass(protocol, process, patterns, 0);
                state.paid(at);
                state.returned(protocol, at, false);
                add(next, "a removal returns, queued", process, state);
            }
            Writing::Flying(id) => own_prefix::pay(protocol, state, at, id, next),
        }
    }
}

impl Protocol {
    /// What a writer's removal names.
    pub(crate) fn patterns(&self, writer: usize) -> Patterns {
        match self.writers[writer].job {
            Job::Remove(patterns) | Job::Own(patterns) => patterns,
            Job::Put => Patterns::KEY,
        }
    }
}

fn begin(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    let task = protocol.writers[at];
    match task.job {
        Job::Remove(patterns) => {
            let mut state = state.clone();
            state.database += u8::from(patterns.cover(true));
            let version = state.database;
            (state.writers[at].writing, state.writers[at].version) = (Writing::Wrote, version);
            add(next, "a write", task.process, state);
        }
        Job::Put => put::begin(protocol, state, at, next),
        Job::Own(_) => own_prefix::begin(protocol, state, at, next),
    }
}

/// The removal in Redis; where that cannot be, or its outcome is unknown, the journal.
fn remove(protocol: &Protocol, state: &State, at: usize, next: &mut Next) {
    send(protocol, state, at, Sender::default(), next);
}

/// The removal's script runs; `sender` may spare a flight and its lease.
pub(crate) fn send(protocol: &Protocol, state: &State, at: usize, sender: Sender, next: &mut Next) {
    let process = protocol.writers[at].process;
    let patterns = protocol.patterns(at);
    let open = state.at(process).mode == Mode::Open && state.reaches(process);
    if open {
        let sender = Sender {
            writer: u8::try_from(at).expect("few writers"),
            ..sender
        };
        let reply: fn(Sender, Removed) -> Message = |sender, reply| Message::Removed {
            writer: sender.writer,
            reply,
        };
        let mut after = state.clone();
        after.run_removal(protocol, process, patterns, sender, Some(reply));
        let current = state.reaches_current(process);
        after.writers[at].writing = Writing::Ran { current };
        after.writers[at].spares = sender.flight;
        add(next, "a removal runs", process, after);
        if state.left.timeouts > 0 {
            let mut unknown = state.clone();
            unknown.left.timeouts -= 1;
            unknown.run_removal(protocol, process, patterns, sender, None);
            unknown.queue(protocol, at);
            add(
                next,
                "a removal runs, but that is not known",
                process,
                unknown,
            );
        }
    }
    if !open || state.left.timeouts > 0 {
        let mut lost = state.clone();
        lost.left.timeouts -= u8::from(open);
        lost.queue(protocol, at);
        add(next, "a removal goes to the journal", process, lost);
    }
}

impl State {
    pub(crate) fn queue(&mut self, protocol: &Protocol, at: usize) {
        let here = self.process(protocol.writers[at].process);
        here.waiting = here.waiting.and(protocol.patterns(at));
        self.writers[at].writing = Writing::Queued;
    }

    /// The reply is here: what the removal covers goes here, too; then its caller is told.
    fn acknowledge(&mut self, protocol: &Protocol, at: usize, current: bool, reply: Removed) {
        let process = protocol.writers[at].process;
        let patterns = protocol.patterns(at);
        let spares = self.writers[at].spares;
        if reply.birth != 0 {
            self.learn_reply(protocol, process, reply, patterns);
            self.lift(protocol, process, spares, reply, patterns);
        }
        if protocol.on(LocalPass) {
            self.local_pass(protocol, process, patterns, spares);
        }
        self.paid(at);
        self.returned(protocol, at, current);
        if protocol.faults.failovers > 0 {
            let here = self.process(process);
            here.recent = here.recent.and(patterns);
        }
    }

    /// What a reply teaches. It may be handled after pushes that Redis wrote later: so it tells of no birth.
    pub(crate) fn learn_reply(
        &mut self,
        protocol: &Protocol,
        process: u8,
        reply: Removed,
        patterns: Patterns,
    ) -> bool {
        let Removed { birth, number, .. } = reply;
        let same = self.at(process).known.birth == birth;
        if !same && protocol.on(ReplyBirth) {
            self.grow_cold(protocol, process);
            return false;
        }
        if protocol.on(NumberFromReply) {
            let counter = self.at(process).known.counter;
            self.learn(protocol, process, birth, number, patterns);
            // Without pushes, smaller numbers may not have been heard of.
            if same && !protocol.hears(process) && protocol.on(PullCursor) {
                self.process(process).known.counter = counter;
            }
        }
        true
    }

    pub(crate) fn returned(&mut self, protocol: &Protocol, at: usize, durable: bool) {
        let patterns = protocol.patterns(at);
        let writer = &mut self.writers[at];
        let version = writer.version;
        (writer.writing, writer.left) = (Writing::Idle, writer.left - 1);
        (writer.version, writer.spares) = (0, 0);
        let process = protocol.writers[at].process;
        self.process(process).own.raise(version, patterns);
        if durable {
            self.durable.raise(version, patterns);
        }
    }
}
