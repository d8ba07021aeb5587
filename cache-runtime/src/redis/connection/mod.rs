//! Connections to Redis: the address, the server's identity, one connection and its commands, and whether Redis is used
//! now.
//!
//! Read in this order: [`target`] (the address), [`login`] and [`credentials`] (who this process is), [`tls`] and
//! [`sentinels`] (what leads to a server), [`server`] (the server's identity), [`link`] (one connection and its
//! commands), [`tier`] (whether Redis is used now), [`session`] and [`budget`] (one call's access to Redis),
//! [`alarm`] (the timers that limit its waits),
//! [`round_trip`] (how far away it is), [`supervisor`] (the task that connects), [`incumbent`] (which task is the
//! supervisor), [`watchdog`] (renews leases if a load keeps the runtime busy), [`closing`] (shutdown), [`probe`] (a
//! connection test).

pub(in crate::redis) mod access;
mod alarm;
pub(in crate::redis) mod budget;
pub(in crate::redis) mod clock;
pub(in crate::redis) mod closing;
pub(in crate::redis) mod cluster_url;
pub(in crate::redis) mod credentials;
pub(in crate::redis) mod credentials_file;
pub(in crate::redis) mod fault;
pub(in crate::redis) mod incumbent;
pub(in crate::redis) mod link;
pub(in crate::redis) mod login;
pub(in crate::redis) mod probe;
pub(in crate::redis) mod provided;
pub(in crate::redis) mod push;
pub(in crate::redis) mod reauthentication;
pub(in crate::redis) mod round_trip;
pub(in crate::redis) mod sentinel_url;
pub(in crate::redis) mod sentinels;
pub(in crate::redis) mod server;
pub(in crate::redis) mod session;
pub(in crate::redis) mod socket;
pub(in crate::redis) mod span;
pub(in crate::redis) mod supervisor;
pub(in crate::redis) mod target;
pub(in crate::redis) mod tier;
pub(in crate::redis) mod tls;
pub(in crate::redis) mod topology;
pub(in crate::redis) mod watchdog;
pub(in crate::redis) mod wire;
