//! How long the way to Redis takes just now, past the code under test: on a machine that is busy with other things, a
//! server or a proxy that had to wait for the processor delays pushes, and nobody broke a promise.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cache_tests::RespClient;

use crate::clock::{self, nanos};
use crate::collector::Collector;
use crate::history::Window;

/// How often it asks.
const EVERY: Duration = Duration::from_millis(20);

/// An answer that takes so much longer than it must is a fault of the way.
const SLOW: Duration = Duration::from_millis(50);

/// Longer than any fault.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks through a proxy, on behalf of whichever process runs behind it, for as long as this program runs.
pub(crate) fn watch(
    proxy: SocketAddr,
    round_trip: Duration,
    process: Arc<AtomicU32>,
    collector: Collector,
) {
    thread::spawn(move || {
        loop {
            thread::sleep(EVERY);
            // Cut, or refused: that is a fault which is known already.
            let Ok(mut client) = RespClient::tcp(proxy, PATIENCE) else {
                continue;
            };
            loop {
                let from = clock::now();
                let answer = client.call(&["PING"]);
                let to = clock::now();
                if to - from > nanos(SLOW + round_trip) {
                    let whom = Some(process.load(SeqCst));
                    let mut heard = collector.heard();
                    heard.history.faults.push((whom, Window { from, to }));
                }
                if answer.is_err() {
                    break;
                }
                thread::sleep(EVERY);
            }
        }
    });
}
