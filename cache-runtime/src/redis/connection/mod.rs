//! The way to Redis: where it is, who answers, one connection and its commands, and whether it is to be used now.
//!
//! Read in this order: [`target`] (where), [`server`] (who answers), [`link`] (one connection and its commands), [`tier`] (is Redis
//! to be used now?), [`session`] and [`budget`] (one call's way to it), [`round_trip`] (how far away it is), [`supervisor`] (who
//! connects), [`incumbent`] (which task that is), [`watchdog`] (renews leases where a load keeps the runtime busy), [`closing`] (the
//! end), [`probe`] (a connection test).

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
pub(in crate::redis) mod watchdog;
