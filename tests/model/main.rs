//! The coherence protocol, explored: every interleaving of readers, writers, the server and its outages in small
//! configurations, and for each safeguard the shortest way in which the protocol fails without it.
//!
//! The model is about one key. A process has a memory tier, flights, a journal, and what it knows of the ledger; Redis
//! has the key, the lock beside it, the ledger, a snapshot, a replica. Redis runs a command at once; its reply waits in
//! the connection's queue, behind the pushes that Redis wrote to that connection before. A step is what one side does
//! without being seen half-done by another.
//!
//! Two models of their own are about several keys on several masters: `cluster_buckets`, the design that is built, with a
//! ledger in each bucket of keys; and `cluster`, the alternative, with one ledger. Two small ones are about servers that
//! lack something: `quiet_users`, where some user may not `PUBLISH`; and `hidden_runs`, where `INFO` is refused. `own_writes` is
//! about a transaction that reads what it has written, and `unstored` about values that a process keeps and Redis does not have.

mod cluster;
mod cluster_buckets;
mod configurations;
mod connection;
mod explore;
mod flight;
mod hand_over;
mod hidden_runs;
mod journal;
mod larger;
mod ledger;
mod message;
mod names;
mod outage;
mod own_prefix;
mod own_writes;
mod properties;
mod protocol;
mod put;
mod quiet_users;
mod reader;
mod redis;
mod refresh;
mod safeguard;
mod server;
mod state;
mod store;
mod unstored;
mod with_all;
mod without_one;
mod writer;
