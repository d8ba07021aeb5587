#![doc = include_str!("README.md")]

mod bucket_names;
mod certificates;
mod child_process;
mod cluster;
#[cfg(feature = "edge")]
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
#[cfg(feature = "edge")]
pub use edge::{Edge, EdgeAnswer, EdgeKind};
pub use eventually::{eventually, wait_until};
pub use fault_proxy::{Fault, FaultProxy};
pub use port::FreePort;
pub use redis_builder::RedisBuilder;
#[doc(hidden)]
pub use redis_builder::over_clusters;
pub use redis_server::RedisServer;
pub use resp::Resp;
pub use resp_client::RespClient;
pub use sentinel::{SentinelSet, SentinelSettings};
#[doc(hidden)]
pub use skip::skipped;
