#![doc = include_str!("../../docs/outbox.md")]

mod database;
mod drain;
mod drainer;
mod finished;
mod handle;
#[cfg(feature = "outbox-postgres")]
mod postgres;
mod recorded;
#[cfg(feature = "outbox-sqlite")]
mod sqlite;
mod text;
mod transaction;

pub use self::database::OutboxDatabase;
pub use self::drain::Drained;
pub use self::drainer::OutboxDrainer;
pub use self::handle::{Backlog, Outbox};
pub use self::recorded::Recorded;
