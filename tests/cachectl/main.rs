//! `cachectl`, run as a program, against real servers; `map` needs none.
//!
//! | question | file |
//! |---|---|
//! | does the doctor find what is wrong, and say what to do | `doctor` |
//! | are other servers recognised: sentinels, replicas, TLS | `ways` |
//! | what do `keys`, `get` and `stats` show | `looking` |
//! | what do `invalidate` and `clear` remove, and what do they refuse | `removing` |
//! | does every command work on a Redis Cluster; what if a master is dead, frozen, or a slot moves | `cluster` |
//! | names with spaces, colons, backslashes, letters beyond ASCII | `names` |
//! | what does `map` find in the source of a program, and in which forms does it say so | `map` |
//! | `bench`, `completions`, usage, `--json` | `rest` |
//!
//! Whatever the program prints is searched for the password that all of these tests use.

mod cluster;
mod doctor;
mod looking;
mod map;
mod mapped;
mod names;
mod program;
mod removing;
mod rest;
mod store;
mod ways;
