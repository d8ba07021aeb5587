//! The Redis tier: everything that knows the client crate, the scripts and the wire.
//!
//! Read in this order: [`target`] (where), [`server`] (who answers), [`link`] (one connection and its commands), [`switch`] (between
//! Redis and outage), [`tier`] (is Redis to be used now?), [`session`] and [`budget`] (one call's way to it), [`lease`] (the right to store), [`held`]
//! (what a lost connection leaves behind), [`index`] (what a removal finds), [`census`] (what Redis holds), [`supervisor`] (who connects).

mod budget;
mod census;
mod connection_test;
mod held;
mod index;
mod lease;
mod link;
mod scripts;
mod server;
mod session;
mod supervisor;
mod switch;
mod target;
mod tier;

pub(crate) use self::budget::Budget;
pub use self::census::Census;
pub use self::connection_test::ConnectionTest;
pub(crate) use self::index::members;
pub(crate) use self::lease::{LEASE_LIFE, Lease, Locked, RENEW_EVERY, Sealed};
pub(crate) use self::link::{Fault, Planted};
pub(crate) use self::session::Session;
#[cfg(all(test, shuttle))]
pub(crate) use self::switch::{Switch, Way};
pub(crate) use self::target::Target;
pub(crate) use self::tier::Tier;
