//! The Redis tier: all code that uses the client crate, the Lua scripts and the Redis protocol.
//!
//! Read in this order: [`connection`] (connecting and sending), [`lease`] (the right to store), [`held_leases`] (leases
//! that this process holds or has left behind), [`ledger`] (which removals there were, and in which order), [`removal`]
//! (how a removal is written to Redis), [`intent`] (removals under way), [`fold`] (keeps the ledger short),
//! [`catalogue`] (which keys there are), [`walk`] (over the entries that a pattern covers), [`reclaim`] (unlinks stale
//! entries), [`notes`] (problems that health reports), [`lack`] (what a server does not allow), [`unstored`] (values that Redis does not
//! have). The command-line tool uses `console` (a plain connection), `survey`
//! (the ledger and the catalogue, only read), `listing` (a walk over the catalogue) and `cluster_map` (the nodes of a cluster).

mod bucket;
mod catalogue;
#[cfg(feature = "cli")]
mod cluster_map;
mod connection;
#[cfg(feature = "cli")]
mod console;
mod count;
mod fold;
mod held_leases;
mod intent;
mod lack;
mod lease;
mod ledger;
#[cfg(feature = "cli")]
mod listing;
mod notes;
mod reclaim;
mod removal;
mod scripts;
mod settings;
#[cfg(feature = "cli")]
mod survey;
mod unstored;
mod walk;

pub(crate) use self::bucket::{BUCKETS, Bucket};
#[cfg(feature = "cli")]
pub(crate) use self::cluster_map::{ClusterMap, Master};
pub(crate) use self::connection::access::Access;
pub(crate) use self::connection::budget::Budget;
pub(crate) use self::connection::credentials::AnyProvider;
pub use self::connection::credentials::{Credentials, CredentialsProvider};
pub use self::connection::credentials_file::FileCredentials;
pub(crate) use self::connection::fault::Fault;
pub(crate) use self::connection::link::Planted;
pub use self::connection::probe::ConnectionTest;
pub(crate) use self::connection::probe::connection_test;
#[cfg(feature = "cli")]
pub(crate) use self::connection::server::{major_and_minor, mode as server_mode};
pub(crate) use self::connection::session::Session;
pub(crate) use self::connection::target::Target;
pub(crate) use self::connection::tier::Tier;
pub(crate) use self::connection::tls::{NamedFile, TlsFiles};
#[cfg(feature = "cli")]
pub(crate) use self::console::{Console, Told};
pub use self::count::RedisUsage;
pub(crate) use self::intent::Intent;
#[cfg(feature = "cli")]
pub(crate) use self::lack::Lack;
pub(crate) use self::lack::LacksSaid;
pub(crate) use self::lease::{LEASE_LIFE, Lease, Locked, Over, Sealed};
pub(crate) use self::ledger::{Recorded, Validity};
#[cfg(feature = "cli")]
pub(crate) use self::listing::{Listing, Position};
pub(crate) use self::reclaim::Reclaim;
pub(crate) use self::removal::{OwnRemoval, Removed, SparedLoad};
pub(crate) use self::settings::Settings;
#[cfg(feature = "cli")]
pub(crate) use self::survey::{Listed, Removal, Survey, since};
