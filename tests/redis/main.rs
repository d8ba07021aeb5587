//! The promises against a real Redis server.

mod app;
mod basics;
mod connection_test;
mod p1_outage;
mod p2_coherence;
mod p2_race;
mod p3_one_load;
mod p4_journal;
