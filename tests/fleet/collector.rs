//! Where the parent hears what its processes tell.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::clock::{self, Nanos};
use crate::history::{Event, History, ProcessId, Window};

/// Everything heard so far.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) history: History,
    /// Since when each process has not been connected; `None`: it is.
    cut_off: HashMap<ProcessId, Option<Nanos>>,
    done: HashMap<ProcessId, u64>,
}

impl Collector {
    pub(crate) fn listen() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let collector = Self {
            address: listener.local_addr()?,
            heard: Arc::default(),
        };
        let heard = Arc::clone(&collector.heard);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let heard = Arc::clone(&heard);
                // It ends with the process that tells.
                thread::spawn(move || listen(connection, &heard));
            }
        });
        Ok(collector)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    /// It reads Redis, and its journal is empty.
    pub(crate) fn is_connected(&self, process: ProcessId) -> bool {
        self.cut_off.get(&process).is_some_and(Option::is_none)
    }

    pub(crate) fn is_done(&self, process: ProcessId, number: u64) -> bool {
        self.done.get(&process).is_some_and(|done| *done >= number)
    }

    /// The history up to now.
    pub(crate) fn take(&mut self) -> History {
        let now = clock::now();
        for (process, since) in &mut self.cut_off {
            if let Some(since) = since {
                let window = Window {
                    from: *since,
                    to: now,
                };
                self.history.cut_off.push((*process, window));
                *since = now;
            }
        }
        std::mem::take(&mut self.history)
    }

    fn hear(&mut self, process: ProcessId, event: Event) {
        let history = &mut self.history;
        match event {
            Event::Read(read) => history.reads.push((process, read)),
            Event::Removal(removal) => history.removals.push((process, removal)),
            Event::Load(load) => history.loads.push((process, load)),
            Event::Lagged(from, to) => history.faults.push((Some(process), Window { from, to })),
            Event::CaughtUp(from, to) => history.caught_up.push((process, Window { from, to })),
            Event::Stood(from, to) => history.stood.push((process, Window { from, to })),
            Event::Undriven(cause, from, to) => {
                history.undriven.push((process, cause, Window { from, to }));
            }
            Event::Begun { begun, dropped } => {
                history.begun += begun;
                history.dropped += dropped;
            }
            Event::Panicked(text) => history.panics.push((process, text)),
            Event::Done(number) => {
                self.done.insert(process, number);
            }
            Event::Connected(at, connected) => {
                let before = self.cut_off.insert(process, (!connected).then_some(at));
                if let Some(Some(from)) = before {
                    history.cut_off.push((process, Window { from, to: at }));
                }
            }
        }
    }
}

fn listen(connection: TcpStream, heard: &Mutex<Heard>) -> io::Result<()> {
    let mut lines = BufReader::new(connection).lines();
    let Some(first) = lines.next() else {
        return Ok(());
    };
    let process: ProcessId = first?.parse().map_err(io::Error::other)?;
    for line in lines {
        // The last line of a killed process may be cut short.
        let Ok(event) = serde_json::from_str(&line?) else {
            continue;
        };
        heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .hear(process, event);
    }
    Ok(())
}
