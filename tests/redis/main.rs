//! The promises against a real Redis server.

mod basics;
