//! How a process tells its history: to a thread of its own, so that no call waits for it, and from there to the parent.
//! What a killed process had not handed over yet is lost, which makes the checker know less, never something wrong.

use std::io::{self, BufWriter, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::history::{Event, ProcessId};

/// The way to tell.
#[derive(Clone, Debug)]
pub(crate) struct Teller(Sender<Event>);

impl Teller {
    /// To a parent that listens there, and learns first who talks.
    pub(crate) fn to(address: SocketAddr, process: ProcessId) -> io::Result<Self> {
        let mut connection = TcpStream::connect(address)?;
        writeln!(connection, "{process}")?;
        let (sender, receiver) = mpsc::channel();
        // Ends with the process, or with the parent.
        thread::spawn(move || pass_on(connection, &receiver));
        Ok(Self(sender))
    }

    pub(crate) fn tell(&self, event: Event) {
        // Nobody listens: the parent is gone, and this process ends with its input.
        let _ = self.0.send(event);
    }
}

fn pass_on(connection: TcpStream, events: &Receiver<Event>) -> io::Result<()> {
    let mut connection = BufWriter::new(connection);
    while let Ok(event) = events.recv() {
        serde_json::to_writer(&mut connection, &event)?;
        connection.write_all(b"\n")?;
        for event in events.try_iter() {
            serde_json::to_writer(&mut connection, &event)?;
            connection.write_all(b"\n")?;
        }
        connection.flush()?;
    }
    Ok(())
}
