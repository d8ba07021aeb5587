//! The Redis tier: everything that knows the client crate, the scripts and the wire.
//!
//! Read in this order: [`target`] (where), [`server`] (who answers), [`link`] (one connection and its commands), [`switch`]
//! (between Redis and outage), [`tier`] (is Redis to be used now?), [`session`] and [`budget`] (one call's way to it), [`round_trip`] (how far
//! away it is),
//! [`lease`] (the right to store), [`held`] (what a lost connection leaves behind), [`ledger`] (what was removed, and when),
//! [`removal`] (how that gets there), [`fold`] (how it stays short), [`catalogue`] (which keys there are), [`walk`] (over those
//! that a pattern covers), [`reclaim`] (taking away what is stale), [`supervisor`] (who connects), [`incumbent`] (which task that is),
//! [`closing`] (the end), [`intent`] (removals under way), [`notes`] (what health tells), [`watchdog`] (renews the leases of loads that keep the runtime busy).

mod budget;
mod catalogue;
mod census;
mod clock;
mod closing;
mod connection_test;
mod fault;
mod fold;
mod held;
mod incumbent;
mod intent;
mod lease;
mod ledger;
mod link;
mod notes;
mod reclaim;
mod removal;
mod round_trip;
mod scripts;
mod server;
mod session;
mod settings;
mod span;
mod supervisor;
mod switch;
mod target;
mod tier;
mod walk;
mod watchdog;

pub(crate) use self::budget::Budget;
pub use self::census::Census;
pub use self::connection_test::ConnectionTest;
pub(crate) use self::connection_test::connection_test;
pub(crate) use self::fault::Fault;
pub(crate) use self::lease::{LEASE_LIFE, Lease, Locked, Over, Sealed};
pub(crate) use self::ledger::{Judged, Recorded};
pub(crate) use self::link::Planted;
pub(crate) use self::reclaim::Reclaim;
pub(crate) use self::removal::{OwnRemoval, Removed, Spare};
pub(crate) use self::session::Session;
pub(crate) use self::settings::Settings;
pub(crate) use self::switch::Reach;
#[cfg(all(test, shuttle))]
pub(crate) use self::switch::{Switch, Way};
pub(crate) use self::target::Target;
pub(crate) use self::tier::Tier;
