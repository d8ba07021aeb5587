//! The coherence protocol, explored: every interleaving of readers, writers, the server and its outages in small
//! configurations, and for each safeguard the shortest way in which the protocol fails without it.
//!
//! The model is about one key. A process has a memory tier, flights, a journal; Redis has the key, its members of the
//! index, a snapshot, a replica. Commands and pushes arrive in any order. A step is what one side does without being
//! seen half-done by another.

mod configurations;
mod explore;
mod flight;
mod larger;
mod outage;
mod properties;
mod protocol;
mod reader;
mod safeguard;
mod server;
mod state;
mod with_all;
mod without_one;
mod writer;
