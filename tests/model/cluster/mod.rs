//! The protocol on Redis Cluster.

mod configurations;
mod faults;
mod ledger;
mod link;
mod node;
mod properties;
mod protocol;
mod reader;
mod safeguard;
mod state;
mod tests;
mod writer;
