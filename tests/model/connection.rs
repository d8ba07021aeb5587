//! What a connection brings: pushes and replies, handled in the order in which Redis wrote them.

use crate::ledger::{Ledger, Patterns};
use crate::message::Message;
use crate::protocol::{Next, Protocol, add};
use crate::safeguard::Safeguard::{Birth, Fence, Guard, NumberAtLease, Reload, Retire};
use crate::state::{Command, Entry, Flight, Mode, Phase, Slot, State, Writing};

pub(crate) fn steps(protocol: &Protocol, state: &State, next: &mut Next) {
    for process in state.process_numbers() {
        let here = state.at(process);
        if let Some(message) = here.queue.first() {
            let mut state = state.clone();
            state.process(process).queue.remove(0);
            state.handle(protocol, process, *message);
            add(next, name(*message), process, state);
        }
        if let Some(message) = here.delayed.first() {
            let mut state = state.clone();
            state.process(process).delayed.remove(0);
            state.handle(protocol, process, *message);
            add(next, "a push that kept no order", process, state);
        }
    }
}

fn name(message: Message) -> &'static str {
    match message {
        Message::Key => "a push: the key changed",
        Message::Everything => "a push: everything changed",
        Message::Removal { .. } => "a push: the ledger",
        Message::Pass { .. } => "the push reaches memory and flights",
        Message::Got { .. } => "a reply to a GET",
        Message::News(_) => "the news of the ledger",
        Message::Planted { .. } => "a reply to a planting",
        Message::Locked { .. } => "a reply to a lock",
        Message::Stored { .. } => "a reply to a store",
        Message::Removed { .. } => "a reply to a removal",
        Message::Replayed(_) => "a reply to a replay",
        Message::Ledger(_) => "the ledger is read",
    }
}

impl State {
    fn handle(&mut self, protocol: &Protocol, process: u8, message: Message) {
        match message {
            Message::Key => {
                self.process(process).copy = None;
                self.dirty(protocol, process);
            }
            Message::Everything => {
                self.process(process).copy = None;
                self.raise_fence(protocol, process);
            }
            Message::Removal {
                birth,
                number,
                patterns,
                sender,
            } => {
                self.learn(protocol, process, birth, number, patterns);
                if protocol.two_halves {
                    let half = Message::Pass { patterns, sender };
                    self.process(process).queue.insert(0, half);
                } else {
                    self.local_pass(protocol, process, patterns, sender);
                }
            }
            Message::Pass { patterns, sender } => {
                self.local_pass(protocol, process, patterns, sender);
            }
            Message::News(ledger) => self.hear(process, ledger),
            Message::Removed { writer, reply } => {
                let writer = &mut self.writers[usize::from(writer)];
                if let Writing::Ran { current } = writer.writing {
                    writer.writing = Writing::Removed { current, reply };
                }
            }
            Message::Replayed(reply) => self.process(process).replayed = Some(reply),
            Message::Ledger(ledger) => {
                if protocol.on(Reload) {
                    self.process(process).known = ledger;
                }
                self.process(process).mode = Mode::Ready;
            }
            Message::Got { .. }
            | Message::Planted { .. }
            | Message::Locked { .. }
            | Message::Stored { .. } => self.handle_reply(protocol, message),
        }
    }

    /// A reply to a flight's command, which waits for it unless it has given up.
    fn handle_reply(&mut self, protocol: &Protocol, message: Message) {
        let (Message::Got { flight: id, .. }
        | Message::Planted { flight: id, .. }
        | Message::Locked { flight: id, .. }
        | Message::Stored { flight: id, .. }) = message
        else {
            return;
        };
        let Some(at) = self.flight_of(id) else { return };
        let mut flight = self.flights[at];
        match (message, flight.phase) {
            (Message::Got { slot, locked, .. }, Phase::Ran(Command::Get)) => {
                flight.phase = Phase::Reply(slot, locked);
            }
            (Message::Planted { slot, .. }, Phase::Ran(Command::Plant)) => {
                if slot.is(flight.over) {
                    flight.leased = true;
                    flight.phase = Phase::Load;
                } else {
                    flight.phase = Phase::Reply(slot, false);
                }
            }
            (Message::Locked { got: true, .. }, Phase::Ran(Command::Lock)) => {
                flight.leased = true;
                flight.phase = Phase::Load;
            }
            (Message::Locked { got: false, .. }, Phase::Ran(Command::Lock)) => {
                self.flights.remove(at);
                return;
            }
            (Message::Stored { won, .. }, Phase::Ran(Command::Store(version))) => {
                flight.phase = Phase::Verdict { version, won };
            }
            _ => {}
        }
        if flight.phase == Phase::Load && protocol.on(NumberAtLease) {
            let known = self.at(flight.process).known;
            flight.number = known.counter;
            flight.origin = protocol.origin(self.at(flight.process));
        }
        self.flights[at] = flight;
    }

    /// A removal that the process hears of, or has asked for.
    pub(crate) fn learn(
        &mut self,
        protocol: &Protocol,
        process: u8,
        birth: u8,
        number: u8,
        patterns: Patterns,
    ) {
        let known = &mut self.process(process).known;
        let new = known.birth != birth;
        if new && protocol.on(Birth) {
            *known = Ledger::born(birth);
        }
        known.birth = birth;
        known.set(number, patterns);
        known.counter = known.counter.max(number);
        if new {
            self.grow_cold(protocol, process);
        }
    }

    /// The ledger as Redis has it, without pushes: what is newer than the number known.
    fn hear(&mut self, process: u8, ledger: Ledger) {
        let known = &mut self.process(process).known;
        if known.birth == ledger.birth {
            known.hear(&ledger);
        } else {
            *known = ledger;
        }
    }

    /// Another ledger was born: nothing from before is of use.
    pub(crate) fn grow_cold(&mut self, protocol: &Protocol, process: u8) {
        self.process(process).copy = None;
        self.raise_fence(protocol, process);
        self.local_pass(protocol, process, Patterns::FLOOR, 0);
    }

    /// What patterns cover leaves memory, and flights that they cover take no more readers. `spared`: a flight.
    pub(crate) fn local_pass(
        &mut self,
        protocol: &Protocol,
        process: u8,
        patterns: Patterns,
        spared: u8,
    ) {
        let copy = &mut self.process(process).copy;
        *copy = copy.filter(|copy| !patterns.cover(copy.tagged));
        for flight in &mut self.flights {
            if !flight.live || flight.process != process || flight.id == spared {
                continue;
            }
            let tagged = match flight.phase {
                Phase::Reply(Slot::Value(Entry { tagged, .. }), _)
                | Phase::Fill(Entry { tagged, .. }) => Some(tagged),
                Phase::Verdict { .. }
                | Phase::Sent(Command::Store(_))
                | Phase::Ran(Command::Store(_)) => Some(true),
                _ => None,
            };
            let covered =
                patterns.cover_key() || tagged.is_some_and(|tagged| patterns.cover(tagged));
            flight.suspect |= tagged.is_none() && patterns.has(Patterns::TAG);
            if covered {
                flight.dirty |= protocol.on(Guard);
                if protocol.on(Retire) {
                    (flight.live, flight.retired) = (false, true);
                }
            }
        }
    }

    /// The key changed: a reply that is under way may be older.
    fn dirty(&mut self, protocol: &Protocol, process: u8) {
        if protocol.on(Guard) {
            let live = |flight: &&mut Flight| flight.live && flight.process == process;
            self.flights
                .iter_mut()
                .filter(live)
                .for_each(|flight| flight.dirty = true);
        }
    }

    /// What began before this fills memory no more.
    pub(crate) fn raise_fence(&mut self, protocol: &Protocol, process: u8) {
        if protocol.on(Fence) {
            let mine = |flight: &&mut Flight| flight.process == process;
            self.flights
                .iter_mut()
                .filter(mine)
                .for_each(|flight| flight.fenced = true);
        }
    }
}
