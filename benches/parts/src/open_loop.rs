//! An open load: every request has its time, is sent then, and its answer counts from then. A service that is slow does not
//! slow the load, as it would not slow its users.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::Connection;

/// How long an answer is waited for.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How many requests, how often, and from when on.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// In all.
    pub count: u32,
    /// Evenly spread.
    pub per_second: u32,
    /// The time of the first.
    pub start: Instant,
}

/// The outcome of one request.
#[derive(Debug, Clone, Copy)]
pub struct Came<T> {
    /// Its number, from 0.
    pub number: u32,
    /// From its time to the end of its answer.
    pub took: Duration,
    /// What came; `None` if nothing did in [`PATIENCE`].
    pub what: Option<T>,
}

impl Load {
    /// When a request is to be sent.
    pub fn at(&self, number: u32) -> Instant {
        self.start + Duration::from_secs(1) * number / self.per_second
    }

    /// Sends each request at its time; returns when all are answered or given up.
    pub async fn send<T, F>(self, one: impl Fn(u32) -> F) -> Vec<Came<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (tell, mut told) = mpsc::unbounded_channel();
        // A thread of its own wakes up at the time; tokio's timer is up to a millisecond late.
        thread::spawn(move || {
            for number in 0..self.count {
                thread::sleep(self.at(number).saturating_duration_since(Instant::now()));
                let _ = tell.send(number);
            }
        });
        let mut sent = JoinSet::new();
        while let Some(number) = told.recv().await {
            let one = one(number);
            let intended = self.at(number);
            sent.spawn(async move {
                let what = timeout(PATIENCE, one).await.ok();
                Came {
                    number,
                    took: intended.elapsed(),
                    what,
                }
            });
        }
        sent.join_all().await
    }
}

/// Connections that nobody uses at the moment. As many are opened as are needed at one time.
#[derive(Debug, Clone)]
pub struct Idle {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Connection>>>,
}

impl Idle {
    /// None yet.
    pub fn to(address: SocketAddr) -> Self {
        Self {
            address,
            connections: Arc::default(),
        }
    }

    /// One of them, or a new one.
    pub async fn take(&self) -> io::Result<Connection> {
        let free = self
            .connections
            .lock()
            .expect("no panic while it is held")
            .pop();
        match free {
            Some(connection) => Ok(connection),
            None => Connection::open(self.address).await,
        }
    }

    /// Gives one back whose answer has been read to its end.
    pub fn give(&self, connection: Connection) {
        self.connections
            .lock()
            .expect("no panic while it is held")
            .push(connection);
    }
}
