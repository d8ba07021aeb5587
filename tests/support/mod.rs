//! What the tests share: real Redis servers, a TCP proxy that misbehaves on demand, child
//! processes, and polling that says what it waited for.
//!
//! Everything here runs in real time. Each process is stopped by its own pid when its handle is
//! dropped, so a handle must not live in a `static`, which is never dropped.
//!
//! ```no_run
//! use cache_tests::{Fault, FaultProxy, RedisServer};
//!
//! let redis = RedisServer::start();
//! let proxy = FaultProxy::in_front_of(&redis);
//! proxy.set(Fault::BlackHole);
//! assert_eq!(redis.cli(&["SET", "k", "v"]).str(), "OK");
//! redis.kill9();
//! redis.restart();
//! ```

mod bucket_names;
mod certificates;
mod child_process;
mod cluster;
mod edge;
mod eventually;
mod fault_proxy;
mod port;
mod process;
mod redis_builder;
mod redis_questions;
mod redis_server;
mod relay;
mod resp;
mod resp_client;
mod sentinel;
mod skip;

pub use certificates::{Authority, Certificates};
pub use child_process::{ChildProcess, ChildProcessBuilder};
pub use cluster::RedisCluster;
pub use edge::{Edge, EdgeAnswer, EdgeKind};
pub use eventually::{eventually, wait_until};
pub use fault_proxy::{Fault, FaultProxy};
pub use port::FreePort;
pub use redis_builder::{RedisBuilder, over_clusters};
pub use redis_server::RedisServer;
pub use resp::Resp;
pub use resp_client::RespClient;
pub use sentinel::{SentinelSet, SentinelSettings};
pub use skip::skipped;
