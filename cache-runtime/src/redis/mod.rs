//! The Redis tier: everything that knows the client crate, the scripts and the wire.
//!
//! Read in this order: [`target`] (where), [`link`] (one connection and its commands), [`lease`] (the right to store),
//! [`index`] (what a removal finds), [`switch`] (between Redis and outage), [`tier`] (is Redis to be used now?),
//! [`supervisor`] (who connects).

mod connection_test;
mod index;
mod lease;
mod link;
mod scripts;
mod supervisor;
mod switch;
mod target;
mod tier;

pub use self::connection_test::ConnectionTest;
pub(crate) use self::index::members;
pub(crate) use self::lease::{Lease, RENEW_EVERY, Sealed};
pub(crate) use self::link::{Fault, Planted};
#[cfg(all(test, shuttle))]
pub(crate) use self::switch::{Switch, Way};
pub(crate) use self::target::Target;
pub(crate) use self::tier::{Budget, Session, Tier};
