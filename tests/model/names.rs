//! Two histories that differ only in names are one.

use crate::message::Message;
use crate::state::{Command, Data, Flight, Late, Phase, Reading, Slot, State, Writing};

impl State {
    /// The same state with its identities named in the order in which they are met, and equal readers in one order.
    pub(crate) fn canonical(mut self) -> Self {
        self.readers.sort_unstable();
        let mut names = Names::default();
        let server = &mut self.server;
        names.data(&mut server.data);
        names.data(&mut server.snapshot);
        names.data(&mut server.replica);
        if let Some(deposed) = &mut server.deposed {
            names.data(deposed);
        }
        match &mut server.late {
            Some(Late::Plant(lease)) => names.name(&mut lease.token),
            Some(Late::Store { over, .. }) => names.slot(over),
            None => {}
        }
        self.flights
            .iter_mut()
            .for_each(|flight| names.flight(flight));
        for process in &mut self.processes {
            let messages = process.queue.iter_mut().chain(&mut process.delayed);
            messages.for_each(|message| names.message(message));
        }
        for reader in &mut self.readers {
            if let Reading::Lead(id) | Reading::Before(id) | Reading::During(id) =
                &mut reader.reading
            {
                names.name(id);
            }
        }
        for writer in &mut self.writers {
            names.name(&mut writer.spares);
            if let Writing::Flying(id) = &mut writer.writing {
                names.name(id);
            }
        }
        self.next = names.given;
        self
    }
}

#[derive(Default)]
struct Names {
    new: [u8; 32],
    given: u8,
}

impl Names {
    /// 0 names nothing, and stays.
    fn name(&mut self, id: &mut u8) {
        if *id == 0 {
            return;
        }
        let new = &mut self.new[usize::from(*id)];
        if *new == 0 {
            self.given += 1;
            *new = self.given;
        }
        *id = *new;
    }

    fn data(&mut self, data: &mut Data) {
        self.slot(&mut data.slot);
        self.name(&mut data.lock);
    }

    fn slot(&mut self, slot: &mut Slot) {
        match slot {
            Slot::Empty => {}
            Slot::Lease(lease) => self.name(&mut lease.token),
            Slot::Value(entry) => self.name(&mut entry.id),
        }
    }

    fn flight(&mut self, flight: &mut Flight) {
        self.name(&mut flight.id);
        self.slot(&mut flight.over);
        match &mut flight.phase {
            Phase::Reply(slot, _) | Phase::Sent(Command::News(slot, _)) => self.slot(slot),
            Phase::Fill(entry) => self.name(&mut entry.id),
            _ => {}
        }
    }

    fn message(&mut self, message: &mut Message) {
        match message {
            Message::Removal { sender: id, .. } | Message::Pass { sender: id, .. } => self.name(id),
            Message::Got { flight, slot, .. } | Message::Planted { flight, slot, .. } => {
                self.name(flight);
                self.slot(slot);
            }
            Message::Locked { flight, .. } | Message::Stored { flight, .. } => self.name(flight),
            Message::Key
            | Message::Everything
            | Message::News(_)
            | Message::Removed { .. }
            | Message::Replayed(_)
            | Message::Ledger(_) => {}
        }
    }
}
