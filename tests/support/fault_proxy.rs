//! A TCP proxy that does to connections what networks do.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::mpsc as commands;
use tokio::sync::watch;

use crate::eventually::wait_until;
use crate::port::FreePort;
use crate::redis_server::RedisServer;
use crate::relay;

/// How long the proxy may take to do what it is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the proxy does to traffic, from the moment it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: bytes pass.
    Pass,
    /// Bytes pass this much later, in each direction, at full bandwidth.
    Delay(Duration),
    /// Bytes pass at this many a second, in each direction.
    Throttle(u32),
    /// The same for what the server sends; commands pass at full speed.
    ThrottleToClient(u32),
    /// Bytes wait, and pass when the fault ends: an outage that TCP's retransmissions survive.
    Stall,
    /// Connections stay open, bytes vanish. As TCP never passes what follows a gap, a connection
    /// that has lost any is reset when the fault ends.
    BlackHole,
    /// The same for what the client sends; answers still arrive.
    HoleToServer,
    /// The same for what the server sends: commands take effect, and nobody hears.
    HoleToClient,
    /// Nobody listens; the connections there are live on until [`FaultProxy::cut_all`].
    Refuse,
    /// New connections are accepted and closed at once.
    CloseAtOnce,
}

/// A proxy between a client and a loopback port. It runs on a thread and a clock of its own, so
/// that neither a blocked nor a paused runtime disturbs it, and stops with its handle.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    /// The reservation of the port, where it is not a server's.
    _port: Option<FreePort>,
    url: String,
    traffic: Arc<Traffic>,
    commands: commands::UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
}

/// What the handle and the connections share.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) fault: watch::Sender<Fault>,
    pub(crate) cuts: watch::Sender<()>,
    pub(crate) to_server: AtomicU64,
    pub(crate) to_client: AtomicU64,
    pub(crate) live: AtomicUsize,
    /// In microseconds: what a piece takes in each direction, whatever the fault.
    pub(crate) distance: AtomicU64,
    accepted: AtomicU64,
}

#[derive(Debug)]
enum Command {
    Become(Fault, mpsc::Sender<()>),
    PointAt(SocketAddr, mpsc::Sender<()>),
    CutAll(mpsc::Sender<Weak<()>>),
}

impl FaultProxy {
    /// A proxy to a server, whose credentials its URL carries too.
    ///
    /// The URL of a TLS server keeps its scheme; of a Unix socket there is nothing to proxy.
    #[must_use]
    pub fn in_front_of(server: &RedisServer) -> Self {
        if server.settings.whole_cluster {
            // The node tells its port as its own, so that clients must find the proxy at that port.
            return Self::beside(server, another_host());
        }
        let mut proxy = Self::to(server.address());
        proxy.url = server.url_at(proxy.listen_port());
        proxy
    }

    /// A proxy with the port of its server at another loopback address, `127.0.0.9` for example. A client that connects to
    /// a node of a cluster there, and is told only the ports of the others, finds their proxies at the same address.
    ///
    /// # Panics
    ///
    /// If something else listens there, or the system has only one loopback address.
    #[must_use]
    pub fn beside(server: &RedisServer, host: Ipv4Addr) -> Self {
        let address = SocketAddr::from((host, server.port()));
        let mut proxy = Self::listen(address, None, server.address());
        proxy.url = server
            .url_at(server.port())
            .replace("127.0.0.1", &host.to_string());
        proxy
    }

    /// A proxy to any address.
    ///
    /// # Panics
    ///
    /// If no port is free.
    #[must_use]
    pub fn to(target: SocketAddr) -> Self {
        let port = FreePort::reserve();
        Self::listen(port.address(), Some(port), target)
    }

    fn listen(address: SocketAddr, port: Option<FreePort>, target: SocketAddr) -> Self {
        let listener = StdListener::bind(address).expect("a port reserved for this");
        listener
            .set_nonblocking(true)
            .expect("a listener can be made non-blocking");
        let traffic = Arc::new(Traffic {
            fault: watch::Sender::new(Fault::Pass),
            cuts: watch::Sender::new(()),
            to_server: AtomicU64::new(0),
            to_client: AtomicU64::new(0),
            live: AtomicUsize::new(0),
            distance: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
        });
        let (sender, receiver) = commands::unbounded_channel();
        let serving = Serving {
            address,
            target,
            traffic: Arc::clone(&traffic),
        };
        let thread = thread::Builder::new()
            .name("fault-proxy".into())
            .spawn(move || {
                let runtime = runtime::Builder::new_current_thread().enable_all().build();
                runtime
                    .expect("a runtime of the proxy's own")
                    .block_on(serving.run(listener, receiver));
            })
            .expect("a thread of the proxy's own");
        Self {
            address,
            _port: port,
            url: format!("redis://{address}"),
            traffic,
            commands: sender,
            thread: Some(thread),
        }
    }

    /// The port clients connect to.
    #[must_use]
    pub fn listen_port(&self) -> u16 {
        self.address.port()
    }

    /// The loopback address with that port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL clients connect with.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Changes what happens to traffic, for new connections and those there are. Holds when this
    /// returns, except for a piece that is being written at that moment.
    #[track_caller]
    pub fn set(&self, fault: Fault) {
        self.tell(|done| Command::Become(fault, done));
    }

    /// Puts the server so far away: half of it in each direction, at full bandwidth. A fault comes on top, and ends
    /// without ending this.
    pub fn set_round_trip(&self, round_trip: Duration) {
        let each_way = u64::try_from(round_trip.as_micros() / 2).unwrap_or(u64::MAX);
        self.traffic.distance.store(each_way, Ordering::SeqCst);
    }

    /// Sends new connections to another server, as a name does that moves at a failover; those there are stay.
    #[track_caller]
    pub fn point_at(&self, server: &RedisServer) {
        self.tell(|done| Command::PointAt(server.address(), done));
    }

    /// What happens to traffic now.
    #[must_use]
    pub fn fault(&self) -> Fault {
        *self.traffic.fault.borrow()
    }

    /// Resets every live connection on both sides, and returns when they are gone.
    #[track_caller]
    pub fn cut_all(&self) {
        // Those accepted since may live, so it is not the count that has to reach nought.
        let cut = self.tell(Command::CutAll);
        wait_until(PATIENCE, "cut connections to be gone", || {
            (cut.strong_count() == 0).then_some(())
        });
    }

    /// What a dead server looks like: connections reset, new ones refused.
    #[track_caller]
    pub fn down(&self) {
        self.set(Fault::Refuse);
        self.cut_all();
    }

    /// The end of any fault.
    #[track_caller]
    pub fn up(&self) {
        self.set(Fault::Pass);
    }

    /// How many connections have been accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.traffic.accepted.load(Ordering::SeqCst)
    }

    /// How many of them are open.
    #[must_use]
    pub fn live(&self) -> usize {
        self.traffic.live.load(Ordering::SeqCst)
    }

    /// How many bytes the server has been given.
    #[must_use]
    pub fn bytes_to_server(&self) -> u64 {
        self.traffic.to_server.load(Ordering::SeqCst)
    }

    /// How many bytes the clients have been given.
    #[must_use]
    pub fn bytes_to_client(&self) -> u64 {
        self.traffic.to_client.load(Ordering::SeqCst)
    }

    #[track_caller]
    fn tell<T>(&self, command: impl FnOnce(mpsc::Sender<T>) -> Command) -> T {
        let (done, heard) = mpsc::channel();
        let told = self.commands.send(command(done));
        told.expect("the proxy's thread runs as long as its handle");
        heard
            .recv_timeout(PATIENCE)
            .expect("the proxy does what it is told")
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // The thread ends when nobody is left to tell it anything.
        let (nobody, _) = commands::unbounded_channel();
        self.commands = nobody;
        if let Some(thread) = self.thread.take() {
            // What went wrong in there has been printed by then.
            let _ = thread.join();
        }
    }
}

/// A loopback address that no other proxy of this machine's tests has: made of the process and a count.
fn another_host() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high.max(1), low, COUNT.fetch_add(1, Ordering::SeqCst))
}

/// The half that runs on the proxy's thread.
struct Serving {
    address: SocketAddr,
    target: SocketAddr,
    traffic: Arc<Traffic>,
}

impl Serving {
    async fn run(
        mut self,
        listener: StdListener,
        mut commands: commands::UnboundedReceiver<Command>,
    ) {
        // Held by every connection accepted since the last cut.
        let mut epoch = Arc::new(());
        let mut listener = Some(TcpListener::from_std(listener).expect("a non-blocking listener"));
        loop {
            tokio::select! {
                // Connections first: whoever was there before a command is subject to it.
                biased;
                accepted = accept(listener.as_ref()) => self.welcome(accepted, &epoch),
                command = commands.recv() => match command {
                    None => return,
                    Some(Command::Become(fault, done)) => {
                        if fault == Fault::Refuse {
                            listener = None;
                        } else if listener.is_none() {
                            listener = Some(self.listen_again().await);
                        }
                        self.traffic.fault.send_replace(fault);
                        let _ = done.send(());
                    }
                    Some(Command::PointAt(target, done)) => {
                        self.target = target;
                        let _ = done.send(());
                    }
                    Some(Command::CutAll(done)) => {
                        self.traffic.cuts.send_replace(());
                        let cut = std::mem::take(&mut epoch);
                        let _ = done.send(Arc::downgrade(&cut));
                    }
                },
            }
        }
    }

    fn welcome(&self, client: TcpStream, epoch: &Arc<()>) {
        self.traffic.accepted.fetch_add(1, Ordering::SeqCst);
        if *self.traffic.fault.borrow() == Fault::CloseAtOnce {
            return;
        }
        // Subscribed before the task first runs, so that no cut passes it by.
        let connection =
            relay::Connection::new(client, Arc::clone(&self.traffic), Arc::clone(epoch));
        tokio::spawn(connection.run(self.target));
    }

    async fn listen_again(&self) -> TcpListener {
        // The port is ours by its reservation; what may still sit on it is a dying connection.
        loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => return listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }
}

/// The next connection, or never while nobody listens.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        if let Ok((client, _)) = listener.accept().await {
            return client;
        }
    }
}
