//! The Redis tier: everything that knows the client crate, the scripts and the wire.
//!
//! Read in this order: [`connection`] (the way there), [`lease`] (the right to store), [`held_leases`] (what a lost connection
//! leaves behind), [`ledger`] (what was removed, and when), [`removal`] (how that gets there), [`intent`] (removals under way),
//! [`fold`] (how the ledger stays short), [`catalogue`] (which keys there are), [`walk`] (over those that a pattern covers),
//! [`reclaim`] (taking away what is stale), [`notes`] (what health tells).

mod catalogue;
mod connection;
mod count;
mod fold;
mod held_leases;
mod intent;
mod lease;
mod ledger;
mod notes;
mod reclaim;
mod removal;
mod scripts;
mod settings;
mod walk;

pub(crate) use self::connection::budget::Budget;
pub(crate) use self::connection::fault::Fault;
pub(crate) use self::connection::link::Planted;
pub use self::connection::probe::ConnectionTest;
pub(crate) use self::connection::probe::connection_test;
pub(crate) use self::connection::session::Session;
pub(crate) use self::connection::target::Target;
pub(crate) use self::connection::tier::Tier;
pub use self::count::RedisUsage;
pub(crate) use self::lease::{LEASE_LIFE, Lease, Locked, Over, Sealed};
pub(crate) use self::ledger::{Judged, Recorded};
pub(crate) use self::reclaim::Reclaim;
pub(crate) use self::removal::{OwnRemoval, Removed, Spare};
pub(crate) use self::settings::Settings;
