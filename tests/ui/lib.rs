//! Nothing: the programs are in `pass/` and `fail/`, and `main.rs` compiles them.
