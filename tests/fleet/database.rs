//! The database behind the cache: a version per row, served by the parent over loopback, one line a question.
//!
//! `r <row>` reads a version, `w <row>` makes the next one and returns it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

/// The server's end. Its threads end with the connections, and the process with all of them.
#[derive(Debug)]
pub(crate) struct Database {
    address: SocketAddr,
}

/// A client: as many connections as are in use at once.
#[derive(Debug)]
pub(crate) struct Rows {
    address: SocketAddr,
    idle: Mutex<Vec<tokio::io::BufReader<tokio::net::TcpStream>>>,
}

impl Database {
    /// Serves so many rows, all at version 1.
    pub(crate) fn serve(rows: u32) -> io::Result<Self> {
        let versions: Arc<Vec<AtomicU64>> =
            Arc::new((0..rows).map(|_| AtomicU64::new(1)).collect());
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let versions = Arc::clone(&versions);
                // An error is a client that has gone.
                thread::spawn(move || answer(&connection, &versions));
            }
        });
        Ok(Self { address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn answer(connection: &TcpStream, versions: &[AtomicU64]) -> io::Result<()> {
    connection.set_nodelay(true)?;
    for line in BufReader::new(connection).lines() {
        let line = line?;
        let (verb, row) = line.split_at(2);
        let version = &versions[row.parse::<usize>().map_err(io::Error::other)?];
        let version = match verb {
            "w " => version.fetch_add(1, SeqCst) + 1,
            _ => version.load(SeqCst),
        };
        let mut connection = connection;
        connection.write_all(format!("{version}\n").as_bytes())?;
    }
    Ok(())
}

impl Rows {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// The row's version.
    pub(crate) async fn read(&self, row: u32) -> u64 {
        self.ask("r", row).await
    }

    /// The same for a thread that waits, over a connection of its own.
    pub(crate) fn read_on_thread(&self, row: u32) -> u64 {
        let connection = TcpStream::connect(self.address).expect("the parent lives");
        connection.set_nodelay(true).expect("a live connection");
        let question = format!("r {row}\n");
        (&connection)
            .write_all(question.as_bytes())
            .expect("the parent listens");
        let mut answer = String::new();
        BufReader::new(&connection)
            .read_line(&mut answer)
            .expect("the parent answers");
        answer.trim().parse().expect("a version")
    }

    /// The row's next version, from now on.
    pub(crate) async fn change(&self, row: u32) -> u64 {
        self.ask("w", row).await
    }

    /// The runtime that drove them has ended.
    pub(crate) fn forget_connections(&self) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    async fn ask(&self, verb: &str, row: u32) -> u64 {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = tokio::net::TcpStream::connect(self.address)
                    .await
                    .expect("the parent lives");
                connection.set_nodelay(true).expect("a live connection");
                tokio::io::BufReader::new(connection)
            }
        };
        // Dropped halfway, it takes the connection with it: the next one finds no half answer.
        let question = format!("{verb} {row}\n");
        connection
            .get_mut()
            .write_all(question.as_bytes())
            .await
            .expect("the parent listens");
        let mut answer = String::new();
        connection
            .read_line(&mut answer)
            .await
            .expect("the parent answers");
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        answer.trim().parse().expect("a version")
    }
}
