//! The promises against a real Redis server.

// Fires inside what the attribute makes of a write that returns nothing.
#![allow(clippy::semicolon_if_nothing_returned)]

mod app;
mod basics;
mod connection_test;
mod p1_outage;
mod p2_coherence;
mod p2_race;
mod p2_writes;
mod p3_one_load;
mod p4_crash;
mod p4_journal;
mod p6_typed;
mod p7_bounded;
mod p8_cancel;
mod said;
mod topologies;
