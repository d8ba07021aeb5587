//! What Redis does at once when it runs a command: it changes what stands at the key, publishes, replies.

use crate::ledger::{Ledger, Patterns};
use crate::message::{Message, Removed};
use crate::protocol::Protocol;
use crate::safeguard::Safeguard::{Order, SpareOwnOnly, SubscribeFirst};
use crate::state::{Data, Mode, Slot, State};

impl State {
    /// The process's connection reaches a server: the one that reigns, or the one that did before.
    pub(crate) fn reaches(&self, process: u8) -> bool {
        let reign = self.at(process).reign;
        let deposed = reign != 0 && reign + 1 == self.server.reign && self.server.deposed.is_some();
        self.reaches_current(process) || deposed
    }

    /// It reaches the server that reigns.
    pub(crate) fn reaches_current(&self, process: u8) -> bool {
        self.server.up && self.at(process).reign == self.server.reign
    }

    /// It reads Redis, and reaches the server that reigns.
    pub(crate) fn connected(&self, process: u8) -> bool {
        self.at(process).mode == Mode::Open && self.reaches_current(process)
    }

    pub(crate) fn data(&mut self, reign: u8) -> &mut Data {
        if reign == self.server.reign {
            return &mut self.server.data;
        }
        let deposed = self.server.deposed.as_mut();
        deposed.expect("a connection that reaches a server")
    }

    /// What the process would find.
    pub(crate) fn found(&self, process: u8) -> Data {
        if self.at(process).reign == self.server.reign {
            return self.server.data;
        }
        self.server
            .deposed
            .expect("a connection that reaches a server")
    }

    pub(crate) fn reply(&mut self, process: u8, message: Message) {
        self.process(process).queue.push(message);
    }

    /// Changes what stands at the key; whoever is tracked will hear of it.
    pub(crate) fn change(&mut self, reign: u8, slot: Slot) {
        self.data(reign).slot = slot;
        for process in &mut self.processes {
            if process.reign == reign && process.tracked {
                process.tracked = false;
                process.queue.push(Message::Key);
            }
        }
    }

    fn publish(&mut self, protocol: &Protocol, reign: u8, message: Message) {
        for number in self.process_numbers() {
            let process = self.process(number);
            let subscribed = match process.mode {
                Mode::Open | Mode::Opening => true,
                Mode::Shut => false,
                Mode::Subscribed | Mode::Asking | Mode::Ready => protocol.on(SubscribeFirst),
            };
            if process.reign != reign || !subscribed || !protocol.hears(number) {
                continue;
            }
            if protocol.on(Order) {
                process.queue.push(message);
            } else {
                process.delayed.push(message);
            }
        }
    }

    /// The ledger of a server; where there is none, it is born, and the birth is published.
    pub(crate) fn ledger(&mut self, protocol: &Protocol, reign: u8) -> Ledger {
        if self.data(reign).ledger.birth == 0 {
            self.server.births += 1;
            let birth = self.server.births;
            self.data(reign).ledger = Ledger::born(birth);
            let message = Message::Removal {
                birth,
                number: 0,
                patterns: Patterns::NONE,
                sender: 0,
            };
            self.publish(protocol, reign, message);
        }
        self.data(reign).ledger
    }

    /// One script: the key goes, if it is named, and the ledger's patterns get a number. The lease of the flight that
    /// sends it is spared, and stamped with that number.
    pub(crate) fn run_removal(
        &mut self,
        protocol: &Protocol,
        process: u8,
        patterns: Patterns,
        sender: Sender,
        reply: Option<fn(Sender, Removed) -> Message>,
    ) {
        let reign = self.at(process).reign;
        let stands = self.data(reign).slot;
        let spared = match (stands, protocol.on(SpareOwnOnly)) {
            (Slot::Lease(_), true) => sender.flight != 0 && stands.is(sender.lease),
            (Slot::Lease(_), false) => sender.flight != 0,
            _ => false,
        };
        if patterns.has(Patterns::KEY) && !spared {
            self.change(reign, Slot::Empty);
        }
        let in_ledger = patterns.but(Patterns::KEY);
        let mut removed = Removed::default();
        if !in_ledger.is_empty() {
            let before = self.ledger(protocol, reign);
            let number = self.data(reign).ledger.raise(in_ledger);
            if let (Slot::Lease(mut lease), true) = (stands, spared) {
                lease.number = number;
                self.change(reign, Slot::Lease(lease));
            }
            removed = Removed {
                birth: before.birth,
                number,
                before: if sender.flight == 0 {
                    Ledger::default()
                } else {
                    before
                },
            };
        }
        let push = (!in_ledger.is_empty()).then_some(Message::Removal {
            birth: removed.birth,
            number: removed.number,
            patterns: in_ledger,
            sender: sender.flight,
        });
        let reply = reply.map(|reply| reply(sender, removed));
        if let (Some(reply), false) = (reply, protocol.push_first) {
            self.reply(process, reply);
        }
        if let Some(push) = push {
            self.publish(protocol, reign, push);
        }
        if let (Some(reply), true) = (reply, protocol.push_first) {
            self.reply(process, reply);
        }
    }
}

/// Who sends a removal: the writer, and the flight with the lease that it spares.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sender {
    pub(crate) writer: u8,
    pub(crate) flight: u8,
    pub(crate) lease: Slot,
}
