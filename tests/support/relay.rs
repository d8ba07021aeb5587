//! One connection through the fault proxy: two directions, each at the mercy of the fault.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::fault_proxy::{Fault, Traffic};

/// How much is read at once, and how many such pieces may be on their way. Beyond that the sender
/// is held back, as a full pipe would.
const PIECE: usize = 16 * 1024;
const UNDER_WAY: usize = 64;

/// How many slices a second a throttled direction is written in.
const SLICES: u32 = 50;

/// A client's connection, from its acceptance to its end.
pub(crate) struct Connection {
    client: TcpStream,
    cuts: watch::Receiver<()>,
    // Last, so that a connection counts until its socket is closed.
    live: Live,
}

/// What says that a connection is there.
struct Live {
    traffic: Arc<Traffic>,
    _epoch: Arc<()>,
}

impl Connection {
    /// `epoch` is held until the connection is gone.
    pub(crate) fn new(client: TcpStream, traffic: Arc<Traffic>, epoch: Arc<()>) -> Self {
        traffic.live.fetch_add(1, Ordering::SeqCst);
        let cuts = traffic.cuts.subscribe();
        Self {
            client,
            cuts,
            live: Live {
                traffic,
                _epoch: epoch,
            },
        }
    }

    /// Relays until both sides have said all, or one of them breaks, or the connection is cut.
    pub(crate) async fn run(mut self, target: SocketAddr) {
        let mut cuts = self.cuts.clone();
        let server = tokio::select! {
            _ = cuts.changed() => None,
            server = self.connect(target) => server,
        };
        let Some(mut server) = server else {
            reset(&self.client);
            return;
        };
        let ended = {
            let (from_client, to_client) = self.client.split();
            let (from_server, to_server) = server.split();
            let upstream = Direction::new(&self.live.traffic, Way::ToServer);
            let downstream = Direction::new(&self.live.traffic, Way::ToClient);
            tokio::select! {
                _ = cuts.changed() => Err(Broken),
                both = async {
                    tokio::try_join!(
                        upstream.run(from_client, to_server),
                        downstream.run(from_server, to_client),
                    )
                } => both.map(|_| ()),
            }
        };
        if ended.is_err() {
            reset(&self.client);
            reset(&server);
        }
    }

    /// The connection to the server. A client in a black hole does not learn that there is none.
    async fn connect(&self, target: SocketAddr) -> Option<TcpStream> {
        let mut fault = self.live.traffic.fault.subscribe();
        loop {
            if let Ok(server) = TcpStream::connect(target).await {
                // What a client sends must leave as it came, neither delayed nor joined.
                server.set_nodelay(true).ok()?;
                self.client.set_nodelay(true).ok()?;
                return Some(server);
            }
            match *fault.borrow_and_update() {
                Fault::BlackHole | Fault::HoleToClient | Fault::HoleToServer | Fault::Stall => {}
                _ => return None,
            }
            fault.changed().await.ok()?;
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.traffic.live.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The end of a connection that is reset instead of closed.
struct Broken;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

/// What becomes of a piece now.
enum Fate {
    Pass,
    Slowly(u32),
    Wait,
    Vanish,
}

impl Way {
    fn fate(self, fault: Fault) -> Fate {
        match (fault, self) {
            (Fault::Stall, _) => Fate::Wait,
            (Fault::Throttle(rate), _) | (Fault::ThrottleToClient(rate), Self::ToClient) => {
                Fate::Slowly(rate.max(1))
            }
            (Fault::BlackHole, _)
            | (Fault::HoleToServer, Self::ToServer)
            | (Fault::HoleToClient, Self::ToClient) => Fate::Vanish,
            _ => Fate::Pass,
        }
    }
}

/// A piece of the stream, empty at its end, with the moment it is due.
struct Piece {
    bytes: Vec<u8>,
    due: Instant,
}

struct Direction<'a> {
    way: Way,
    fault: watch::Receiver<Fault>,
    passed: &'a AtomicU64,
    /// What a piece takes at the least, in microseconds.
    distance: &'a AtomicU64,
    /// Whether the stream has a gap, after which nothing may be passed any more.
    lost: bool,
}

impl<'a> Direction<'a> {
    fn new(traffic: &'a Traffic, way: Way) -> Self {
        let passed = match way {
            Way::ToServer => &traffic.to_server,
            Way::ToClient => &traffic.to_client,
        };
        Self {
            way,
            fault: traffic.fault.subscribe(),
            passed,
            distance: &traffic.distance,
            lost: false,
        }
    }

    async fn run(self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> Result<(), Broken> {
        // Between the two, so that a delay delays without narrowing the pipe.
        let (sender, receiver) = mpsc::channel(UNDER_WAY);
        let (fault, distance) = (self.fault.clone(), self.distance);
        tokio::try_join!(
            read(from, sender, fault, distance),
            self.write(to, receiver)
        )
        .map(|_| ())
    }

    async fn write(
        mut self,
        mut to: WriteHalf<'_>,
        mut pieces: mpsc::Receiver<Piece>,
    ) -> Result<(), Broken> {
        loop {
            let piece = tokio::select! {
                changed = self.fault.changed() => {
                    changed.map_err(|_| Broken)?;
                    self.mind_the_gap()?;
                    continue;
                }
                piece = pieces.recv() => piece.ok_or(Broken)?,
            };
            sleep_until(piece.due).await;
            if piece.bytes.is_empty() {
                self.may_pass().await?;
                return to.shutdown().await.map_err(|_| Broken);
            }
            self.deliver(&piece.bytes, &mut to).await?;
        }
    }

    async fn deliver(&mut self, bytes: &[u8], to: &mut WriteHalf<'_>) -> Result<(), Broken> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let fate = self.way.fate(*self.fault.borrow_and_update());
            let slice = match fate {
                Fate::Vanish => {
                    self.lost = true;
                    return Ok(());
                }
                Fate::Wait => {
                    self.fault.changed().await.map_err(|_| Broken)?;
                    continue;
                }
                Fate::Pass => rest.len(),
                Fate::Slowly(rate) => rest.len().min(rate.div_ceil(SLICES) as usize),
            };
            self.mind_the_gap()?;
            let (now, later) = rest.split_at(slice);
            // Before the write: whoever has received something finds it counted.
            self.passed.fetch_add(now.len() as u64, Ordering::SeqCst);
            to.write_all(now).await.map_err(|_| Broken)?;
            rest = later;
            if let Fate::Slowly(rate) = fate {
                sleep(Duration::from_secs_f64(now.len() as f64 / f64::from(rate))).await;
            }
        }
        Ok(())
    }

    /// Waits until the end of a stream may be passed on: a network that swallows bytes swallows
    /// that, too.
    async fn may_pass(&mut self) -> Result<(), Broken> {
        loop {
            let fate = self.way.fate(*self.fault.borrow_and_update());
            match fate {
                Fate::Pass | Fate::Slowly(_) => return self.mind_the_gap(),
                Fate::Vanish => self.lost = true,
                Fate::Wait => {}
            }
            self.fault.changed().await.map_err(|_| Broken)?;
        }
    }

    /// Fails if something would pass after a gap.
    fn mind_the_gap(&self) -> Result<(), Broken> {
        let vanishes = matches!(self.way.fate(*self.fault.borrow()), Fate::Vanish);
        if self.lost && !vanishes {
            Err(Broken)
        } else {
            Ok(())
        }
    }
}

async fn read(
    mut from: ReadHalf<'_>,
    to: mpsc::Sender<Piece>,
    fault: watch::Receiver<Fault>,
    distance: &AtomicU64,
) -> Result<(), Broken> {
    loop {
        let mut bytes = vec![0; PIECE];
        let length = from.read(&mut bytes).await.map_err(|_| Broken)?;
        bytes.truncate(length);
        let delay = match *fault.borrow() {
            Fault::Delay(delay) => delay,
            _ => Duration::ZERO,
        };
        let distance = Duration::from_micros(distance.load(Ordering::SeqCst));
        let piece = Piece {
            bytes,
            due: Instant::now() + distance + delay,
        };
        // Nobody takes it where the other side has gone, and then that side tells.
        if to.send(piece).await.is_err() || length == 0 {
            return Ok(());
        }
    }
}

/// Makes the close that follows a reset: the peer gets an error, not an end.
fn reset(stream: &TcpStream) {
    // Fails only on a socket that is gone.
    let _ = stream.set_zero_linger();
}
