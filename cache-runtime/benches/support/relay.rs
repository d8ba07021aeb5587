//! A stretch of network between a client and a server: everything arrives later by a fixed time, and in order.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Relays on a thread of its own, so that a busy bench does not make the way longer. Ends with its handle.
pub(crate) struct Relay {
    runtime: Option<Runtime>,
    pub(crate) url: String,
}

impl Relay {
    /// `delay`: one way, so half of a round trip.
    pub(crate) fn start(server: &str, delay: Duration) -> Self {
        let server: SocketAddr = server
            .trim_start_matches("redis://")
            .parse()
            .unwrap_or_else(|error| panic!("{server}: {error}"));
        let listener = StdListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("{error}"));
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("no runtime: {error}"));
        runtime.spawn(accept(listener, server, delay));
        Self {
            runtime: Some(runtime),
            url: format!("redis://{address}"),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: StdListener, server: SocketAddr, delay: Duration) {
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| TcpListener::from_std(listener))
        .unwrap_or_else(|error| panic!("{error}"));
    while let Ok((client, _)) = listener.accept().await {
        // The other end sees that nobody answers.
        let Ok(server) = TcpStream::connect(server).await else {
            continue;
        };
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        one_way(from_client, to_server, delay);
        one_way(from_server, to_client, delay);
    }
}

fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if sender
                .send((Instant::now() + delay, buffer[..length].to_vec()))
                .is_err()
            {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((due, bytes)) = receiver.recv().await {
            if !delay.is_zero() {
                sleep_until(due).await;
            }
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
}
