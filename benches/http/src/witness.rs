//! Sends reads and writes, and knows which versions were acknowledged: a read that was sent after an acknowledgement
//! must not show an older version, on whichever connection.

use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

use crate::client;
use crate::page::{GROUPS, PAGES};
use crate::plan::Key;
use bench_parts::client::Connection;

pub struct Witness {
    acknowledged: Vec<AtomicU32>,
    reads: AtomicU64,
    stale: AtomicU64,
    failed: AtomicU64,
    gets: Vec<Vec<u8>>,
    posts: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Default)]
pub struct Seen {
    pub reads: u64,
    pub stale: u64,
    pub failed: u64,
}

impl Witness {
    pub fn new() -> Self {
        let keys = (0..GROUPS).flat_map(|group| (0..PAGES).map(move |page| (group, page)));
        Self {
            acknowledged: (0..GROUPS).map(|_| AtomicU32::new(1)).collect(),
            reads: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            gets: keys.map(|(group, page)| client::get(group, page)).collect(),
            posts: (0..GROUPS).map(client::post).collect(),
        }
    }

    /// True if it was answered with 200.
    pub async fn read(&self, connection: &mut Connection, key: Key) -> io::Result<bool> {
        let request = &self.gets[(key.group * PAGES + key.page) as usize];
        let acknowledged = self.acknowledged[key.group as usize].load(SeqCst);
        let answer = connection
            .ask(request)
            .await
            .inspect_err(|_| self.fails())?;
        self.reads.fetch_add(1, SeqCst);
        match (answer.status, client::version(&answer)) {
            (200, Some(version)) => {
                self.stale
                    .fetch_add(u64::from(version < acknowledged), SeqCst);
                Ok(true)
            }
            _ => {
                self.fails();
                Ok(false)
            }
        }
    }

    /// True if it was answered with 200.
    pub async fn write(&self, connection: &mut Connection, group: u32) -> io::Result<bool> {
        let request = &self.posts[group as usize];
        let answer = connection
            .ask(request)
            .await
            .inspect_err(|_| self.fails())?;
        match (answer.status, answer.number()) {
            (200, Some(version)) => {
                self.acknowledged[group as usize].fetch_max(version as u32, SeqCst);
                Ok(true)
            }
            _ => {
                self.fails();
                Ok(false)
            }
        }
    }

    pub fn seen(&self) -> Seen {
        Seen {
            reads: self.reads.load(SeqCst),
            stale: self.stale.load(SeqCst),
            failed: self.failed.load(SeqCst),
        }
    }

    /// For a request that was given up.
    pub fn fails(&self) {
        self.failed.fetch_add(1, SeqCst);
    }
}

impl Seen {
    pub fn since(self, earlier: Self) -> Self {
        Self {
            reads: self.reads - earlier.reads,
            stale: self.stale - earlier.stale,
            failed: self.failed - earlier.failed,
        }
    }
}
