//! A loopback port that nobody else takes, not even while its server is down.

use std::collections::hash_map::RandomState;
use std::env;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The ports tried, all below the range that systems hand out to outgoing connections: inside it,
/// a client that keeps dialling a dead server sooner or later connects to itself and occupies the
/// port the server wants back. Cluster buses, `BUS` above each port, stay below it as well.
const FIRST: u16 = 11_000;
const COUNT: u16 = 10_000;

/// How far above its port a cluster node's bus listens.
const BUS: u16 = 10_000;

/// A port reserved for as long as this value lives.
///
/// Binding port 0 and letting go again, as is usual, leaves the port to whoever asks next, and a
/// server that is killed and brought back would lose it to a test beside it. Here a file lock
/// holds it across processes; the kernel releases the lock however the process ends.
#[derive(Debug)]
pub struct FreePort {
    number: u16,
    _lock: Option<File>,
}

impl FreePort {
    /// Reserves a port on which nothing listens.
    ///
    /// # Panics
    ///
    /// If the lock directory cannot be made, or a thousand tries found no free port.
    #[must_use]
    pub fn reserve() -> Self {
        // By user, so that the files of one do not shut out another.
        let user = rustix::process::getuid().as_raw();
        let locks = env::temp_dir().join(format!("cache-tests-ports-{user}"));
        fs::create_dir_all(&locks).expect("a directory for port locks");

        for attempt in 0..1_000_u32 {
            let number = FIRST + (RandomState::new().hash_one(attempt) % u64::from(COUNT)) as u16;
            let Ok(lock) = File::create(locks.join(number.to_string())) else {
                continue;
            };
            if lock.try_lock().is_ok() && is_unused(number) && is_unused(number + BUS) {
                return Self {
                    number,
                    _lock: Some(lock),
                };
            }
        }
        panic!("no free port among {COUNT} from {FIRST} on");
    }

    /// A port that the caller vouches for.
    pub(crate) fn given(number: u16) -> Self {
        Self {
            number,
            _lock: None,
        }
    }

    /// The number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The loopback address with this port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}

fn is_unused(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
