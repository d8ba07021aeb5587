//! The promises against a real Redis server.

mod app;
mod basics;
mod p1_outage;
