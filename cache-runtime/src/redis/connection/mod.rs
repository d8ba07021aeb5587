//! Connections to Redis: the address, the server's identity, one connection and its commands, and whether Redis is used
//! now.
//!
//! Read in this order: [`target`] (the address), [`server`] (the server's identity), [`link`] (one connection and its
//! commands), [`tier`] (whether Redis is used now), [`session`] and [`budget`] (one call's access to Redis),
//! [`round_trip`] (how far away it is), [`supervisor`] (the task that connects), [`incumbent`] (which task is the
//! supervisor), [`watchdog`] (renews leases if a load keeps the runtime busy), [`closing`] (shutdown), [`probe`] (a
//! connection test).

pub(in crate::redis) mod budget;
pub(in crate::redis) mod clock;
pub(in crate::redis) mod closing;
pub(in crate::redis) mod fault;
pub(in crate::redis) mod incumbent;
pub(in crate::redis) mod link;
pub(in crate::redis) mod probe;
pub(in crate::redis) mod round_trip;
pub(in crate::redis) mod server;
pub(in crate::redis) mod session;
pub(in crate::redis) mod span;
pub(in crate::redis) mod supervisor;
pub(in crate::redis) mod target;
pub(in crate::redis) mod tier;
pub(in crate::redis) mod topology;
pub(in crate::redis) mod watchdog;
pub(in crate::redis) mod wire;
