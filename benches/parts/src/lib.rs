//! What `benches/http` and `benches/systems` share: the load that they make, and how they write what they have measured.
//!
//! Failures of the bench itself are panics: a figure that was measured in spite of one would be wrong.

pub mod chart;
pub mod client;
pub mod cores;
pub mod cpu;
pub mod figures;
pub mod machine;
pub mod open_loop;
pub mod part;
pub mod random;
pub mod redis_server;
pub mod table;
pub mod timeline;
