//! The tests' own foundations, tested: a fault that does not happen makes every test built on it
//! pass for nothing.

mod child_process;
mod fault_proxy;
mod redis_server;
mod skip;
mod topologies;
mod waiting;

use std::net::SocketAddr;
use std::time::Duration;

use cache_tests::RespClient;

/// For what has to happen.
const SOON: Duration = Duration::from_secs(10);

/// For what must not happen: long beside a loopback round trip, short beside a test.
const WHILE: Duration = Duration::from_millis(200);

fn client(address: SocketAddr) -> RespClient {
    RespClient::tcp(address, SOON).expect("a connection")
}
