//! What a process feels of itself, past the code under test: whether it is connected, whether it runs at all, and how long
//! its runtime takes to hear what Redis says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cache_runtime::{BreakerState, Cache};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock::{self, Nanos, nanos};
use crate::history::{Cause, Event};
use crate::telling::Teller;

/// How often it looks whether it is connected, and whether it is running at all.
pub(super) const LOOK: Duration = Duration::from_millis(5);

/// How often its runtime asks.
const ASK: Duration = Duration::from_millis(10);

/// A look that comes so much later was not the process's own fault.
const LATE: Duration = Duration::from_millis(50);

/// The beat of a runtime: when it last ran a task that only wanted to be run.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// Beats for as long as its runtime runs.
    pub(super) async fn beat(self) {
        loop {
            self.0.store(clock::now(), SeqCst);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Since when it has not beaten, if that is longer than any queue of a runtime that is driven.
    fn missed(&self, now: Nanos) -> Option<Nanos> {
        let last = self.0.load(SeqCst);
        (last > 0 && now.saturating_sub(last) > nanos(LATE)).then_some(last)
    }
}

/// Whether this process is connected, whether it stood still, and whether its runtime runs. On a thread of its own: a
/// blocked runtime shall be no excuse.
pub(super) fn look_after(cache: &'static Cache, pulse: &Pulse, teller: &Teller) {
    let mut told = None;
    let mut last = clock::now();
    let mut starved_until = 0;
    loop {
        thread::sleep(LOOK);
        let now = clock::now();
        if now - last > nanos(LATE) {
            teller.tell(Event::Stood(last, now));
        } else if let Some(since) = pulse.missed(now) {
            // In pieces, for a process that is killed tells no end of it.
            let from = since.max(starved_until);
            teller.tell(Event::Undriven(Cause::Starved, from, now));
            starved_until = now;
        }
        let connected = is_connected(cache);
        if told != Some(connected) {
            // Lost at some moment since the last look; found again at the latest now that it has been looked at.
            let looked = clock::now();
            teller.tell(Event::Connected(
                if connected { looked } else { last },
                connected,
            ));
            if connected {
                teller.tell(Event::CaughtUp(now, looked));
            }
            told = Some(connected);
        }
        last = now;
    }
}

/// Whether it reads Redis, and has told it all that it removed.
pub(super) fn is_connected(cache: &Cache) -> bool {
    cache.breaker_state() == Some(BreakerState::Closed) && cache.journal_len() == 0
}

/// How long this process's runtime takes to hear what Redis says: a push waits as long for its turn as this does, and where
/// threads wait for a processor, nobody broke a promise. An excuse for the delay of a push, and for nothing else.
pub(super) async fn feel_lag(redis: String, round_trip: Duration, teller: Teller) {
    // Of a cluster, the first node.
    let servers = redis.rsplit('/').next().unwrap_or_default();
    let address = servers.split(',').next().unwrap_or_default().to_owned();
    loop {
        let wait = Wait::at_most(ASK + LATE + round_trip, &teller);
        tokio::time::sleep(ASK).await;
        // Cut, or refused: that is a fault which is known already.
        let Ok(mut connection) = TcpStream::connect(&address).await else {
            continue;
        };
        drop(wait);
        let mut answer = [0; b"+PONG\r\n".len()];
        loop {
            let wait = Wait::at_most(LATE + round_trip, &teller);
            let asked = connection.write_all(b"PING\r\n").await;
            let heard = asked.is_ok() && connection.read_exact(&mut answer).await.is_ok();
            drop(wait);
            if !heard {
                break;
            }
            let _wait = Wait::at_most(ASK + LATE, &teller);
            tokio::time::sleep(ASK).await;
        }
    }
}

/// Tells at its end if it took longer than it may. The end of the runtime ends it, too: what the runtime had not heard by
/// then, it never heard.
struct Wait<'a> {
    from: Nanos,
    longest: Duration,
    teller: &'a Teller,
}

impl<'a> Wait<'a> {
    fn at_most(longest: Duration, teller: &'a Teller) -> Self {
        Self {
            from: clock::now(),
            longest,
            teller,
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let now = clock::now();
        if now - self.from > nanos(self.longest) {
            self.teller.tell(Event::Lagged(self.from, now));
        }
    }
}
